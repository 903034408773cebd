//! A key set at one moment.

use portcullis_jose::{Alg, jwk::KeySet};
use portcullis_types::Timestamp;
use std::sync::Arc;

/// The keys of one issuer at one moment; never changed, only replaced.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The keys themselves, and which were skipped.
    pub set: Arc<KeySet>,
    /// When they were fetched; `None` for keys that are not fetched.
    pub fetched_at: Option<Timestamp>,
    /// Grows whenever a key came or went, so that what was concluded from other keys can be dropped.
    pub generation: u64,
}

/// What tells one usable key from another: the same list means that nothing came or went.
pub(crate) fn identities(set: &KeySet) -> Vec<(Option<&str>, Alg, &str)> {
    set.iter().map(|key| (key.kid(), key.alg(), key.thumbprint())).collect()
}
