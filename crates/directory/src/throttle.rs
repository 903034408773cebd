//! Too many failures, and further attempts are refused unseen (RFC 6749 §2.3.1).
//!
//! Counted per client and address, so that an attacker elsewhere locks nobody out; and, far more
//! slowly, per client, against guessing from many addresses, and per address, against one that names
//! many clients. A client is exempt from the second and the third where it has proven itself. Without
//! an address only the second counts. Memory is bounded: forgetting is the worst that a flood
//! can bring about.

use crate::excerpt;
use portcullis_types::{Denial, Timestamp, Ttl};
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// So many failures at once; then one more each `period`.
pub(crate) struct Limit {
    pub(crate) burst: u32,
    pub(crate) period: Ttl,
}

/// One client from one address.
const NEAR: Limit = Limit { burst: 10, period: Ttl::seconds(30) };
/// One client from anywhere.
const FAR: Limit = Limit { burst: 100, period: Ttl::seconds(10) };
/// One address, whichever clients it names.
const WIDE: Limit = Limit { burst: 100, period: Ttl::seconds(5) };
/// Entries of each kind; 24 bytes each.
const CAPACITY: usize = 32_768;

/// Failures and proven addresses.
pub(crate) struct Throttle {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    near: Debts,
    far: Debts,
    wide: Debts,
    /// When this client last proved itself from this address.
    proven: HashMap<u64, Timestamp>,
}

/// Per key, when all its failures will be forgiven.
#[derive(Default)]
pub(crate) struct Debts(HashMap<u64, Timestamp>);

/// Which entries an attempt concerns.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    near: Option<u64>,
    far: u64,
    wide: Option<u64>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), state: Mutex::default() }
    }

    pub(crate) fn place(&self, client_id: Option<&str>, from: Option<IpAddr>) -> Place {
        let far = self.hasher.hash_one(client_id);
        let from = from.map(network);
        let near = from.map(|from| self.hasher.hash_one((client_id, from)));
        Place { near, far, wide: from.map(|from| self.hasher.hash_one(from)) }
    }

    /// Refuses when there were too many failures.
    pub(crate) fn check(
        &self,
        place: Place,
        client_id: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let state = self.state();
        let near = place.near.and_then(|near| state.near.excess(near, &NEAR, now));
        let others = if place.near.is_some_and(|near| state.proven.contains_key(&near)) {
            None
        } else {
            let wide = place.wide.and_then(|wide| state.wide.excess(wide, &WIDE, now));
            state.far.excess(place.far, &FAR, now).max(wide)
        };
        match near.max(others) {
            None => Ok(()),
            Some((retry_after, failures)) => {
                let client_id = client_id.map(excerpt);
                Err(Denial::Throttled { client_id, failures, retry_after })
            }
        }
    }

    pub(crate) fn failed(&self, place: Place, now: Timestamp) {
        let mut state = self.state();
        state.far.add(place.far, &FAR, now);
        if let Some(near) = place.near {
            state.near.add(near, &NEAR, now);
        }
        if let Some(wide) = place.wide {
            state.wide.add(wide, &WIDE, now);
        }
    }

    pub(crate) fn succeeded(&self, place: Place, now: Timestamp) {
        let Some(near) = place.near else { return };
        let mut state = self.state();
        if !state.near.0.is_empty() {
            state.near.0.remove(&near);
        }
        if let Some(last) = state.proven.get_mut(&near) {
            *last = now;
            return;
        }
        make_room(&mut state.proven);
        state.proven.insert(near, now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debts {
    /// How long until one more attempt is allowed, and how many failures stand.
    pub(crate) fn excess(&self, key: u64, limit: &Limit, now: Timestamp) -> Option<(Ttl, u32)> {
        let period = i64::try_from(limit.period.duration().as_millis()).ok()?;
        let debt = self.0.get(&key)?.millis_since(now);
        let over = debt - period * i64::from(limit.burst - 1);
        if over <= 0 {
            return None;
        }
        let failures = u32::try_from((debt + period - 1) / period).unwrap_or(u32::MAX);
        // Whole seconds, rounded up: `Retry-After` knows no smaller unit.
        let seconds = (over + 999) / 1000;
        Some((Ttl::seconds(seconds.unsigned_abs()), failures))
    }

    /// One more failure.
    pub(crate) fn add(&mut self, key: u64, limit: &Limit, now: Timestamp) {
        if self.0.len() >= CAPACITY {
            self.0.retain(|_, forgiven| *forgiven > now);
        }
        make_room(&mut self.0);
        let forgiven = self.0.entry(key).or_insert(now);
        *forgiven = (*forgiven).max(now).plus(limit.period);
    }

    /// All is forgiven.
    pub(crate) fn forgive(&mut self, key: u64) {
        self.0.remove(&key);
    }
}

/// Drops the older half of a full map: rarely, so that each entry pays little for it.
fn make_room(map: &mut HashMap<u64, Timestamp>) {
    if map.len() < CAPACITY {
        return;
    }
    let mut times: Vec<_> = map.values().copied().collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    map.retain(|_, time| *time > median);
}

/// An IPv6 customer has a /64 at the least, so that is one address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// The network of an address, and of IPv6 the /56 and the /48 around it: who rents one has thousands of /64.
pub(crate) fn around(address: IpAddr) -> [Option<IpAddr>; 3] {
    let near = network(address);
    let IpAddr::V6(v6) = near else { return [Some(near), None, None] };
    let [a, b, c, d, ..] = v6.segments();
    let wide = |d| Some(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into());
    // A /48 and a /56 may begin at the same address, so the larger ones carry a mark behind.
    let marked = |d, mark| Some(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, mark).into());
    [wide(d), marked(d & 0xff00, 56), marked(0, 48)]
}

#[cfg(test)]
mod tests;
