//! The one place that reads the clock and draws random bytes. Everybody else is handed the result.

use portcullis_types::{Entropy, Timestamp};
use rand::Rng;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// A clock to hand on.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// A source of randomness to hand on: each call gives a source of one's own.
pub(crate) type EntropySource = Arc<dyn Fn() -> Box<dyn Entropy> + Send + Sync>;

/// The present.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The machine's clock.
pub(crate) fn clock() -> Clock {
    Arc::new(now)
}

/// The generator of this thread: ChaCha, seeded and reseeded by the operating system.
pub(crate) struct Chance;

impl Entropy for Chance {
    #[expect(clippy::disallowed_methods, reason = "this is the one source of randomness")]
    fn fill(&mut self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// Randomness without end.
pub(crate) fn entropy() -> EntropySource {
    Arc::new(|| Box::new(Chance))
}
