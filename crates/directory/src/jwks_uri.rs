//! Keys that clients publish themselves (RFC 7591 §2, `jwks_uri`): fetched when they are needed, and kept.
//!
//! The address is the client's choice, so it is called through the guard only. One fetch at a time for
//! each address; a key that nobody has heard of is worth one fetch a minute.

use crate::{Client, Directory, KeysTrouble, PublicKeys};
use arc_swap::ArcSwapOption;
use portcullis_jose::Alg;
use portcullis_types::{Issuer, Timestamp, Ttl};
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy, is_loopback};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};
use url::Url;

/// A set may have this many bytes.
const LIMIT: usize = 64 * 1024;
/// So many sets are kept.
const MOST: usize = 4096;
/// From here on a set is fetched again; a shorter `max-age` is honoured down to [`PAUSE`].
const FRESH: Ttl = Ttl::seconds(600);
/// From here on it is not used any more, even if nothing newer can be had.
const HARD: Ttl = Ttl::seconds(24 * 3600);
/// Between two fetches because of an unknown `kid`.
const PAUSE: Ttl = Ttl::seconds(60);
/// After a fetch that failed.
const REST: Ttl = Ttl::seconds(5);

/// Why a document of a client's could not be fetched, in words that follow a colon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchTrouble(pub(crate) String);

/// Which key is looked for.
#[derive(Clone, Copy, Debug)]
pub enum WantedKey<'a> {
    /// One that made a signature.
    Signed {
        /// The header's.
        kid: Option<&'a str>,
        /// The header's.
        alg: Alg,
    },
    /// Whatever there is.
    Any,
}

/// The sets of all clients that publish theirs.
pub(crate) struct Published {
    outgoing: OnceLock<Option<Outgoing>>,
    loopback: Loopback,
    sets: Mutex<HashMap<Url, Arc<Remote>>>,
}

#[derive(Default)]
struct Remote {
    cached: ArcSwapOption<Cached>,
    /// In milliseconds.
    used: AtomicI64,
    /// Held while fetching.
    tried: tokio::sync::Mutex<Tried>,
}

struct Cached {
    keys: Arc<PublicKeys>,
    at: Timestamp,
    fresh_until: Timestamp,
}

#[derive(Default)]
struct Tried {
    failed: Option<(Timestamp, FetchTrouble)>,
    unknown_kid: Option<Timestamp>,
}

impl Directory {
    /// What fetches the documents that clients name. Without this call: public addresses by https, and
    /// loopback where the issuer itself is on loopback. Only the first call counts, and only before the
    /// first fetch.
    pub fn fetch_with(&self, outgoing: Outgoing) {
        let _ = self.inner().published.outgoing.set(Some(outgoing));
    }

    /// The guarded client for documents that clients name; `None` if TLS does not work on this machine.
    pub fn outgoing(&self) -> Option<&Outgoing> {
        self.inner().published.outgoing()
    }

    /// A client's keys: as registered, or as published. A stale set is used while a newer one is fetched.
    pub async fn keys_of(
        &self,
        client: &Client,
        wanted: WantedKey<'_>,
        now: Timestamp,
    ) -> Result<Arc<PublicKeys>, KeysTrouble> {
        match client.keys().ok_or(KeysTrouble::None)?.shared() {
            Ok(keys) => Ok(keys),
            Err(url) => self.inner().published.keys(url, wanted, now).await,
        }
    }
}

impl Published {
    pub(crate) fn new(issuer: &Issuer) -> Self {
        let loopback = Url::parse(issuer.as_str()).is_ok_and(|url| is_loopback(&url));
        let loopback = if loopback { Loopback::Allowed } else { Loopback::Refused };
        Self { outgoing: OnceLock::new(), loopback, sets: Mutex::default() }
    }

    fn outgoing(&self) -> Option<&Outgoing> {
        let usual = || {
            let policy = OutgoingPolicy { loopback: self.loopback, ..OutgoingPolicy::default() };
            Outgoing::new(policy).inspect_err(|fault| tracing::error!(%fault)).ok()
        };
        self.outgoing.get_or_init(usual).as_ref()
    }

