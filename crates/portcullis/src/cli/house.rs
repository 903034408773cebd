//! What commands stand on: the configuration, the key-encryption key, the store.

use super::{Stop, database, talk};
use crate::clock;
use crate::config::{self, Config, Machine, MailTo, Purpose, Report, SecretSource, Severity};
use portcullis_audit::{self as audit, AuditKey};
use portcullis_directory::{Contracts, Directory, Policies, SecretHashKey};
use portcullis_issuer::{
    SubjectKey,
    mail::{MailSettings, Sink, Smtp},
};
use portcullis_jose::Alg;
use portcullis_keyring::{Act, KeyEncryptionKey, KeyPlan, OurKeys, RotationPolicy};
use portcullis_store::Store;
use portcullis_types::Issuer;
use portcullis_verify::dpop::Possession;
use portcullis_web::csrf::CsrfKey;
use secrecy::{ExposeSecret, SecretString};
use std::{
    future::Future,
    path::{Path, PathBuf},
};

/// Whose clients and keys these are where no issuer runs: nothing is ever signed in this name.
const NO_ISSUER: &str = "https://gateway-alone.invalid";

/// An open house: what the configuration says, and the store that belongs to it.
pub(crate) struct House {
    pub(crate) config: Config,
    pub(crate) store: Store,
    kek: KeyEncryptionKey,
}

/// What apps may have their ID tokens signed with, whatever the APIs have: the algorithm that all of them
/// understand, and one that FAPI 2.0 allows.
pub(crate) const ID_TOKEN_ALGS: [Alg; 2] = [Alg::RS256, Alg::ES256];

impl House {
    /// Opens what `file` describes; the database is made if it is not there.
    pub(crate) fn open(file: &Path) -> Result<Self, Stop> {
        Self::of(config(file, Purpose::Command)?)
    }

    /// Opens what `config` describes.
    pub(crate) fn of(config: Config) -> Result<Self, Stop> {
        let kek = key_encryption_key(&config.key_encryption_key)?;
        let store = database::open(&config)?;
        let seals = kek.derive("seals of the audit log").map_err(Stop::cannot_run)?;
        audit::seal_with(&store, AuditKey::new(&seals));
        Ok(Self { config, store, kek })
    }

    /// The issuer that clients belong to.
    pub(crate) fn issuer(&self) -> Result<Issuer, Stop> {
        match &self.config.issuer {
            Some(issuer) => Ok(issuer.url.clone()),
            None => Issuer::new(NO_ISSUER).map_err(Stop::cannot_run),
        }
    }

    /// The clients.
    pub(crate) async fn directory(&self) -> Result<Directory, Stop> {
        let hashes = self.kek.derive("hashes of client secrets").map_err(Stop::cannot_run)?;
        let key = SecretHashKey::new(&hashes);
        let directory = Directory::open(self.store.clone(), key, self.issuer()?).await;
        let directory = directory.map_err(Stop::cannot_run)?;
        directory.settle(self.config.people.settings.clone());
        let contracts =
            Contracts { tiers: self.config.tiers.clone(), registry: self.config.registry.clone() };
        directory.contract(contracts).await.map_err(Stop::cannot_run)?;
        Ok(directory)
    }

    /// The policies that are and were in force.
    pub(crate) fn policies(&self) -> Policies {
        Policies::new(self.store.clone())
    }

    /// How people are written to.
    pub(crate) fn mail(&self) -> Result<MailSettings, Stop> {
        let mail = &self.config.people.mail;
        let issuer = self.issuer()?;
        let from = mail.from.clone().unwrap_or_else(|| {
            let host = url::Url::parse(issuer.as_str()).ok();
            let host = host.and_then(|url| url.domain().map(str::to_owned));
            format!("Portcullis <no-reply@{}>", host.as_deref().unwrap_or("localhost"))
        });
        let sink = match &mail.to {
            None => Sink::Folder(self.config.data_dir.join("mail")),
            Some(MailTo::Folder(folder)) => Sink::Folder(folder.clone()),
            Some(MailTo::Console) => Sink::Console,
            Some(MailTo::Smtp(url, password)) => {
                let password = password.as_ref().map(secret).transpose()?;
                Sink::Smtp(Smtp::new(url, password).map_err(Stop::cannot_run)?)
            }
        };
        Ok(MailSettings { from, sink })
    }

    /// What the forms of the issuer's pages are known by.
    pub(crate) fn csrf(&self) -> Result<CsrfKey, Stop> {
        self.kek.derive("tokens in forms").map(|key| CsrfKey::new(&key)).map_err(Stop::cannot_run)
    }

    /// What pairwise subjects are made with.
    pub(crate) fn subjects(&self) -> Result<SubjectKey, Stop> {
        let key = self.kek.derive("pairwise subjects");
        key.map(|key| SubjectKey::new(&key)).map_err(Stop::cannot_run)
    }

