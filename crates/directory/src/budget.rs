//! What whoever proves nothing may have this server do: rows, records, calls to others. So much at once from one
//! address, and then more bit by bit. In memory, and bounded: each process counts for itself.

use crate::{
    Directory, Fault,
    throttle::{Debts, Limit, network},
};
use portcullis_types::{Timestamp, Ttl};
use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// What is done for somebody who proved nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// A request for authorization, with nobody signed in. A company comes from one address in the morning.
    Page,
    /// What a client without credentials has kept or recorded.
    Request,
    /// The document of an app is fetched.
    Document,
}

/// So much at once for one key, then one more each period.
pub struct Budget {
    hasher: RandomState,
    limit: Limit,
    spent: Mutex<Debts>,
}

impl Budget {
    /// With nothing spent. Time is counted in milliseconds: a shorter period is one.
    pub fn new(burst: u32, period: Ttl) -> Self {
        let limit = Limit { burst, period: period.max(Ttl::from_millis(1)) };
        Self { hasher: RandomState::new(), limit, spent: Mutex::default() }
    }

    /// Spends one, or says how long to wait.
    pub fn spend(&self, key: impl Hash, now: Timestamp) -> Result<(), Ttl> {
        self.spend_all(key, 1, now)
    }

    /// Spends that many, or none of them and says how long to wait. More than it ever has at once takes all it has.
    pub fn spend_all(&self, key: impl Hash, count: u32, now: Timestamp) -> Result<(), Ttl> {
        let Limit { burst, period } = self.limit;
        let count = count.min(burst.max(1));
        if count == 0 {
            return Ok(());
        }
        let key = self.hasher.hash_one(key);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let room = Limit { burst: burst.max(1) - (count - 1), period };
        if let Some((wait, _)) = spent.excess(key, &room, now) {
            return Err(wait);
        }
        spent.add(key, &Limit { burst, period: period.times(count.into()) }, now);
        Ok(())
    }
}

/// One for each of [`Unproven`].
pub(crate) struct Budgets {
    pages: Budget,
    requests: Budget,
    documents: Budget,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            pages: Budget::new(600, Ttl::from_millis(100)),
            requests: Budget::new(100, Ttl::seconds(1)),
            documents: Budget::new(30, Ttl::seconds(2)),
        }
    }
}

impl Directory {
    /// Whether that is done once more for the caller at this address; [`Fault::TooMany`] if not. Callers without an
    /// address, and those on this machine, are not counted: taken as one, each of them could lock all others out.
    pub fn unproven(
        &self,
        what: Unproven,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let Some(from) = from.map(network).filter(|from| !from.is_loopback()) else {
            return Ok(());
        };
        let budgets = &self.inner().budgets;
        let budget = match what {
            Unproven::Page => &budgets.pages,
            Unproven::Request => &budgets.requests,
            Unproven::Document => &budgets.documents,
        };
        budget.spend(from, now).map_err(|retry_after| Fault::TooMany { retry_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_at_once_and_then_bit_by_bit() {
        let budget = Budget::new(3, Ttl::from_millis(500));
        let now = Timestamp::from_seconds(1_800_000_000);
        for _ in 0..3 {
            assert_eq!(budget.spend("a", now), Ok(()));
        }
        assert_eq!(budget.spend("a", now), Err(Ttl::seconds(1)));
        assert_eq!(budget.spend("b", now), Ok(()), "another's is another");
        let later = now.plus(Ttl::from_millis(500));
        assert_eq!(budget.spend("a", later), Ok(()));
        assert!(budget.spend("a", later).is_err());
    }

    #[test]
    fn of_many_all_or_none_are_spent() {
        let budget = Budget::new(10, Ttl::seconds(1));
        let now = Timestamp::from_seconds(1_800_000_000);
        assert_eq!(budget.spend_all("a", 0, now), Ok(()));
        assert_eq!(budget.spend_all("a", 7, now), Ok(()));
        for _ in 0..3 {
            assert_eq!(budget.spend_all("a", 5, now), Err(Ttl::seconds(2)), "trying costs nothing");
        }
        let later = now.plus(Ttl::seconds(2));
        assert_eq!(budget.spend_all("a", 5, later), Ok(()));
        assert!(budget.spend("a", later).is_err());
        assert_eq!(budget.spend_all("b", 99, now), Ok(()), "all that there is");
        assert!(budget.spend("b", now).is_err());
    }

    #[test]
    fn a_period_of_nothing_is_a_short_one() {
        let budget = Budget::new(2, Ttl::from_millis(0));
        let now = Timestamp::from_seconds(1_800_000_000);
        assert_eq!([budget.spend("a", now), budget.spend("a", now)], [Ok(()), Ok(())]);
        assert!(budget.spend("a", now).is_err());
        assert_eq!(budget.spend("a", now.plus(Ttl::from_millis(1))), Ok(()));
    }
}
