//! When a fetch is allowed. Pure: time comes in, nothing goes out.

use super::Why;
use portcullis_types::{Timestamp, Ttl};

/// How old keys may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAges {
    /// From here on they are refreshed in the background. A shorter `max-age` is honoured, but not below
    /// one minute.
    pub soft: Ttl,
    /// From here on they are not used any more, even if the issuer is down.
    pub hard: Ttl,
    /// Between two refreshes because of an unknown `kid`.
    pub unknown_kid: Ttl,
}

impl Default for KeyAges {
    fn default() -> Self {
        Self { soft: Ttl::seconds(600), hard: Ttl::seconds(86_400), unknown_kid: Ttl::seconds(60) }
    }
}

impl KeyAges {
    /// However short an issuer's `max-age`, no more than one fetch a minute.
    const SHORTEST: Ttl = Ttl::seconds(60);

    /// How long keys stay fresh that came with this `max-age`.
    pub(crate) fn fresh_for(&self, max_age: Option<Ttl>) -> Ttl {
        max_age.unwrap_or(self.soft).max(Self::SHORTEST).min(self.soft)
    }
}

const LONG_AGO: Timestamp = Timestamp::from_millis(i64::MIN);

/// Whether the clock was set back since `then`: what was planned by the old time must not block until it
/// is reached again. Requests that run side by side see times a little apart, which is not meant.
pub(crate) fn was_set_back(now: Timestamp, then: Timestamp) -> bool {
    now.plus(Ttl::seconds(60)) < then
}

/// What is remembered about past attempts.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    failures: u32,
    started: Timestamp,
    not_before: Timestamp,
    unknown_kid: Option<Timestamp>,
}

impl Schedule {
    const FIRST_PAUSE: u64 = 1;
    const LONGEST_PAUSE: u64 = 60;

    pub(crate) const fn new() -> Self {
        Self { failures: 0, started: LONG_AGO, not_before: LONG_AGO, unknown_kid: None }
    }

    /// The earliest time of the next attempt.
    pub(crate) const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Whether an attempt may start now.
    pub(crate) fn allows(&self, why: Why, ages: &KeyAges, now: Timestamp) -> bool {
        let rested = match (why, self.unknown_kid) {
            (Why::UnknownKid, Some(last)) => now >= last.plus(ages.unknown_kid),
            _ => true,
        };
        (rested && now >= self.not_before) || was_set_back(now, self.started)
    }

    /// Notes that an attempt starts: before it ends, so that giving up early gains nobody another one.
    pub(crate) const fn start(&mut self, why: Why, now: Timestamp) {
        self.started = now;
        if matches!(why, Why::UnknownKid) {
            self.unknown_kid = Some(now);
        }
    }

    /// It worked.
    pub(crate) const fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = LONG_AGO;
    }

    /// It did not: wait 1, 2, 4, … up to 60 seconds from its start.
    pub(crate) fn failed(&mut self, started: Timestamp) {
        let pause = Self::FIRST_PAUSE << self.failures.min(6);
        self.failures = self.failures.saturating_add(1);
        self.not_before = started.plus(Ttl::seconds(pause.min(Self::LONGEST_PAUSE)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn max_age_is_honoured_between_a_minute_and_the_soft_age() {
        let ages = KeyAges::default();
        let fresh = |seconds| ages.fresh_for(Some(Ttl::seconds(seconds))).as_seconds();
        assert_eq!(
            [fresh(0), fresh(59), fresh(120), fresh(601), fresh(1 << 40)],
            [60, 60, 120, 600, 600]
        );
        assert_eq!(ages.fresh_for(None), ages.soft);
        let impatient = KeyAges { soft: Ttl::seconds(5), ..ages };
        assert_eq!(impatient.fresh_for(Some(Ttl::seconds(300))), Ttl::seconds(5));
    }

    #[test]
    fn failures_back_off_to_a_minute_and_success_forgets_them() {
        let mut schedule = Schedule::new();
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            schedule.failed(at(now));
            let next = schedule.not_before().seconds();
            assert!(!schedule.allows(Why::Stale, &KeyAges::default(), at(next - 1)));
            assert!(schedule.allows(Why::Stale, &KeyAges::default(), at(next)));
            pauses.push(next - now);
            now = next;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        schedule.succeeded();
        assert!(schedule.allows(Why::Stale, &KeyAges::default(), at(0)));
    }

    #[test]
    fn a_clock_that_is_set_back_blocks_nothing() {
        let (ages, mut schedule) = (KeyAges::default(), Schedule::new());
        schedule.start(Why::UnknownKid, at(9000));
        schedule.failed(at(9000));
        for why in [Why::Stale, Why::UnknownKid] {
            assert!(!schedule.allows(why, &ages, at(8990)), "a little earlier is the same time");
            assert!(schedule.allows(why, &ages, at(1000)));
        }
    }

    #[test]
    fn an_unknown_kid_waits_for_its_turn_and_a_stale_set_does_not() {
        let (ages, mut schedule) = (KeyAges::default(), Schedule::new());
        schedule.start(Why::Stale, at(0));
        assert!(schedule.allows(Why::UnknownKid, &ages, at(0)));
        schedule.start(Why::UnknownKid, at(0));
        assert!(!schedule.allows(Why::UnknownKid, &ages, at(59)));
        assert!(schedule.allows(Why::Stale, &ages, at(1)));
        assert!(schedule.allows(Why::UnknownKid, &ages, at(60)));
    }
}