    /// What signs the issuer's tokens: one key for each algorithm that some API asks for, or that ID tokens
    /// are signed with.
    pub(crate) fn issuer_keys(&self) -> KeyPlan {
        let of_apis = self.config.apis.iter().map(|api| api.signing_alg);
        let mut algs: Vec<Alg> = of_apis.chain(ID_TOKEN_ALGS).collect();
        algs.sort_unstable();
        algs.dedup();
        KeyPlan { purpose: "issuer", algs, policy: self.rotation() }
    }

    /// What signs the identities that the gateway shows to upstreams.
    pub(crate) fn gateway_keys(&self) -> KeyPlan {
        KeyPlan { purpose: "gateway", algs: vec![Alg::ES256], policy: self.rotation() }
    }

    /// Opens the keys of a plan, and makes those that are not there.
    pub(crate) async fn keys(&self, plan: KeyPlan, by: Act) -> Result<OurKeys, Stop> {
        let kek = key_encryption_key(&self.config.key_encryption_key)?;
        OurKeys::open(self.store.clone(), kek, plan, by).await.map_err(Stop::cannot_run)
    }

    /// The keys of a plan as they lie there: nothing is made or changed.
    pub(crate) async fn look_at_keys(&self, plan: KeyPlan) -> Result<OurKeys, Stop> {
        let kek = key_encryption_key(&self.config.key_encryption_key)?;
        OurKeys::look(self.store.clone(), kek, plan).await.map_err(Stop::cannot_run)
    }

    /// What DPoP proofs are judged with. Every node with the same key-encryption key accepts the nonces of
    /// the others.
    pub(crate) fn possession(&self, replays: usize) -> Result<Possession, Stop> {
        let key = self.kek.derive("nonces of DPoP proofs").map_err(Stop::cannot_run)?;
        Ok(Possession::new(&key, replays))
    }

    fn rotation(&self) -> RotationPolicy {
        let keys = self.config.key_policy();
        RotationPolicy {
            rotate_every: keys.rotate_every,
            publish_before: keys.publish_before,
            retire_after: keys.retire_after,
        }
    }
}

fn key_encryption_key(source: &SecretSource) -> Result<KeyEncryptionKey, Stop> {
    let text = secret(source)?;
    KeyEncryptionKey::parse(text.expose_secret()).map_err(|fault| {
        Stop::cannot_run(format!(
            "the key-encryption key in {} cannot be used: {fault}",
            place(source)
        ))
        .hint("'portcullis init' makes one")
    })
}

/// The secret at `source`, without white space around it.
pub(crate) fn secret(source: &SecretSource) -> Result<SecretString, Stop> {
    let text = match source {
        SecretSource::File(path) => {
            std::fs::read_to_string(path).map_err(|fault| config::reason(&fault))
        }
        SecretSource::Env(name) => {
            std::env::var(name).map_err(|_| "it is not set, or not UTF-8".to_owned())
        }
    };
    let text =
        text.map_err(|fault| Stop::cannot_run(format!("cannot read {}: {fault}", place(source))))?;
    Ok(SecretString::from(text.trim()))
}

fn place(source: &SecretSource) -> String {
    match source {
        SecretSource::File(path) => path.display().to_string(),
        SecretSource::Env(name) => format!("the environment variable {name}"),
    }
}

/// Reads and checks `file`; it is no error here if it has mistakes.
pub(crate) fn read_config(file: &Path, purpose: Purpose) -> Result<(Option<Config>, Report), Stop> {
    let text = std::fs::read_to_string(file).map_err(|fault| {
        Stop::cannot_run(format!(
            "cannot read the configuration {}: {}",
            file.display(),
            config::reason(&fault)
        ))
        .hint("'portcullis init' writes one; --config FILE or PORTCULLIS_CONFIG names another")
    })?;
    let base = file.parent().map_or_else(PathBuf::new, Path::to_owned);
    let env = |name: &str| std::env::var_os(name).is_some();
    Ok(config::load(file, text, &Machine { base: &base, env: &env, purpose, now: clock::now() }))
}

/// The configuration in `file`, which must have no mistakes.
pub(crate) fn config(file: &Path, purpose: Purpose) -> Result<Config, Stop> {
    let (config, report) = read_config(file, purpose)?;
    let told = purpose == Purpose::Serve && report.count(Severity::Warning) > 0;
    if config.is_none() || told {
        talk(report.render());
    }
    config.ok_or_else(|| Stop::cannot_run(format!("{} cannot be used as it is", file.display())))
}

/// Runs a command's asynchronous part to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Stop::cannot_run)?
        .block_on(work)
}

/// Who acts, as the audit log shows it: `cli:alice@host`.
pub(crate) fn actor() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = rustix::system::uname();
    format!("cli:{}@{}", user.as_deref().unwrap_or("unknown"), host.nodename().to_string_lossy())
}
