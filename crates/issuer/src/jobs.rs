//! Timed work: plain functions of `now`, run by the one loop in the binary.

use crate::{interaction, upstream};
use portcullis_store::{Store, StoreFault};
use portcullis_types::{Entropy, Jti, Random, Timestamp, Ttl};

/// Longer than any token lives.
const KEPT: Ttl = Ttl::seconds(7 * 24 * 3600);

/// Forgets tokens that were issued more than a week ago, all of them expired; the audit log still has
/// them. Says how many. Requests that no person came back for go, too.
pub async fn purge(store: &Store, now: Timestamp) -> Result<u64, StoreFault> {
    let before = |kept| Jti::fresh(now.minus(kept), &Random::draw(&mut Zeros));
    let (oldest, abandoned) = (before(KEPT), before(interaction::LIFE));
    store
        .write(move |tx| {
            interaction::purge(tx, &abandoned)?;
            upstream::purge(tx, now)?;
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
