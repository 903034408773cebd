//! Too many failed sign-ins, and further ones are refused unseen, in such a way that nobody can lock somebody
//! else out.
//!
//! Failures are counted per login and address, and per address, and the waits between attempts grow. Against
//! guessing from many addresses they are counted per login as well; but a browser in which this login signed in
//! before shows a cookie that says so, has a count of its own, and neither feels nor feeds the others. Passkeys
//! cannot be guessed and are never refused here. Memory is bounded.

use crate::throttle::{Debts, Limit, around, network};
use portcullis_types::{SignInFault, Timestamp, Ttl};
use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// One login from one address: at first half a minute for each further attempt…
const NEAR: Limit = Limit { burst: 10, period: Ttl::seconds(30) };
/// … then ten minutes.
const SLOW: Limit = Limit { burst: 30, period: Ttl::seconds(600) };
/// One address, whichever logins it names; then the networks around it, in which more people may be.
const WIDE: [Limit; 3] = [
    Limit { burst: 100, period: Ttl::seconds(5) },
    Limit { burst: 200, period: Ttl::seconds(3) },
    Limit { burst: 400, period: Ttl::seconds(2) },
];
/// Passwords of one login, from anywhere.
pub(crate) const PASSWORDS: Limit = Limit { burst: 100, period: Ttl::seconds(10) };
/// Codes of one person, from anywhere: there are only a million.
pub(crate) const CODES: Limit = Limit { burst: 20, period: Ttl::seconds(300) };

/// Failures of one kind.
pub(crate) struct Doors {
    hasher: RandomState,
    far: Limit,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    near: Debts,
    slow: Debts,
    wide: Debts,
    far: Debts,
}

/// Which counts an attempt concerns.
#[derive(Clone, Copy)]
pub(crate) struct Door {
    near: Option<u64>,
    /// The network, and of IPv6 also the larger ones that one customer may have.
    wide: [Option<u64>; 3],
    far: Option<u64>,
}

impl Doors {
    pub(crate) fn new(far: Limit) -> Self {
        Self { hasher: RandomState::new(), far, state: Mutex::default() }
    }

    /// `known` is the number of the cookie by which this login is known in this browser.
    pub(crate) fn door(&self, login: &str, from: Option<IpAddr>, known: Option<&[u8]>) -> Door {
        if let Some(known) = known {
            let near = Some(self.hasher.hash_one(("known", login, known)));
            return Door { near, wide: [None; 3], far: None };
        }
        let (from, wide) = (from.map(network), from.map(around));
        Door {
            near: from.map(|from| self.hasher.hash_one(("near", login, from))),
            wide: wide
                .unwrap_or_default()
                .map(|net| net.map(|net| self.hasher.hash_one(("wide", net)))),
            far: Some(self.hasher.hash_one(("far", login))),
        }
    }

    pub(crate) fn check(&self, door: Door, now: Timestamp) -> Result<(), SignInFault> {
        let state = self.state();
        let excess = |debts: &Debts, key: Option<u64>, limit: &Limit| {
            key.and_then(|key| debts.excess(key, limit, now))
        };
        let all = [
            excess(&state.near, door.near, &NEAR),
            excess(&state.slow, door.near, &SLOW),
            excess(&state.far, door.far, &self.far),
        ];
        let wide =
            door.wide.into_iter().zip(WIDE).map(|(key, limit)| excess(&state.wide, key, &limit));
        let all = all.into_iter().chain(wide);
        match all.flatten().max() {
            None => Ok(()),
            Some((retry_after, failures)) => Err(SignInFault::Throttled { failures, retry_after }),
        }
    }

    pub(crate) fn failed(&self, door: Door, now: Timestamp) {
        let mut state = self.state();
        let State { near, slow, wide, far } = &mut *state;
        for (debts, key, limit) in
            [(near, door.near, &NEAR), (slow, door.near, &SLOW), (far, door.far, &self.far)]
        {
            if let Some(key) = key {
                debts.add(key, limit, now);
            }
        }
        for (key, limit) in door.wide.into_iter().zip(WIDE) {
            if let Some(key) = key {
                wide.add(key, &limit, now);
            }
        }
    }

    pub(crate) fn succeeded(&self, door: Door) {
        let mut state = self.state();
        if let Some(near) = door.near {
            state.near.forgive(near);
            state.slow.forgive(near);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn from(last: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + last).into()
    }

    #[test]
    fn a_flood_from_everywhere_locks_strangers_out_and_not_the_owner() {
        let doors = Doors::new(PASSWORDS);
        for attacker in 0..500 {
            doors.failed(doors.door("alice", Some(from(attacker)), None), NOW);
        }
        assert!(doors.check(doors.door("alice", Some(from(9999)), None), NOW).is_err());
        let home = doors.door("alice", Some(from(3)), Some(b"cookie"));
        assert!(doors.check(home, NOW).is_ok(), "even from an attacker's address");
        (0..10).for_each(|_| doors.failed(home, NOW));
        assert!(doors.check(home, NOW).is_err(), "a stolen cookie guesses no faster");
        assert!(doors.check(doors.door("bob", Some(from(9999)), None), NOW).is_ok());
    }

    #[test]
    fn a_customer_with_many_networks_is_one_guesser() {
        let doors = Doors::new(PASSWORDS);
        let from = |net: u16| -> IpAddr {
            std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, net, 0, 0, 0, 1).into()
        };
        for net in 0..500 {
            let login = format!("person{net}");
            doors.failed(doors.door(&login, Some(from(net)), None), NOW);
        }
        assert!(doors.check(doors.door("alice", Some(from(9999)), None), NOW).is_err());
        let neighbour = std::net::Ipv6Addr::new(0x2001, 0xdb8, 2, 1, 0, 0, 0, 1);
        assert!(doors.check(doors.door("alice", Some(neighbour.into()), None), NOW).is_ok());
    }

    #[test]
    fn waits_grow() {
        let doors = Doors::new(PASSWORDS);
        let door = doors.door("alice", Some(from(1)), None);
        let (mut now, mut waits) = (NOW, Vec::new());
        for _ in 0..60 {
            if let Err(SignInFault::Throttled { retry_after, .. }) = doors.check(door, now) {
                waits.push(retry_after.as_seconds());
                now = now.plus(retry_after);
            }
            doors.failed(door, now);
        }
        assert!(waits.is_sorted(), "{waits:?}");
        assert_eq!((waits.first(), waits.last()), (Some(&30), Some(&600)));
        doors.succeeded(door);
        assert!(doors.check(door, now).is_ok());
    }
}
