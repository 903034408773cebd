//! The keys of all whose tokens tenants trust: fetched when they are first needed, kept while their issuer is down,
//! looked for again once a minute at most.

use portcullis_directory::{Budget, Candidate};
use portcullis_jose::jwk::KeySet;
use portcullis_keyring::{KeyAges, KeySource, Refresh, TheirKeys, Why};
use portcullis_types::{Denial, InboundFault, Issuer, Timestamp, Ttl};
use portcullis_verify::{
    IssuerKeys,
    subject::{self, CheckedTrust},
};
use portcullis_web::Outgoing;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use url::Url;

/// How many exchanges a minute one API key may have: many processes may share it, and each renews its token in time.
const KEY_RATE: u32 = 600;

/// Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Partners(Arc<Inner>);

struct Inner {
    outgoing: Outgoing,
    /// By issuer and by where its keys are: two tenants that trust one issuer fetch once.
    known: RwLock<HashMap<(String, String), TheirKeys>>,
    /// What subjects spend, by how much a minute they may.
    budgets: RwLock<HashMap<u32, Arc<Budget>>>,
}

/// The keys of an issuer, or why there are none and when to ask again.
pub(crate) type PartnerKeys = Result<IssuerKeys, (String, Ttl)>;

impl Partners {
    /// Of nobody yet. `outgoing` fetches.
    pub fn new(outgoing: Outgoing) -> Self {
        Self(Arc::new(Inner { outgoing, known: RwLock::default(), budgets: RwLock::default() }))
    }

    /// The keys to use now. Waits for the network only if none were ever fetched.
    pub async fn keys(&self, trust: &CheckedTrust, now: Timestamp) -> PartnerKeys {
        if let Some(set) = trust.inline_keys() {
            return Ok(IssuerKeys { set: set.clone(), fetched_at: None });
        }
        let Some(theirs) = self.of(trust) else {
            return Ok(IssuerKeys { set: Arc::new(KeySet::new([])), fetched_at: None });
        };
        if theirs.current(now).is_none() {
            theirs.refresh(Why::Stale, now).await;
        } else if theirs.is_stale(now) {
            let aside = theirs.clone();
            tokio::spawn(async move { aside.refresh(Why::Stale, now).await });
        }
        match theirs.current(now) {
            Some(keys) => Ok(IssuerKeys { set: keys.set.clone(), fetched_at: keys.fetched_at }),
            None => Err(theirs.trouble(now).map_or_else(
                || ("no key set was fetched yet".to_owned(), Ttl::seconds(1)),
                |trouble| (trouble.reason, trouble.retry_after),
            )),
        }
    }

    /// Looks for a key that none of the sets at hand has. False if there is nothing new to try.
    pub async fn fetched_more(
        &self,
        denial: &Denial,
        trusts: &[&Candidate],
        now: Timestamp,
    ) -> bool {
        let Denial::BadInbound { fault: InboundFault::UnknownKey { .. }, .. } = denial else {
            return false;
        };
        let mut fetched = false;
        for one in trusts {
            let Some(theirs) = self.of(&one.trust) else { continue };
            fetched |= theirs.refresh(Why::UnknownKid, now).await == Refresh::Fetched;
        }
        fetched
    }

    /// One more exchange for a subject, or how long to wait. Each node counts for itself.
    pub fn spend(&self, trust: &CheckedTrust, sub: &str, now: Timestamp) -> Result<(), Ttl> {
        self.spent(trust.rate(), (trust.tenant().as_str(), trust.name(), sub), now)
    }

    /// The same, for an API key, by who it speaks for.
    pub(crate) fn spend_key(&self, sub: &str, now: Timestamp) -> Result<(), Ttl> {
        self.spent(KEY_RATE, ("", "", sub), now)
    }

    fn spent(&self, rate: u32, who: (&str, &str, &str), now: Timestamp) -> Result<(), Ttl> {
        let rate = rate.max(1);
        let known =
            self.0.budgets.read().unwrap_or_else(PoisonError::into_inner).get(&rate).cloned();
        let budget = known.unwrap_or_else(|| {
            let mut budgets = self.0.budgets.write().unwrap_or_else(PoisonError::into_inner);
            let period = Ttl::from_millis(60_000 / u64::from(rate));
            budgets.entry(rate).or_insert_with(|| Arc::new(Budget::new(rate, period))).clone()
        });
        budget.spend(who, now)
    }

    /// Those whose keys are fetched. Frozen ones never are.
    fn of(&self, trust: &CheckedTrust) -> Option<TheirKeys> {
        if trust.record().freeze_keys {
            return None;
        }
        let (place, source) = match &trust.record().keys {
            subject::KeySource::Discovery => (String::new(), KeySource::Discovery),
            subject::KeySource::JwksUri(url) => {
                (url.clone(), KeySource::JwksUri(Url::parse(url).ok()?))
            }
            subject::KeySource::Jwks(_) => return None,
        };
        let name = (trust.issuer().to_owned(), place);
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(theirs) = known.get(&name) {
            return Some(theirs.clone());
        }
        drop(known);
        let issuer = Issuer::new(trust.issuer()).ok()?;
        let made = TheirKeys::new(issuer, source, self.0.outgoing.clone(), KeyAges::default());
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        Some(known.entry(name).or_insert(made).clone())
    }
}
