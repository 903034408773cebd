//! A key set on another machine, and what is remembered of it.

use super::{
    KeyAges, Refresh, Trouble, Why,
    fetch::{Document, Place, fetch},
    schedule::{Schedule, was_set_back},
};
use crate::{Keys, keys::identities};
use arc_swap::ArcSwapOption;
use portcullis_types::{Issuer, Timestamp, Ttl};
use portcullis_web::Outgoing;
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// So many fetches are remembered.
const REMEMBERED: usize = 16;

/// One fetch of the past, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fetch {
    /// When it was started.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A key set.
    Keys {
        /// The names of the usable keys.
        kids: Vec<String>,
        /// The others.
        skipped: Vec<SkippedKey>,
    },
    /// Nothing usable, and why.
    Failed(String),
}

/// A key that was published but is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedKey {
    /// Its name, if it has one.
    pub kid: Option<String>,
    /// Why: too weak, for encryption, a shared secret, of an unknown kind.
    pub reason: String,
}

/// See [`super::TheirKeys`].
pub(crate) struct Remote {
    issuer: Issuer,
    place: Place,
    client: Outgoing,
    ages: KeyAges,
    cached: ArcSwapOption<Cached>,
    state: Mutex<State>,
}

struct Cached {
    keys: Arc<Keys>,
    at: Timestamp,
    fresh_until: Timestamp,
}

struct State {
    schedule: Schedule,
    flight: Option<Flight>,
    history: VecDeque<Fetch>,
}

/// A fetch under way; holds its result in the end.
type Flight = watch::Receiver<Option<Refresh>>;

impl Remote {
    pub(crate) fn new(issuer: Issuer, place: Place, client: Outgoing, ages: KeyAges) -> Self {
        let state = State { schedule: Schedule::new(), flight: None, history: VecDeque::new() };
        let cached = ArcSwapOption::empty();
        Self { issuer, place, client, ages, cached, state: Mutex::new(state) }
    }

    pub(crate) fn current(&self, now: Timestamp) -> Option<Arc<Keys>> {
        let cached = self.cached.load();
        let usable = cached.as_ref().filter(|cached| now < cached.at.plus(self.ages.hard))?;
        Some(Arc::clone(&usable.keys))
    }

    pub(crate) fn generation(&self, now: Timestamp) -> Option<u64> {
        let cached = self.cached.load();
        let usable = cached.as_ref().filter(|cached| now < cached.at.plus(self.ages.hard))?;
        Some(usable.keys.generation)
    }

    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let fresh =
            |cached: &Arc<Cached>| now < cached.fresh_until && !was_set_back(now, cached.at);
        if self.cached.load().as_ref().is_some_and(fresh) {
            return false;
        }
        let state = self.state();
        !state.is_flying() && state.schedule.allows(Why::Stale, &self.ages, now)
    }

    pub(crate) async fn refresh(this: &Arc<Self>, why: Why, now: Timestamp) -> Refresh {
        let Some(mut flight) = Self::board(this, why, now) else { return Refresh::Throttled };
        match flight.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Refresh::Throttled),
            Err(_) => Refresh::Failed("the fetch was cut off by a shutdown".to_owned()),
        }
    }

    /// The fetch under way, or a new one if one may start.
    fn board(this: &Arc<Self>, why: Why, now: Timestamp) -> Option<Flight> {
        let mut state = this.state();
        if let Some(flight) = state.flight.as_ref().filter(|_| state.is_flying()) {
            return Some(flight.clone());
        }
        if !state.schedule.allows(why, &this.ages, now) {
            return None;
        }
        state.schedule.start(why, now);
        let (done, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        drop(state);
        let this = Arc::clone(this);
        tokio::spawn(async move {
            let result = this.fly(now).await;
            done.send_replace(Some(result));
        });
        Some(flight)
    }

    async fn fly(&self, now: Timestamp) -> Refresh {
        let (outcome, refresh) = match fetch(&self.issuer, &self.place, &self.client).await {
            Ok(document) => (self.keep(document, now), Refresh::Fetched),
            Err(trouble) => {
                let reason = trouble.to_string();
                tracing::warn!(issuer = %self.issuer, reason, "keys not fetched");
                (Outcome::Failed(reason.clone()), Refresh::Failed(reason))
            }
        };
        let mut state = self.state();
        match refresh {
            Refresh::Failed(_) => state.schedule.failed(now),
            _ => state.schedule.succeeded(),
        }
        state.history.truncate(REMEMBERED - 1);
        state.history.push_front(Fetch { at: now, outcome });
        state.flight = None;
        refresh
    }

    /// Puts the new keys in the place of the old. Only one fetch is ever under way, so only one writes.
    fn keep(&self, document: Document, now: Timestamp) -> Outcome {
        let set = Arc::new(document.set);
        let old = self.cached.load();
        let generation = match old.as_ref() {
            Some(old) if identities(&old.keys.set) == identities(&set) => old.keys.generation,
            Some(old) => old.keys.generation + 1,
            None => 1,
        };
        let kids = set.kids().into_iter().map(str::to_owned).collect();
        let skipped = set
            .skipped()
            .iter()
            .map(|key| SkippedKey { kid: key.kid.clone(), reason: key.reason.to_string() });
        let skipped = skipped.collect();
        let keys = Arc::new(Keys { set, fetched_at: Some(now), generation });
        let fresh_until = now.plus(self.ages.fresh_for(document.max_age));
        self.cached.store(Some(Arc::new(Cached { keys, at: now, fresh_until })));
        Outcome::Keys { kids, skipped }
    }

    pub(crate) fn trouble(&self, now: Timestamp) -> Option<Trouble> {
        let state = self.state();
        let Outcome::Failed(reason) = &state.history.front()?.outcome else { return None };
        let wait = state.schedule.not_before().millis_since(now);
        let retry_after = Ttl::from_millis(u64::try_from(wait).unwrap_or(0));
        Some(Trouble { reason: reason.clone(), retry_after })
    }

    pub(crate) fn history(&self) -> Vec<Fetch> {
        self.state().history.iter().cloned().collect()
    }

    /// Nothing in there can be half done, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A flight whose task was dropped with its runtime is none.
    fn is_flying(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.has_changed().is_ok())
    }
}
