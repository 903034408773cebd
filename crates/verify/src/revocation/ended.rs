//! What was ended, by name: a map that is cheap to copy and to add to, since half a million names must not be copied
//! for one more.

use portcullis_types::Timestamp;
use std::{collections::HashMap, sync::Arc};

/// A copy shares its parts with the original; what is added copies one of so many.
const PARTS: usize = 256;

type Part = HashMap<Box<str>, Until>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Until {
    since: Timestamp,
    until: Timestamp,
}

/// Names of one kind, each with the time since when it is ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// None before the first name.
    parts: Vec<Arc<Part>>,
    len: usize,
}

impl Ended {
    /// Since when that one is ended, if it is.
    pub fn since(&self, name: &str) -> Option<Timestamp> {
        self.parts.get(part_of(name))?.get(name).map(|ended| ended.since)
    }

    /// Whether that one is ended.
    pub fn has(&self, name: &str) -> bool {
        self.since(name).is_some()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends that one. Of two times the one that `choose` says counts; it is remembered for the longer of both.
    pub(super) fn insert(
        &mut self,
        name: &str,
        (since, until): (Timestamp, Timestamp),
        choose: fn(Timestamp, Timestamp) -> Timestamp,
    ) {
        if self.parts.is_empty() {
            self.parts = vec![Arc::default(); PARTS];
        }
        let Some(part) = self.parts.get_mut(part_of(name)) else { return };
        let part = Arc::make_mut(part);
        if let Some(known) = part.get_mut(name) {
            known.since = choose(known.since, since);
            known.until = known.until.max(until);
        } else {
            part.insert(name.into(), Until { since, until });
            self.len += 1;
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some(part) = self.parts.get_mut(part_of(name)).filter(|part| part.contains_key(name))
        {
            Arc::make_mut(part).remove(name);
            self.len -= 1;
        }
    }

    /// Forgets what no token can outlive any more.
    pub(super) fn forget(&mut self, now: Timestamp) {
        for part in &mut self.parts {
            if part.values().any(|ended| ended.until <= now) {
                let part = Arc::make_mut(part);
                let before = part.len();
                part.retain(|_, ended| ended.until > now);
                self.len -= before - part.len();
            }
        }
    }
}

/// Names end in random letters, so that any mixture of them does. One who chooses names only makes copies slower.
fn part_of(name: &str) -> usize {
    name.bytes().fold(0_usize, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(byte.into()))
        % PARTS
}
