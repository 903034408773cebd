//! The checks of `verify` together with what they need: keys that come and go, revocations, and the
//! memory of tokens that were verified before. The one place that knows how to answer "is this token
//! good?" for a server.

use crate::{Refresh, TheirKeys, Why, cache::TokenCache};
use arc_swap::ArcSwap;
use portcullis_types::{ApiName, Audience, Denial, Registry, Timestamp, Trace, Ttl};
use portcullis_verify::{
    Admission, IssuerKeys, Known, KnownIssuer, KnownRevocations, Presented, Target, TrustedIssuer,
    Vouched, authorize, dpop::Possession, vouch,
};
use std::{cell::RefCell, sync::Arc};

/// An issuer that is trusted, and where its keys come from.
#[derive(Clone, Debug)]
pub struct Party {
    /// On what terms.
    pub trusted: TrustedIssuer,
    /// Its keys.
    pub keys: TheirKeys,
}

/// What all verifiers of a process share.
#[derive(Debug)]
pub struct Circle {
    /// Whom to trust.
    pub parties: Vec<Party>,
    /// What scopes mean.
    pub registry: Registry,
    /// Our APIs, by name and audience.
    pub apis: Vec<(ApiName, Audience)>,
    /// What was revoked, by whom; replaced as a whole whenever it changes.
    pub revocations: ArcSwap<Vec<KnownRevocations>>,
    /// The nonces that we accept in DPoP proofs, and the proofs that were used.
    pub possession: Arc<Possession>,
}

/// One thread's verifier. Shares the [`Circle`], owns its memory.
pub struct Verifier {
    circle: Arc<Circle>,
    seen: RefCell<Seen>,
    cache: RefCell<TokenCache>,
}

/// The keys as this thread last saw them.
struct Seen {
    known: Arc<Vec<KnownIssuer>>,
    generations: Vec<Option<u64>>,
    second: i64,
}

/// How it went.
pub struct Verdict {
    /// Proof that the request may pass, or why not.
    pub outcome: Result<Admission, Denial>,
    /// The token, if its signature and claims were right, whatever came after.
    pub vouched: Option<Vouched>,
    /// Whether the token had been verified before.
    pub cached: bool,
}

impl Verifier {
    /// `capacity` is how many verified tokens are remembered; 0 remembers none.
    pub fn new(circle: Arc<Circle>, capacity: usize) -> Self {
        let seen = Seen { known: Arc::default(), generations: Vec::new(), second: i64::MIN };
        Self { circle, seen: RefCell::new(seen), cache: RefCell::new(TokenCache::new(capacity)) }
    }

    /// What it shares with the others.
    pub fn circle(&self) -> &Circle {
        &self.circle
    }

    /// All checks on one request. Waits for the network only if no usable key is at hand: at first use of
    /// an issuer, and for a key that is not known, which is looked for once in a while and not more often.
    pub async fn admit(
        &self,
        presented: &Presented<'_>,
        target: &Target<'_>,
        now: Timestamp,
        trace: &mut Trace,
    ) -> Verdict {
        let verdict = self.judge(presented, target, now, trace);
        match &verdict.outcome {
            Err(denial) if self.fetched_more(denial, now).await => {
                trace.retry();
                self.judge(presented, target, now, trace)
            }
            _ => verdict,
        }
    }

    /// All checks with the keys that are at hand, without waiting. If [`Verifier::fetched_more`] for the
    /// denial, it is worth asking again.
    pub fn judge(
        &self,
        presented: &Presented<'_>,
        target: &Target<'_>,
        now: Timestamp,
        trace: &mut Trace,
    ) -> Verdict {
        let issuers = self.known(now);
        let revocations = self.circle.revocations.load();
        let known = self.circle.known(&issuers, &revocations);
        let remembered = self.cache.borrow_mut().find(presented);
        let cached = remembered.is_some();
        let vouched = match remembered {
            Some(vouched) => vouched,
            None => match vouch(presented, target.guarded, &known, trace) {
                Ok(vouched) => vouched,
                Err(denial) => return Verdict { outcome: Err(denial), vouched: None, cached },
            },
        };
        let outcome = authorize((presented, vouched.clone()), target, &known, now, trace);
        if !cached && outcome.is_ok() {
            // Only a token that is good somewhere, now, is worth the room.
            self.cache.borrow_mut().keep(presented, &vouched);
        }
        Verdict { outcome, vouched: Some(vouched), cached }
    }

