//! The keys of other issuers: fetched when needed, used while the issuer is down, never on demand of a
//! token more often than the throttle allows (a `kid` is attacker input).

mod fetch;
mod remote;
mod schedule;

pub use fetch::LARGEST_DOCUMENT;
pub use remote::{Fetch, Outcome, SkippedKey};
pub use schedule::KeyAges;

use crate::Keys;
#[cfg(feature = "ours")]
use crate::OurKeys;
use fetch::Place;
use portcullis_jose::jwk::KeySet;
use portcullis_types::{Issuer, Timestamp, Ttl};
use portcullis_web::Outgoing;
use remote::Remote;
use std::{fmt, sync::Arc};
use url::Url;

/// Where an issuer's keys come from.
#[derive(Clone)]
pub enum KeySource {
    /// By the issuer's metadata: OpenID Connect Discovery 1.0 §4, then RFC 8414 §3.
    Discovery,
    /// From this address, without metadata.
    JwksUri(Url),
    /// Given by hand; never fetched.
    Inline(Arc<KeySet>),
    /// Our own, in this process.
    #[cfg(feature = "ours")]
    Ours(OurKeys),
}

/// Why a refresh is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The keys are past their soft age, or were never fetched.
    Stale,
    /// A token names a key that is not in the set.
    UnknownKid,
}

/// How a refresh went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// The keys are as of now. They may be the same as before.
    Fetched,
    /// Nothing was fetched: too soon after another attempt, or the keys are not the fetched kind.
    Throttled,
    /// Nothing usable came; the keys are as before. The reason is for the operator.
    Failed(String),
}

/// Why there may be no keys, for whoever was refused because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What went wrong last, for the operator.
    pub reason: String,
    /// When the next attempt is allowed, from now.
    pub retry_after: Ttl,
}

/// The keys of one issuer. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct TheirKeys {
    issuer: Issuer,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Fixed(Arc<Keys>),
    #[cfg(feature = "ours")]
    Ours(OurKeys),
    Remote(Arc<Remote>),
}

impl TheirKeys {
    /// Fetches nothing yet: an issuer that is down keeps nobody from starting.
    pub fn new(issuer: Issuer, source: KeySource, client: Outgoing, ages: KeyAges) -> Self {
        let remote =
            |place| Source::Remote(Arc::new(Remote::new(issuer.clone(), place, client, ages)));
        let source = match source {
            KeySource::Discovery => remote(Place::Discovery),
            KeySource::JwksUri(url) => remote(Place::JwksUri(url)),
            KeySource::Inline(set) => {
                Source::Fixed(Arc::new(Keys { set, fetched_at: None, generation: 0 }))
            }
            #[cfg(feature = "ours")]
            KeySource::Ours(keys) => Source::Ours(keys),
        };
        Self { issuer, source }
    }

    /// Whose keys these are.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The keys to use now; `None` if none were fetched yet or the last are past the hard age.
    pub fn current(&self, now: Timestamp) -> Option<Arc<Keys>> {
        match &self.source {
            Source::Fixed(keys) => Some(Arc::clone(keys)),
            #[cfg(feature = "ours")]
            Source::Ours(keys) => Some(keys.keys()),
            Source::Remote(remote) => remote.current(now),
        }
    }

    /// The generation of [`TheirKeys::current`]; asked at every request, so it touches no shared count.
    pub fn generation(&self, now: Timestamp) -> Option<u64> {
        match &self.source {
            Source::Fixed(keys) => Some(keys.generation),
            #[cfg(feature = "ours")]
            Source::Ours(keys) => Some(keys.generation()),
            Source::Remote(remote) => remote.generation(now),
        }
    }

    /// Whether a [`TheirKeys::refresh`] for [`Why::Stale`] would do something: the keys are past their
    /// soft age or absent, and neither is one under way nor does the back-off forbid it.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.remote().is_some_and(|remote| remote.is_due(now))
    }

    /// Fetches the keys, unless it is too soon. Whoever comes while a fetch is under way waits for that
    /// one. The fetch goes on when the caller gives up: whether it ends is not the caller's to decide.
    /// Needs a tokio runtime.
    pub async fn refresh(&self, why: Why, now: Timestamp) -> Refresh {
        match self.remote() {
            Some(remote) => Remote::refresh(remote, why, now).await,
            None => Refresh::Throttled,
        }
    }

    /// What keeps the keys from being fresh; `None` if the last fetch succeeded or none was needed.
    pub fn trouble(&self, now: Timestamp) -> Option<Trouble> {
        self.remote()?.trouble(now)
    }

    /// The latest fetches, newest first: when, and which keys came or why none did.
    pub fn history(&self) -> Vec<Fetch> {
        self.remote().map(|remote| remote.history()).unwrap_or_default()
    }

    /// Only fetched keys can be late, missing or in trouble.
    const fn remote(&self) -> Option<&Arc<Remote>> {
        if let Source::Remote(remote) = &self.source { Some(remote) } else { None }
    }
}

impl fmt::Debug for TheirKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TheirKeys").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