    async fn keys(
        &self,
        url: &Url,
        wanted: WantedKey<'_>,
        now: Timestamp,
    ) -> Result<Arc<PublicKeys>, KeysTrouble> {
        let unreachable =
            |trouble| KeysTrouble::Unreachable { url: url.as_str().to_owned(), trouble };
        let Some(outgoing) = self.outgoing() else {
            return Err(unreachable(FetchTrouble("TLS is not usable here".into())));
        };
        let remote = self.remote(url, now);
        if let Some(cached) = remote.usable(now).filter(|cached| cached.has(wanted)) {
            if now >= cached.fresh_until {
                Remote::refresh_behind(remote, url.clone(), outgoing.clone(), now);
            }
            return Ok(cached.keys.clone());
        }
        remote.fetch(url, outgoing, wanted, now).await.map_err(unreachable)
    }

    fn remote(&self, url: &Url, now: Timestamp) -> Arc<Remote> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= MOST && !sets.contains_key(url) {
            let oldest = sets.iter().min_by_key(|(_, set)| set.used.load(Ordering::Relaxed));
            let oldest = oldest.map(|(url, _)| url.clone());
            oldest.and_then(|url| sets.remove(&url));
        }
        let remote = sets.entry(url.clone()).or_default().clone();
        remote.used.store(now.millis(), Ordering::Relaxed);
        remote
    }
}

impl Cached {
    fn has(&self, wanted: WantedKey<'_>) -> bool {
        match wanted {
            WantedKey::Any => true,
            WantedKey::Signed { kid, alg } => self.keys.candidates(kid, alg).next().is_some(),
        }
    }
}

impl Remote {
    fn usable(&self, now: Timestamp) -> Option<Arc<Cached>> {
        self.cached.load_full().filter(|cached| now < cached.at.plus(HARD))
    }

    /// Fetches, unless somebody just did; then what they got has to do.
    async fn fetch(
        &self,
        url: &Url,
        outgoing: &Outgoing,
        wanted: WantedKey<'_>,
        now: Timestamp,
    ) -> Result<Arc<PublicKeys>, FetchTrouble> {
        let mut tried = self.tried.lock().await;
        if let Some(cached) = self.usable(now) {
            let lately = tried.unknown_kid.is_some_and(|at| now < at.plus(PAUSE) && at <= now);
            if lately || cached.has(wanted) {
                return Ok(cached.keys.clone());
            }
            tried.unknown_kid = Some(now);
        }
        if let Some((at, trouble)) = &tried.failed
            && now < at.plus(REST)
            && *at <= now
        {
            return self.usable(now).map(|old| old.keys.clone()).ok_or_else(|| trouble.clone());
        }
        match self.get(url, outgoing, now).await {
            Ok(keys) => {
                tried.failed = None;
                Ok(keys)
            }
            Err(trouble) => {
                tracing::warn!(%url, %trouble, "a client's keys were not fetched");
                tried.failed = Some((now, trouble.clone()));
                self.usable(now).map(|old| old.keys.clone()).ok_or(trouble)
            }
        }
    }

    async fn get(
        &self,
        url: &Url,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> Result<Arc<PublicKeys>, FetchTrouble> {
        let fetched = outgoing.get_json(url, LIMIT).await;
        let fetched = fetched.map_err(|fault| FetchTrouble(fault.to_string()))?;
        if fetched.status != 200 {
            return Err(FetchTrouble(format!("the answer has status {}", fetched.status)));
        }
        let keys = PublicKeys::read(&fetched.body);
        let keys = Arc::new(keys.map_err(|fault| FetchTrouble(fault.to_string()))?);
        let fresh = fetched.max_age.unwrap_or(FRESH).clamp(PAUSE, FRESH);
        let cached = Cached { keys: keys.clone(), at: now, fresh_until: now.plus(fresh) };
        self.cached.store(Some(Arc::new(cached)));
        Ok(keys)
    }

    /// For a set that still serves.
    fn refresh_behind(this: Arc<Self>, url: Url, outgoing: Outgoing, now: Timestamp) {
        tokio::spawn(async move {
            let Ok(mut tried) = this.tried.try_lock() else { return };
            let rests = tried.failed.as_ref().is_some_and(|(at, _)| now < at.plus(PAUSE));
            let fresh = this.usable(now).is_some_and(|cached| now < cached.fresh_until);
            if rests || fresh {
                return;
            }
            tried.failed = this.get(&url, &outgoing, now).await.err().map(|trouble| (now, trouble));
        });
    }
}