    /// Asks the issuer for keys that we lack, if that is what the denial is about. False if there is
    /// nothing new to try.
    pub async fn fetched_more(&self, denial: &Denial, now: Timestamp) -> bool {
        let (issuer, why) = match denial {
            Denial::UnknownKey { issuer, .. } => (issuer, Why::UnknownKid),
            Denial::KeysUnavailable { issuer, .. } => (issuer, Why::Stale),
            _ => return false,
        };
        let party = self.circle.parties.iter().find(|party| party.trusted.issuer == *issuer);
        let Some(party) = party else { return false };
        let fetched = party.keys.refresh(why, now).await == Refresh::Fetched;
        if fetched {
            self.seen.borrow_mut().second = i64::MIN;
        }
        fetched
    }

    /// The keys as of now. Looks once a second for what time alone changes, and at every request for
    /// keys that came or went: then no token verified by the old ones is remembered.
    fn known(&self, now: Timestamp) -> Arc<Vec<KnownIssuer>> {
        let mut seen = self.seen.borrow_mut();
        let generations = self.circle.parties.iter().map(|party| generation(party, now));
        if seen.second == now.seconds() && generations.clone().eq(seen.generations.iter().copied())
        {
            return seen.known.clone();
        }
        let generations: Vec<_> = generations.collect();
        if generations != seen.generations {
            self.cache.borrow_mut().forget();
        }
        seen.known = Arc::new(self.circle.parties.iter().map(|party| party.known(now)).collect());
        seen.generations = generations;
        seen.second = now.seconds();
        for party in self.circle.parties.iter().filter(|party| party.keys.is_stale(now)) {
            refresh_aside(party.keys.clone(), now);
        }
        seen.known.clone()
    }
}

fn generation(party: &Party, now: Timestamp) -> Option<u64> {
    party.keys.generation(now)
}

/// Renews keys that are still good while requests go on. Outside a runtime nobody needs it.
fn refresh_aside(keys: TheirKeys, now: Timestamp) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move { keys.refresh(Why::Stale, now).await });
    }
}

impl Circle {
    fn known<'a>(
        &'a self,
        issuers: &'a [KnownIssuer],
        revocations: &'a [KnownRevocations],
    ) -> Known<'a> {
        Known {
            issuers,
            revocations,
            registry: &self.registry,
            apis: &self.apis,
            possession: &self.possession,
        }
    }

    /// Takes over what one issuer has revoked, in place of what was known of it before.
    pub fn hear(&self, news: &KnownRevocations) {
        self.revocations.rcu(|known| {
            let others = known.iter().filter(|other| other.list.issuer != news.list.issuer);
            others.chain([news]).cloned().collect::<Vec<_>>()
        });
    }

    /// All issuers with their keys as of now, for those who verify a single token.
    pub fn issuers(&self, now: Timestamp) -> Vec<KnownIssuer> {
        self.parties.iter().map(|party| party.known(now)).collect()
    }
}

impl Party {
    fn known(&self, now: Timestamp) -> KnownIssuer {
        let keys = match self.keys.current(now) {
            Some(keys) => Ok(IssuerKeys { set: keys.set.clone(), fetched_at: keys.fetched_at }),
            None => Err(self.keys.trouble(now).map_or_else(
                || ("no key set was fetched yet".to_owned(), Ttl::seconds(1)),
                |trouble| (trouble.reason, trouble.retry_after),
            )),
        };
        KnownIssuer { trusted: self.trusted.clone(), keys }
    }
}
