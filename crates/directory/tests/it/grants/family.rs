//! Of an owner and a thief, whatever they do in whatever order, one at most holds a living token.

use super::{authorization, refresh};
use crate::house::{Counted, House, NOW};
use portcullis_directory::grant;
use portcullis_store::{Store, Tx};
use portcullis_types::{Random, Timestamp, Ttl};
use proptest::prelude::*;
use std::cell::RefCell;

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The owner refreshes, and hears the answer or not.
    Owner { heard: bool },
    /// The thief sees what the owner holds.
    Steal,
    /// The thief sees an answer that the owner never hears.
    Intercept,
    /// The thief refreshes with one of the stolen.
    Thief(prop::sample::Index),
    /// So many seconds go by.
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<bool>().prop_map(|heard| Step::Owner { heard }),
        2 => Just(Step::Steal),
        1 => Just(Step::Intercept),
        3 => any::<prop::sample::Index>().prop_map(Step::Thief),
        2 => (0u8..15).prop_map(Step::Wait),
    ]
}

struct Play {
    store: Store,
    entropy: Counted,
    now: Timestamp,
    owner: String,
    stolen: Vec<String>,
    /// All there ever were, and which of them the last good answer held.
    all: Vec<String>,
    ended: bool,
}

impl Play {
    /// `None` if it was refused.
    fn refresh(&mut self, token: &str) -> Option<String> {
        let random = Random::draw(&mut self.entropy);
        let number = u32::try_from(self.all.len()).unwrap();
        let answer = refresh(&self.store, token, &random, (number, self.now)).ok();
        let new = answer.map(|token| token.expose().to_owned());
        self.all.extend(new.clone());
        // Whoever is refused held a dead one: that was the end of the family.
        self.ended |= new.is_none();
        new
    }

    fn living(&self) -> Vec<&str> {
        let living = |token: &&String| {
            let (token, now) = ((*token).clone(), self.now);
            let read = move |tx: &mut Tx<'_>| grant::refresh_token(tx, &token, now);
            self.store.read_blocking(read).unwrap().unwrap().2
        };
        self.all.iter().filter(living).map(String::as_str).collect()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Owner { heard } => {
                let answer = self.refresh(&self.owner.clone());
                if let Some(new) = answer.filter(|_| heard) {
                    self.owner = new;
                }
            }
            Step::Intercept => {
                let answer = self.refresh(&self.owner.clone());
                self.stolen.extend(answer);
            }
            Step::Steal => self.stolen.push(self.owner.clone()),
            Step::Thief(which) if !self.stolen.is_empty() => {
                let token = which.get(&self.stolen).clone();
                let answer = self.refresh(&token);
                self.stolen.extend(answer);
            }
            Step::Thief(_) => {}
            Step::Wait(seconds) => self.now = self.now.plus(Ttl::seconds(seconds.into())),
        }
    }
}

#[test]
fn thief_and_owner_never_both_hold_a_living_family() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut house = runtime.block_on(House::open());
    let alice = runtime.block_on(house.alice()).id;
    let house = RefCell::new(house);
    let config = ProptestConfig { cases: 48, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..24))| {
        let house = &mut *house.borrow_mut();
        let (_, first) = runtime.block_on(house.granted(authorization(&alice, None), None));
        let mut play = Play {
            store: house.store.clone(),
            entropy: house.entropy.clone(),
            now: NOW,
            owner: first.expose().to_owned(),
            stolen: Vec::new(),
            all: vec![first.expose().to_owned()],
            ended: false,
        };
        for step in steps {
            let before = play.all.len();
            play.take(step);
            let living = play.living();
            if play.ended {
                prop_assert!(living.is_empty(), "a refused refresh ends everything");
            } else {
                // Whoever got the last answer holds the only living one: nobody else does.
                prop_assert_eq!(&living, &vec![play.all.last().unwrap().as_str()]);
            }
            if play.all.len() > before {
                let others: Vec<_> = play.stolen.iter().chain([&play.owner]).collect();
                let holders = others.iter().filter(|held| living.contains(&held.as_str())).count();
                prop_assert!(holders <= 1, "the new one is in one hand");
            }
        }
        house.entropy = play.entropy.clone();
    });
}
