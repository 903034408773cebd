//! Timed work: plain functions of `now`, run by the one loop in the binary.

use crate::{interaction, upstream};
use portcullis_store::{Store, StoreFault, Tx};
use portcullis_types::{Entropy, Jti, Random, Timestamp, Ttl};

/// Longer than any token lives.
const KEPT: Ttl = Ttl::seconds(7 * 24 * 3600);

/// Rows that are taken away at a time: nobody waits long for it.
const PORTION: i64 = 2000;

/// Forgets tokens that were issued more than a week ago, all of them expired; the audit log still has
/// them. Says how many. Requests that no person came back for go, too.
pub async fn purge(store: &Store, now: Timestamp) -> Result<u64, StoreFault> {
    let before = |kept| Jti::fresh(now.minus(kept), &Random::draw(&mut Zeros));
    let (oldest, abandoned) = (before(KEPT), before(interaction::LIFE));
    let walks = move |tx: &mut Tx<'_>| {
        interaction::purge(tx, &abandoned)?;
        upstream::purge(tx, now)
    };
    store.write(walks).await?;
    let mut purged = 0;
    loop {
        let oldest = oldest.clone();
        let some = store.write(move |tx| {
            tx.execute(
                "DELETE FROM issued_token WHERE jti IN \
                 (SELECT jti FROM issued_token WHERE jti < $1 ORDER BY jti LIMIT $2)",
                &[oldest.as_str().into(), PORTION.into()],
            )
        });
        let some = some.await?;
        purged += some;
        if some < PORTION.unsigned_abs() {
            return Ok(purged);
        }
    }
}

/// The least of all ids of a millisecond.
struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
