//! The proofs that were used (RFC 9449 §11.1). Bounded; when it is full of proofs that could be used
//! again it accepts no more, rather than forget one.

use super::proof::{PAST, Proof};
use aws_lc_rs::digest::{Context, SHA256};
use portcullis_types::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Threads that come at once seldom wait for each other.
const SHARDS: usize = 16;
/// Between two looks for what may be forgotten, in milliseconds.
const SWEEP_EVERY: i64 = 60_000;
/// The same, while there is no room.
const SWEEP_WHEN_FULL: i64 = 1000;

/// The proofs that were used and could be used again, by hash. Threads share it.
#[derive(Debug)]
pub struct Replays {
    shards: [Mutex<Shard>; SHARDS],
    limit: usize,
}

/// Why a proof was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It was used before.
    Replayed,
    /// There is no room to remember it. Room comes within the life of a proof.
    Full,
}

#[derive(Debug, Default)]
struct Shard {
    /// Until when it would be accepted again, in milliseconds.
    live: HashMap<[u8; 16], i64>,
    swept_at: i64,
}

impl Replays {
    /// With room for `limit` proofs; each needs some 50 bytes, once it is used.
    pub fn new(limit: usize) -> Self {
        Self { shards: Default::default(), limit: limit.div_ceil(SHARDS).max(1) }
    }

    /// Remembers a proof that is right in all else, at its first use.
    pub fn first_use(&self, proof: &Proof, now: Timestamp) -> Result<(), Reuse> {
        let name = name(proof);
        let shard = name.first().and_then(|byte| self.shards.get(usize::from(*byte) % SHARDS));
        let Some(shard) = shard else { return Err(Reuse::Full) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.live.contains_key(&name) {
            return Err(Reuse::Replayed);
        }
        shard.sweep(now.millis(), self.limit);
        if shard.live.len() >= self.limit {
            return Err(Reuse::Full);
        }
        shard.live.insert(name, proof.iat.plus(PAST).millis());
        Ok(())
    }
}

/// The same `jti` from another key is another proof.
fn name(proof: &Proof) -> [u8; 16] {
    let mut hash = Context::new(&SHA256);
    hash.update(proof.jkt.as_str().as_bytes());
    hash.update(proof.jti.as_bytes());
    let mut name = [0; 16];
    name.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
    name
}

impl Shard {
    /// Forgets what is too old to be accepted again. Not for every request: who fills the memory shall
    /// not make each of them walk through it.
    fn sweep(&mut self, now: i64, limit: usize) {
        let every = if self.live.len() >= limit { SWEEP_WHEN_FULL } else { SWEEP_EVERY };
        if now.saturating_sub(self.swept_at) < every {
            return;
        }
        self.swept_at = now;
        self.live.retain(|_, until| *until >= now);
    }
}

#[cfg(test)]
mod tests {
    use super::{Proof, Replays, Reuse, SHARDS};
    use portcullis_types::{Thumbprint, Timestamp, Ttl};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn proof(key: char, jti: &str) -> Proof {
        let jkt = Thumbprint::new(&format!("{}A", key.to_string().repeat(42))).unwrap();
        Proof { jkt, jti: jti.into(), iat: NOW, nonce: None }
    }

    #[test]
    fn a_proof_is_good_once() {
        let seen = Replays::new(1000);
        assert_eq!(seen.first_use(&proof('a', "1"), NOW), Ok(()));
        assert_eq!(seen.first_use(&proof('a', "1"), NOW), Err(Reuse::Replayed));
        assert_eq!(seen.first_use(&proof('a', "2"), NOW), Ok(()));
        assert_eq!(seen.first_use(&proof('b', "1"), NOW), Ok(()), "another key's");
        let last = NOW.plus(Ttl::seconds(60));
        assert_eq!(seen.first_use(&proof('a', "1"), last), Err(Reuse::Replayed));
    }

    #[test]
    fn a_full_memory_forgets_nobody_who_could_come_again() {
        let seen = Replays::new(SHARDS);
        let outcomes: Vec<_> =
            (0..1000).map(|n| seen.first_use(&proof('a', &n.to_string()), NOW)).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), SHARDS);
        for (n, outcome) in outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_ok()) {
            let again = seen.first_use(&proof('a', &n.to_string()), NOW);
            assert_eq!(again, Err(Reuse::Replayed), "{outcome:?}");
        }
        let later = NOW.plus(Ttl::seconds(61));
        let fresh = Proof { iat: later, ..proof('a', "fresh") };
        assert_eq!(seen.first_use(&fresh, later), Ok(()), "the old ones are worthless by now");
    }

    #[test]
    fn of_many_threads_with_one_proof_one_wins() {
        let seen = Replays::new(1000);
        let won: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| usize::from(seen.first_use(&proof('a', "1"), NOW).is_ok())))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(won, 1);
    }
}
