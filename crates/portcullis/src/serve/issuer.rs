//! The issuer: its clients, its keys, its endpoints.

use super::{http::Endpoints, tls::Watch};
use crate::{
    certificate,
    cli::{House, ID_TOKEN_ALGS, Stop, provider},
    clock::{self, Chance},
    config::{ClientCertificates, Issuing},
};
use axum::{extract::MatchedPath, response::Response};
use portcullis_directory::Directory;
use portcullis_issuer::{self as issuer, Partners, mail::Mailer, upstream::Upstreams};
use portcullis_keyring::{Act, OurKeys};
use portcullis_policy::Judge;
use portcullis_verify::{Heard, KnownRevocations, dpop::Possession};
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy, csrf::CsrfKey};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::sync::Arc;
use tower::util::MapResponse;

/// How many DPoP proofs may be in use at the issuer's own `/userinfo` at a time.
const PROOFS: usize = 100_000;

/// What the issuer knows, and others need.
pub(super) struct Issuer {
    pub(super) directory: Directory,
    pub(super) keys: OurKeys,
    settings: issuer::Settings,
    csrf: CsrfKey,
    mail: Mailer,
    upstreams: Upstreams,
    subjects: issuer::SubjectKey,
    possession: Arc<Possession>,
    partners: Partners,
}

impl Issuer {
    /// What it has revoked, as of now.
    pub(super) fn revocations(&self) -> KnownRevocations {
        let list = self.directory.revocations().borrow().clone();
        KnownRevocations { list, heard: Heard::AsItHappens }
    }
}

/// Opens clients and keys; the keys are made if they are not there.
pub(super) async fn open(house: &House, issuing: &Issuing) -> Result<Issuer, Stop> {
    let act = Act::new("schedule", clock::now(), &mut Chance);
    let keys = house.keys(house.issuer_keys(), act).await?;
    let directory = house.directory().await?;
    directory.fetch_with(outgoing(issuing)?);
    let sources = (clock::clock(), clock::entropy());
    let (mail, task) = Mailer::new(house.mail()?, directory.clone(), issuing.url.clone(), sources);
    tokio::spawn(task.run());
    directory.limit_grants(issuing.grants);
    let life = house.config.longest_ttl();
    directory.limit_tokens(life, clock::now()).await.map_err(Stop::cannot_run)?;
    Ok(Issuer {
        directory,
        keys,
        settings: settings(house, issuing)?,
        csrf: house.csrf()?,
        mail,
        upstreams: upstreams(house)?,
        subjects: house.subjects()?,
        possession: Arc::new(house.possession(PROOFS)?),
        partners: Partners::new(outgoing(issuing)?),
    })
}

/// Clients and keys as they lie there: for questions, which change nothing.
pub(super) async fn look(house: &House, issuing: &Issuing) -> Result<Issuer, Stop> {
    let keys = house.look_at_keys(house.issuer_keys()).await?;
    Ok(Issuer {
        directory: house.directory().await?,
        keys,
        settings: settings(house, issuing)?,
        csrf: house.csrf()?,
        mail: Mailer::idle(),
        upstreams: upstreams(house)?,
        subjects: house.subjects()?,
        possession: Arc::new(house.possession(PROOFS)?),
        partners: Partners::new(outgoing(issuing)?),
    })
}

fn settings(house: &House, issuing: &Issuing) -> Result<issuer::Settings, Stop> {
    let apis = house.config.apis.iter().map(|api| issuer::Api {
        name: api.name.clone(),
        resource: api.resource.clone(),
        scopes: api.scopes.clone(),
        signing_alg: api.signing_alg,
        token_ttl: api.access_token_ttl,
        tenant: api.tenant.clone(),
    });
    let registry = house.config.registry.clone();
    let settings = issuer::Settings::new(
        issuing.url.clone(),
        apis.collect(),
        registry,
        issuing.access_token_ttl,
    );
    let settings = settings.map_err(Stop::cannot_run)?;
    let admission = &issuing.admission;
    Ok(settings
        .signing_id_tokens_with(ID_TOKEN_ALGS.to_vec())
        .with_dpop_nonce(issuing.dpop_nonce)
        .behind(issuing.trusted_proxies.clone())
        .with_certificates(certificates(issuing))
        .with_registrations(admission.registrations.clone())
        .with_documents(admission.documents.clone()))
}

