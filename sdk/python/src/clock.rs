//! The one place of this package that reads the clock and draws random bytes.

use portcullis_types::{DecisionId, Entropy, Random, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The present.
#[expect(clippy::disallowed_methods, reason = "this is the one clock of the package")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A fresh name for a decision. It is no secret: should the operating system have no randomness to give,
/// the time alone must do.
pub(crate) fn decision(now: Timestamp) -> DecisionId {
    DecisionId::fresh(now, &Random::draw(&mut System))
}

/// Random bytes for a secret, which the operating system must have.
pub(crate) fn secret() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|fault| fault.to_string())?;
    Ok(bytes)
}

struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        let _ = getrandom::fill(bytes);
    }
}
