//! A server that failed several times in a row is left alone for a while; then one question tries it.

use super::{Fault, OpaAddress};
use portcullis_types::Ttl;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// When a server is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// After how many failures in a row.
    pub failures: u32,
    /// For how long.
    pub rest: Ttl,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, rest: Ttl::seconds(5) }
    }
}

pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    OnTrial,
}

/// One question that may be asked.
pub(super) struct Attempt<'b> {
    breaker: &'b Breaker,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usual,
    Trial,
    Settled,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Leave to ask; none while the server is left alone, or on trial.
    pub(super) fn attempt(&self, now: Instant) -> Option<Attempt<'_>> {
        let mut state = self.state();
        let kind = match *state {
            State::Closed { .. } => Kind::Usual,
            State::Open { until } if now >= until => {
                *state = State::OnTrial;
                Kind::Trial
            }
            State::Open { .. } | State::OnTrial => return None,
        };
        Some(Attempt { breaker: self, kind })
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(*self.state(), State::Closed { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    pub(super) fn succeeded(mut self) {
        let mut state = self.breaker.state();
        if self.kind == Kind::Trial {
            tracing::info!("the policy server answers again");
        }
        // An answer that was under way when it broke changes nothing.
        if self.kind == Kind::Trial || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
        }
        drop(state);
        self.kind = Kind::Settled;
    }

    pub(super) fn failed(mut self, now: Instant, address: &OpaAddress, fault: &Fault) {
        let BreakerSettings { failures: most, rest } = self.breaker.settings;
        let mut state = self.breaker.state();
        let open = State::Open { until: now + rest.duration() };
        match (*state, self.kind) {
            (_, Kind::Trial) => *state = open,
            (State::Closed { failures }, _) if failures + 1 >= most => {
                tracing::warn!(%address, %fault, "the policy server fails; it is left alone for a while");
                *state = open;
            }
            (State::Closed { failures }, _) => *state = State::Closed { failures: failures + 1 },
            (State::Open { .. } | State::OnTrial, _) => {}
        }
        drop(state);
        self.kind = Kind::Settled;
    }
}

impl Drop for Attempt<'_> {
    /// Whoever asked went away: the next one tries.
    fn drop(&mut self) {
        if self.kind == Kind::Trial {
            *self.breaker.state() = State::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn fail(breaker: &Breaker, now: Instant) {
        let address = "http://localhost".parse().unwrap();
        breaker.attempt(now).unwrap().failed(now, &address, &Fault::TimedOut);
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_one_trial() {
        let breaker = Breaker::new(BreakerSettings { failures: 3, rest: Ttl::seconds(5) });
        let now = Instant::now();
        fail(&breaker, now);
        fail(&breaker, now);
        breaker.attempt(now).unwrap().succeeded();
        fail(&breaker, now);
        fail(&breaker, now);
        assert!(!breaker.is_open());
        fail(&breaker, now);
        assert!(breaker.is_open() && breaker.attempt(now).is_none());

        let later = now + Duration::from_secs(5);
        let trial = breaker.attempt(later).unwrap();
        assert!(breaker.attempt(later).is_none(), "one tries at a time");
        trial.failed(later, &"http://localhost".parse().unwrap(), &Fault::TimedOut);
        assert!(breaker.attempt(later + Duration::from_secs(4)).is_none());
        breaker.attempt(later + Duration::from_secs(5)).unwrap().succeeded();
        assert!(!breaker.is_open());
        fail(&breaker, later);
        assert!(!breaker.is_open(), "it counts anew");
    }

    #[test]
    fn a_trial_that_was_given_up_leaves_the_next_to_another() {
        let breaker = Breaker::new(BreakerSettings { failures: 1, rest: Ttl::from_millis(0) });
        fail(&breaker, Instant::now());
        drop(breaker.attempt(Instant::now()).unwrap());
        breaker.attempt(Instant::now()).unwrap().succeeded();
        assert!(!breaker.is_open());
    }
}
