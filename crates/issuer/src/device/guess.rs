//! How often somebody may try user codes that do not exist (RFC 8628 §5.1). Kept by each node for itself: a
//! code has 35 bits and lives ten minutes.

use portcullis_directory::Person;
use portcullis_types::{Timestamp, Ttl};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// So many misses are free, in [`SPAN`].
const FREE: u32 = 10;
/// From one address, where many people may sit.
const FREE_FROM_ADDRESS: u32 = 100;
const SPAN: Ttl = Ttl::seconds(600);
/// So many places are remembered.
const MOST: usize = 10_000;

/// The misses of late. Cheap to clone; clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Guesses(Arc<Mutex<HashMap<String, Misses>>>);

#[derive(Clone, Copy, Debug)]
struct Misses {
    count: u32,
    since: Timestamp,
}

/// Where misses are counted, and how many are free there.
pub(super) fn places(person: &Person, remote: Option<IpAddr>) -> Vec<(String, u32)> {
    let address = remote.map(|remote| (remote.to_string(), FREE_FROM_ADDRESS));
    std::iter::once((person.id.to_string(), FREE)).chain(address).collect()
}

impl Guesses {
    /// How long to wait, if one of the places has no miss left.
    pub(super) fn wait(&self, places: &[(String, u32)], now: Timestamp) -> Option<Ttl> {
        let misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |(place, free): &(String, u32)| {
            let seen = misses.get(place).filter(|seen| seen.count >= *free)?;
            let again = seen.since.plus(SPAN);
            (again > now)
                .then(|| Ttl::from_millis(u64::try_from(again.millis_since(now)).unwrap_or(0)))
        };
        places.iter().filter_map(over).max()
    }

    /// Counts a miss.
    pub(super) fn missed(&self, places: &[(String, u32)], now: Timestamp) {
        let mut misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if misses.len() >= MOST {
            misses.retain(|_, seen| seen.since.plus(SPAN) > now);
        }
        if misses.len() >= MOST {
            misses.clear();
        }
        for (place, _) in places {
            let fresh = Misses { count: 0, since: now };
            let seen = misses.entry(place.clone()).or_insert(fresh);
            if seen.since.plus(SPAN) <= now {
                *seen = fresh;
            }
            seen.count = seen.count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_are_counted_for_a_while() {
        let (guesses, now) = (Guesses::default(), Timestamp::from_seconds(1_800_000_000));
        let places = [("usr_a".to_owned(), 2), ("192.0.2.1".to_owned(), 3)];
        for _ in 0..2 {
            assert_eq!(guesses.wait(&places, now), None);
            guesses.missed(&places, now);
        }
        assert_eq!(guesses.wait(&places, now), Some(SPAN));
        let other = [("usr_b".to_owned(), 2), ("192.0.2.1".to_owned(), 3)];
        assert_eq!(guesses.wait(&other, now), None);
        guesses.missed(&other, now);
        assert!(guesses.wait(&other, now).is_some(), "the address has no more");
        assert_eq!(guesses.wait(&places, now.plus(SPAN)), None);
    }
}
