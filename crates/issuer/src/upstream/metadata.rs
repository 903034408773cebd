//! What a provider says about itself (OpenID Connect Discovery 1.0), fetched with the guard and kept a while.

use super::Provider;
use openidconnect::core::{CoreJsonWebKeySet, CoreProviderMetadata};
use portcullis_jose::jwk::KeySet;
use portcullis_types::{Timestamp, Ttl};
use portcullis_web::{FetchFault, Outgoing};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// For how long it is believed.
const FRESH: Ttl = Ttl::seconds(600);
/// For how long an old one serves while the provider does not answer.
const STALE: Ttl = Ttl::seconds(24 * 3600);
/// Between two fetches for the sake of an unknown key.
const PATIENCE: Ttl = Ttl::seconds(60);
/// After a fetch that failed, before the next.
const PAUSE: Ttl = Ttl::seconds(30);
/// More than the longest answer of a provider that is known here.
const LIMIT: usize = 150_000;
const TENANT: &str = "{tenantid}";

/// A provider's own word about itself.
pub(crate) struct Metadata {
    pub(crate) document: CoreProviderMetadata,
    /// For ID tokens.
    pub(crate) jwks: CoreJsonWebKeySet,
    /// The same, for logout tokens.
    pub(crate) keys: KeySet,
    fetched: Timestamp,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFault {
    /// It could not be fetched.
    #[error("{url} cannot be fetched: {fault}")]
    Fetch {
        /// Which document.
        url: String,
        /// What happened.
        fault: String,
    },
    /// It is not what it should be.
    #[error("{url} is not usable: {problem}")]
    Document {
        /// Which document.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// RFC 8414 §3.3: it speaks for somebody else.
    #[error(
        "it calls itself {found}, and the configuration says {expected}; they must be equal, letter by letter"
    )]
    Issuer {
        /// What the configuration says.
        expected: String,
        /// What the document says.
        found: String,
    },
}

/// The last word of a provider. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Cache(Arc<Shared>);

#[derive(Default)]
struct Shared {
    kept: Mutex<Kept>,
    /// Who fetches has it: one at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Kept {
    word: Option<Arc<Metadata>>,
    failed: Option<(Timestamp, MetadataFault)>,
}

/// Why one asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// To begin or end a sign-in.
    Fresh,
    /// Because a token was signed with a key that is not known.
    NewKeys,
}

impl Kept {
    /// What may be said at once, without asking the provider.
    fn at_once(&self, want: Want, now: Timestamp) -> Option<Result<Arc<Metadata>, MetadataFault>> {
        let age = match want {
            Want::Fresh => FRESH,
            Want::NewKeys => PATIENCE,
        };
        let within = |age| self.word.as_ref().filter(|word| now < word.fetched.plus(age));
        if let Some(word) = within(age) {
            return Some(Ok(word.clone()));
        }
        let (failed, fault) = self.failed.as_ref()?;
        if now >= failed.plus(PAUSE) {
            return None;
        }
        // A provider that is down for a moment has not changed its keys.
        let old = within(STALE).filter(|_| self.is_believed()).cloned();
        Some(old.ok_or_else(|| fault.clone()))
    }

    /// Whether the last answer, if there was one, did not speak against the word that is kept.
    fn is_believed(&self) -> bool {
        let fault = self.failed.as_ref().map(|(_, fault)| fault);
        fault.is_none_or(|fault| matches!(fault, MetadataFault::Fetch { .. }))
    }
}

