//! Timed work: plain functions of `now`, run by the one loop in the binary.

use portcullis_store::{Store, StoreFault};
use portcullis_types::{Entropy, Jti, Random, Timestamp, Ttl};

/// Longer than any token lives.
const KEPT: Ttl = Ttl::seconds(7 * 24 * 3600);

/// Forgets tokens that were issued more than a week ago, all of them expired; the audit log still has
/// them. Says how many.
pub async fn purge(store: &Store, now: Timestamp) -> Result<u64, StoreFault> {
    let oldest = Jti::fresh(now.minus(KEPT), &Random::draw(&mut Zeros));
    store
        .write(move |tx| {
            tx.execute("DELETE FROM issued_token WHERE jti < $1", &[oldest.as_str().into()])
        })
        .await
}

/// The least of all ids of a millisecond.
struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