/// What fetches the documents and keys of apps: public addresses, and what the operator named besides.
pub(crate) fn outgoing(issuing: &Issuing) -> Result<Outgoing, Stop> {
    let url = url::Url::parse(issuing.url.as_str()).map_err(Stop::cannot_run)?;
    let loopback =
        if portcullis_web::is_loopback(&url) { Loopback::Allowed } else { Loopback::Refused };
    let admission = &issuing.admission;
    let policy = OutgoingPolicy {
        loopback,
        allowed_private: admission.private_networks.clone(),
        ..OutgoingPolicy::default()
    };
    let authorities = match &admission.ca_file {
        None => Vec::new(),
        Some(file) => {
            let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            all.map_err(|fault| {
                Stop::cannot_run(format!(
                    "cannot read the authorities in {}: {fault}",
                    file.display()
                ))
            })?
        }
    };
    Outgoing::trusting(policy, authorities).map_err(Stop::cannot_run)
}

/// How clients can show certificates.
fn certificates(issuing: &Issuing) -> issuer::Certificates {
    let tls = issuing.tls.as_ref();
    let asks = tls.is_some_and(|tls| tls.client_certificates != ClientCertificates::None);
    let shown = asks || issuing.mtls.is_some() || issuing.client_certificate_header.is_some();
    issuer::Certificates {
        shown: if shown { issuer::Shown::Here } else { issuer::Shown::Never },
        vouched: match issuing.client_ca {
            Some(_) => issuer::Vouched::ByAuthorities,
            None => issuer::Vouched::ByNobody,
        },
        header: issuing.client_certificate_header,
        mtls_url: issuing.mtls.as_ref().map(|mtls| mtls.url.clone()),
    }
}

/// Has the authorities that vouch for clients believed, now and whenever their file changes.
pub(super) fn authorities(issuing: &Issuing, issuer: &Issuer) -> Result<Option<Watch>, Stop> {
    let Some(file) = &issuing.client_ca else { return Ok(None) };
    let directory = issuer.directory.clone();
    let watch = Watch::open("issuer", vec![file.clone()], move |contents| {
        let roots = certificate::authorities(contents.first().map_or(&[], Vec::as_slice))?;
        directory.believe(roots.roots);
        Ok(None)
    });
    watch.map(Some)
}

/// Whom people may sign in with besides ourselves.
fn upstreams(house: &House) -> Result<Upstreams, Stop> {
    let providers = provider::providers(&house.config)?;
    Ok(Upstreams::new(providers, provider::outgoing(&house.config)?))
}

/// What the endpoints and the deliveries of the issuer work with.
pub(super) fn state(house: &House, issuer: &Issuer, judge: Option<Judge>) -> issuer::State {
    issuer::State {
        settings: issuer.settings.clone(),
        directory: issuer.directory.clone(),
        keys: issuer.keys.clone(),
        store: house.store.clone(),
        clock: clock::clock(),
        entropy: clock::entropy(),
        csrf: issuer.csrf.clone(),
        mail: issuer.mail.clone(),
        upstreams: issuer.upstreams.clone(),
        subjects: issuer.subjects.clone(),
        partners: issuer.partners.clone(),
        judge,
        logos: issuer::Logos::default(),
        guesses: issuer::Guesses::default(),
        possession: issuer.possession.clone(),
    }
}

/// The endpoints, counted.
pub(super) fn router(state: issuer::State, registry: &mut Registry) -> impl Endpoints {
    let router = issuer::router(state);
    let answers = Answers::default();
    registry.register(
        "portcullis_issuer_answers",
        "Answers of the issuer by route and status",
        answers.clone(),
    );
    let counted = move |response: Response| {
        count(&answers, &response);
        response
    };
    MapResponse::new(router, counted)
}

type Answers = Family<AnswerLabels, Counter>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    endpoint: String,
    status: u16,
}

fn count(answers: &Answers, response: &Response) {
    // Of a closed list, the routes: paths are the caller's words, and each would be a series of its own.
    let route = response.extensions().get::<MatchedPath>();
    let endpoint = route.map_or("none", MatchedPath::as_str).to_owned();
    answers.get_or_create(&AnswerLabels { endpoint, status: response.status().as_u16() }).inc();
}