impl Cache {
    /// The provider's word. One that is old serves at once, while another is fetched in the background; somebody
    /// waits only if there is none at all, or for a new key, and nobody asks a provider again that has just
    /// failed to answer.
    pub(crate) async fn get(
        &self,
        provider: &Provider,
        outgoing: &Outgoing,
        want: Want,
        now: Timestamp,
    ) -> Result<Arc<Metadata>, MetadataFault> {
        let kept = self.kept();
        if let Some(said) = kept.at_once(want, now) {
            return said;
        }
        let serves = want == Want::Fresh && kept.is_believed();
        let old = kept.word.filter(|word| serves && now < word.fetched.plus(STALE));
        let Some(old) = old else {
            let _turn = self.0.turn.lock().await;
            return self.fetched(provider, outgoing, want, now).await;
        };
        let (cache, provider, outgoing) = (self.clone(), provider.clone(), outgoing.clone());
        tokio::spawn(async move {
            // Somebody is at it already, or was a moment ago.
            let Ok(_turn) = cache.0.turn.try_lock() else { return };
            let _ = cache.fetched(&provider, &outgoing, want, now).await;
        });
        Ok(old)
    }

    /// Fetches, whose turn it is, unless it was done in the meantime.
    async fn fetched(
        &self,
        provider: &Provider,
        outgoing: &Outgoing,
        want: Want,
        now: Timestamp,
    ) -> Result<Arc<Metadata>, MetadataFault> {
        if let Some(said) = self.kept().at_once(want, now) {
            return said;
        }
        let fetched = fetch(provider, outgoing, now).await;
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(word) => {
                kept.failed = None;
                Ok(kept.word.insert(Arc::new(word)).clone())
            }
            Err(fault) => {
                tracing::warn!(provider = provider.name, %fault, "a provider says nothing of use");
                kept.failed = Some((now, fault.clone()));
                kept.at_once(want, now).unwrap_or(Err(fault))
            }
        }
    }

    fn kept(&self) -> Kept {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Fetches both documents and judges them.
pub(crate) async fn fetch(
    provider: &Provider,
    outgoing: &Outgoing,
    now: Timestamp,
) -> Result<Metadata, MetadataFault> {
    let url = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let body = get(&url, outgoing).await?;
    let document: CoreProviderMetadata =
        serde_json::from_slice(&body).map_err(|fault| unusable(&url, fault.to_string()))?;
    let found = document.issuer().as_str();
    let right = if provider.serves_many_tenants() {
        found.contains(TENANT)
    } else {
        found == provider.issuer
    };
    if !right {
        let (expected, found) = (provider.issuer.clone(), found.to_owned());
        return Err(MetadataFault::Issuer { expected, found });
    }
    if document.token_endpoint().is_none() {
        return Err(unusable(&url, "it names no token_endpoint".into()));
    }
    let jwks_uri = document.jwks_uri().as_str().to_owned();
    let body = get(&jwks_uri, outgoing).await?;
    let jwks: CoreJsonWebKeySet =
        serde_json::from_slice(&body).map_err(|fault| unusable(&jwks_uri, fault.to_string()))?;
    let keys = KeySet::parse(&body).map_err(|fault| unusable(&jwks_uri, fault.to_string()))?;
    Ok(Metadata { document, jwks, keys, fetched: now })
}

async fn get(url: &str, outgoing: &Outgoing) -> Result<bytes::Bytes, MetadataFault> {
    let fetch = |fault: String| MetadataFault::Fetch { url: url.to_owned(), fault };
    let parsed = Url::parse(url).map_err(|fault| fetch(fault.to_string()))?;
    let fetched = outgoing.get_json(&parsed, LIMIT).await;
    let fetched = fetched.map_err(|fault: FetchFault| fetch(fault.to_string()))?;
    match fetched.status {
        200 => Ok(fetched.body),
        status => Err(fetch(format!("it answers {status}"))),
    }
}

fn unusable(url: &str, problem: String) -> MetadataFault {
    MetadataFault::Document { url: url.to_owned(), problem }
}

impl Metadata {
    /// The issuer of the tokens of one Entra tenant, or the provider's own.
    pub(crate) fn issuer_for(&self, provider: &Provider, tenant: Option<&str>) -> Option<String> {
        let issuer = self.document.issuer().as_str();
        if !provider.serves_many_tenants() {
            return Some(issuer.to_owned());
        }
        let tenant =
            tenant.filter(|tenant| provider.directories.iter().any(|known| known == tenant))?;
        Some(issuer.replace(TENANT, tenant))
    }
}
