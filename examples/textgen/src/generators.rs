//! The two models as they are served: where, how long they talk, where their chance comes from, and what they are doing
//! now.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{model::Model, refusal::Refusal};

/// The usual name of the first model.
pub const BASIC: &str = "portcullis-ngram-basic";
/// The usual name of the second model.
pub const PREMIUM: &str = "portcullis-ngram-premium";

/// A model, and how much it says unasked. The tokens only guard against a sentence without an end.
pub(crate) struct Served {
    pub(crate) model: Arc<Model>,
    pub(crate) sentences: usize,
    pub(crate) max_tokens: usize,
}

/// Which models can be named at the `/v1` endpoints. A gateway in front of them sees a path and no model, so whoever
/// guards the premium model by its path must not offer it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The basic model: the other one is at `/generate/premium` alone.
    Basic,
    /// Both.
    Both,
}

/// Both models, ready to be served by [`router`](crate::router).
pub struct Generators {
    basic: Served,
    premium: Served,
    offer: Offer,
    seed: u64,
    requests: AtomicU64,
    in_flight: AtomicUsize,
    clock: fn() -> i64,
    created: i64,
    pace: Duration,
}

impl Generators {
    /// Serves `basic` (short texts) and `premium` (long ones); `offer` says which of them by name.
    ///
    /// Every request that brings no seed of its own gets one derived from `seed` and its number; `clock` gives the
    /// seconds since 1970 that answers carry as `created`.
    pub fn new(basic: Model, premium: Model, offer: Offer, seed: u64, clock: fn() -> i64) -> Self {
        Self {
            basic: Served { model: Arc::new(basic), sentences: 2, max_tokens: 256 },
            premium: Served { model: Arc::new(premium), sentences: 6, max_tokens: 1024 },
            offer,
            seed,
            requests: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            clock,
            created: clock(),
            pace: Duration::ZERO,
        }
    }

    /// Streams wait this long between two tokens, as a larger model would. Without it they wait for nothing.
    #[must_use]
    pub fn with_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Requests that are being answered now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn basic(&self) -> &Served {
        &self.basic
    }

    pub(crate) fn premium(&self) -> &Served {
        &self.premium
    }

    /// What can be named.
    pub(crate) fn offered(&self) -> Vec<&Served> {
        match self.offer {
            Offer::Basic => vec![&self.basic],
            Offer::Both => vec![&self.basic, &self.premium],
        }
    }

    pub(crate) fn named(&self, name: &str) -> Result<&Served, Refusal> {
        let offered = self.offered();
        let names: Vec<&str> = offered.iter().map(|served| served.model.name()).collect();
        let names = names.join("`, `");
        offered.into_iter().find(|served| served.model.name() == name).ok_or_else(|| {
            Refusal::unknown_model(&format!(
                "The model `{name}` does not exist here; known: `{names}`."
            ))
        })
    }

    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// When the models were trained.
    pub(crate) fn created(&self) -> i64 {
        self.created
    }

    pub(crate) fn pace(&self) -> Duration {
        self.pace
    }

    /// The chance of a new request, from which its identifier and its seed are drawn.
    pub(crate) fn chance(&self) -> StdRng {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        // An odd factor: different numbers stay different seeds.
        StdRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// A request in the making; it counts until it is dropped.
pub(crate) struct InFlight(Arc<Generators>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An identifier as the APIs write them: a prefix and 24 letters and digits.
pub(crate) fn identifier(prefix: &str, chance: &mut StdRng) -> String {
    format!("{prefix}{:024x}", chance.random::<u128>() >> 32)
}
