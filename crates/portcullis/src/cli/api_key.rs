//! `portcullis api-key`

use super::{
    Exit, Format, Globals, House, Outcome, Stop, data, dated, house,
    person::{acting, refused},
    table, talk, ttl,
};
use crate::clock::{self, Chance};
use clap::Subcommand;
use portcullis_directory::{ApiKey, ApiKeyHash, Directory, NewApiKey, NewApiKeyKind};
use portcullis_types::{Pattern, Tenant, Ttl};
use secrecy::{ExposeSecret, SecretString};
use std::io::Read as _;

/// More than any key has, in bytes.
const LONGEST_KEY: u64 = 4096;

const EXAMPLES: &str = "Examples:
  portcullis api-key add 'Nightly batch' --tenant t123 --scope analytics:read --ttl 90d
  portcullis api-key import 'Old portal' --tenant t123 --scope analytics:read < key.txt
  portcullis api-key import 'Old portal' --tenant t123 --scope analytics:read \\
    --sha256 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
  portcullis api-key list
  portcullis api-key disable pck_01j8…";

/// Manage API keys, which services without tokens exchange for short ones.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum ApiKeyCommand {
    Add(Key),
    Import(Import),
    /// List API keys.
    List,
    /// Stop a key, and all that was made of it, within seconds.
    Disable(One),
    /// Let a key that was disabled work again; what was made of it before stays ended.
    Enable(One),
    /// Forget a key, and end all that was made of it.
    Remove(One),
}

/// Make a key; it is shown this once.
#[derive(Debug, clap::Args)]
pub(super) struct Key {
    /// What you call it.
    name: String,
    /// The customer to whom it belongs; without it, it is the operator's own.
    #[arg(long)]
    tenant: Option<Tenant>,
    /// What its tokens may have at most: a scope, or a wildcard such as model:*; may be repeated.
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ', required = true)]
    scope: Vec<Pattern>,
    /// How long it works; without it, until you end it.
    #[arg(long, value_parser = ttl)]
    ttl: Option<Ttl>,
}

/// Take over a key that a customer has already.
///
/// The key is read from standard input, and only a keyed hash of it is kept; one that could be guessed is refused.
/// With --sha256 it need never be here: then it is the customer's word that nobody can guess it.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    #[command(flatten)]
    key: Key,
    /// The SHA-256 of the key as it is sent, in hexadecimal: printf %s "$KEY" | sha256sum
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
}

/// A key, by its id.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// pck_….
    id: String,
}

impl ApiKeyCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        let format = globals.format;
        house::block_on(async {
            let directory = house.directory().await?;
            let (actor, mut chance) = (house::actor(), Chance);
            let by = acting(&mut chance, &actor);
            let (changed, word) = match self {
                Self::Add(key) => {
                    return key.add(&directory, NewApiKeyKind::Generated, format).await;
                }
                Self::Import(import) => {
                    let hash = import.hash()?;
                    return import.key.add(&directory, NewApiKeyKind::Imported(hash), format).await;
                }
                Self::List => return list(&directory, format).await,
                Self::Disable(one) => (
                    directory.disable_api_key(by, &one.id).await,
                    "disabled; what was made of it opens nothing",
                ),
                Self::Enable(one) => (directory.enable_api_key(by, &one.id).await, "enabled"),
                Self::Remove(one) => (
                    directory.remove_api_key(by, &one.id).await,
                    "gone; what was made of it opens nothing",
                ),
            };
            let key = changed.map_err(refused)?;
            talk(format_args!("{} ({}) is {word}", key.id, key.name));
            Ok(Exit::Done)
        })
    }
}

impl Import {
    fn hash(&self) -> Result<ApiKeyHash, Stop> {
        if let Some(hex) = &self.sha256 {
            return ApiKeyHash::from_hex(hex).map_err(Stop::refused);
        }
        let mut line = String::new();
        let read = std::io::stdin().take(LONGEST_KEY).read_to_string(&mut line);
        read.map_err(|fault| Stop::cannot_run(format!("cannot read the key: {fault}")))?;
        let line = SecretString::from(line);
        let key = line.expose_secret().trim_end_matches(['\r', '\n']);
        ApiKeyHash::of(key).map_err(Stop::refused)
    }
}

impl Key {
    async fn add(self, directory: &Directory, kind: NewApiKeyKind, format: Format) -> Outcome {
        let (actor, mut chance) = (house::actor(), Chance);
        let by = acting(&mut chance, &actor);
        let expires = self.ttl.map(|ttl| clock::now().plus(ttl));
        let Self { name, tenant, scope: scopes, .. } = self;
        let new = NewApiKey { tenant, name, scopes, expires, kind };
        let (key, text) = directory.add_api_key(by, new).await.map_err(refused)?;
        let until =
            key.expires.map_or_else(|| "until you end it".into(), |at| format!("until {at}"));
        talk(format_args!("{} works {until}; its tokens are about {}", key.id, key.sub));
        let secret = text.as_ref().map(ExposeSecret::expose_secret);
        match (format, secret) {
            (Format::Text, None) => Ok(Exit::Done),
            (Format::Text, Some(secret)) => {
                talk(format_args!("this is shown once:"));
                data(format_args!("{secret}\n"))
            }
            (Format::Json, secret) => {
                let mut value = serde_json::to_value(&key).map_err(Stop::cannot_run)?;
                dated(&mut value, &["created", "expires", "disabled_since", "last_used"]);
                if let (Some(secret), Some(object)) = (secret, value.as_object_mut()) {
                    object.insert("key".into(), secret.into());
                }
                format.print(&value, String::new)
            }
        }
    }
}

async fn list(directory: &Directory, format: Format) -> Outcome {
    let keys = directory.api_keys().await.map_err(refused)?;
    let mut json = serde_json::to_value(&keys).map_err(Stop::cannot_run)?;
    dated(&mut json, &["created", "expires", "disabled_since", "last_used"]);
    let rows: Vec<_> = keys.iter().map(row).collect();
    format.print(&json, || table(["KEY", "NAME", "TENANT", "SCOPES", "STATE", "LAST USED"], &rows))
}

fn row(key: &ApiKey) -> [String; 6] {
    let scopes: Vec<_> = key.scopes.iter().map(ToString::to_string).collect();
    let now = clock::now();
    let state = match (key.disabled_since, key.expires) {
        (Some(since), _) => format!("disabled {since}"),
        (None, Some(at)) if at <= now => format!("ended {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "active".to_owned(),
    };
    [
        key.id.clone(),
        key.name.clone(),
        key.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
        scopes.join(" "),
        state,
        key.last_used.map_or_else(|| "never".into(), |at| at.to_string()),
    ]
}
