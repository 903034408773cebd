//! How many registrations an hour an address may make. In memory: each process counts for itself.

use crate::throttle::network;
use portcullis_types::{Timestamp, Ttl};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

const HOUR: Ttl = Ttl::seconds(3600);
/// So many addresses are counted; beyond that, the longest-standing ones are forgotten.
const MOST: usize = 10_000;

/// Registrations by address, in the hour that began with the first of them.
#[derive(Default)]
pub(crate) struct Quota(Mutex<HashMap<IpAddr, (Timestamp, u32)>>);

impl Quota {
    /// One more, or how long to wait.
    pub(crate) fn take(
        &self,
        from: Option<IpAddr>,
        per_hour: u32,
        now: Timestamp,
    ) -> Result<(), Ttl> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = from.map_or(Ipv6Addr::UNSPECIFIED.into(), network);
        if counts.len() >= MOST && !counts.contains_key(&place) {
            counts.retain(|_, (began, _)| now < began.plus(HOUR));
            let oldest = counts.iter().min_by_key(|(_, (began, _))| *began).map(|(at, _)| *at);
            if let Some(oldest) = oldest.filter(|_| counts.len() >= MOST) {
                counts.remove(&oldest);
            }
        }
        let (began, count) = counts.entry(place).or_insert((now, 0));
        if now >= began.plus(HOUR) || now < *began {
            (*began, *count) = (now, 0);
        }
        if *count >= per_hour {
            let wait = began.plus(HOUR).millis_since(now);
            return Err(Ttl::from_millis(u64::try_from(wait).unwrap_or(0)));
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_an_hour_and_its_neighbour_as_many() {
        let quota = Quota::default();
        let at = Timestamp::from_seconds;
        let one = Some("192.0.2.1".parse().unwrap());
        assert!(quota.take(one, 2, at(0)).is_ok() && quota.take(one, 2, at(1)).is_ok());
        assert_eq!(quota.take(one, 2, at(60)), Err(Ttl::seconds(3540)));
        assert!(quota.take(Some("192.0.2.2".parse().unwrap()), 2, at(60)).is_ok());
        assert!(quota.take(one, 2, at(3600)).is_ok());
        let six = |text: &str| Some(text.parse().unwrap());
        assert!(quota.take(six("2001:db8::1"), 1, at(0)).is_ok());
        assert!(quota.take(six("2001:db8::2"), 1, at(0)).is_err(), "one customer");
    }
}
