//! The life of a signing key: next, current, retiring, retired. Pure: state and time in, state out.
//!
//! The guarantee: a token lives at most `retire_after` and is checked with keys at most `publish_before`
//! old; then, as long as nobody says [`Haste::AtOnce`], no token ever fails because of a rotation. A key
//! signs only after it was published for `publish_before`, and is published for `retire_after` after the
//! last moment at which it could sign.

use super::KeyringFault;
use portcullis_jose::Alg;
use portcullis_types::{Kid, Timestamp, Ttl};
use serde::{Deserialize, Serialize};
use std::fmt;

/// When keys change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationPolicy {
    /// How long a key signs.
    pub rotate_every: Ttl,
    /// How long a key is published before it signs: at least as long as anyone caches our keys.
    pub publish_before: Ttl,
    /// How long a key is published after it has signed for the last time: at least the longest life of a
    /// token, plus leeway, plus the time a second process takes to notice a rotation.
    pub retire_after: Ttl,
}

/// Whose keys, for which algorithms, changing when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlan {
    /// Keeps key sets in one database apart, such as `issuer` and `gateway`.
    pub purpose: &'static str,
    /// One current key for each.
    pub algs: Vec<Alg>,
    /// When they change.
    pub policy: RotationPolicy,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, not signing yet.
    Next,
    /// Published and signing.
    Current,
    /// Published so that tokens it signed verify; not signing any more.
    Retiring,
    /// Gone: not published, its secret wiped.
    Retired,
}

/// Whether tokens may fail because of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Haste {
    /// No: wait, or refuse, rather than break a token.
    Orderly,
    /// Yes: the key may be in the wrong hands.
    AtOnce,
}

/// What a command or the schedule changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum KeyChange {
    /// A new key is published.
    Published {
        /// Which.
        kid: Kid,
        /// For what.
        alg: Alg,
    },
    /// From now on this key signs.
    Activated {
        /// Which.
        kid: Kid,
        /// For what.
        alg: Alg,
    },
    /// This key signs no more, and is published until then.
    Retiring {
        /// Which.
        kid: Kid,
        /// When it will be gone.
        until: Timestamp,
    },
    /// This key is gone.
    Retired {
        /// Which.
        kid: Kid,
    },
    /// The rotation is put off until the next key has been published long enough.
    Scheduled {
        /// For what.
        alg: Alg,
        /// When it will happen.
        at: Timestamp,
    },
}

/// A key as the schedule sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kid: Kid,
    pub(crate) alg: Alg,
    pub(crate) state: KeyState,
    pub(crate) published: Timestamp,
    pub(crate) activated: Option<Timestamp>,
    pub(crate) demoted: Option<Timestamp>,
    pub(crate) retired: Option<Timestamp>,
    /// A rotation that was asked for and put off. Only on a current key.
    pub(crate) rotate_at: Option<Timestamp>,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// What must be there before the first token is signed: all that the time demands, but for next keys
    /// that take long to make. The first tick makes those, and their time of publication counts from then.
    Start,
    /// Whatever the time and the plan demand.
    Tick,
    /// The next key becomes the current one, for one algorithm or for all.
    Rotate(Option<Alg>, Haste),
    /// This key goes.
    Retire(Kid, Haste),
}

/// All keys of one purpose while a command is carried out.
pub(crate) struct Ring<'a> {
    pub(crate) entries: Vec<Entry>,
    /// Fresh keys that may be used.
    pub(crate) spares: Vec<(Alg, Kid)>,
    /// Fresh keys that were needed and not there: nothing of the outcome may be kept then.
    pub(crate) missing: Vec<Alg>,
    pub(crate) changes: Vec<KeyChange>,
    pub(crate) plan: &'a KeyPlan,
    pub(crate) now: Timestamp,
}

impl<'a> Ring<'a> {
    pub(crate) const fn new(entries: Vec<Entry>, plan: &'a KeyPlan, now: Timestamp) -> Self {
        Self { entries, spares: Vec::new(), missing: Vec::new(), changes: Vec::new(), plan, now }
    }

    pub(crate) fn run(&mut self, command: &Command) -> Result<(), KeyringFault> {
        match command {
            Command::Start => {
                self.keep_up(|alg| !alg.is_rsa());
                Ok(())
            }
            Command::Tick => {
                self.leave_out();
                self.keep_up(|_| true);
                Ok(())
            }
            Command::Rotate(alg, haste) => self.rotate(*alg, *haste),
            Command::Retire(kid, haste) => self.retire(kid, *haste),
        }
    }

    /// Rotates what is due, retires what is over; `ahead` says for which algorithms a next key is made.
    fn keep_up(&mut self, ahead: impl Fn(Alg) -> bool) {
        for alg in self.plan.algs.clone() {
            let current = self.find(alg, KeyState::Current).cloned();
            let due = current.is_none_or(|current| {
                self.due(&current) <= self.now && self.ready_at(alg) <= self.now
            });
            if due {
                self.promote(alg);
            }
            if ahead(alg) {
                self.ensure_next(alg);
            }
        }
        let (now, until) = (self.now, self.plan.policy.retire_after);
        let over = |e: &&mut Entry| {
            e.state == KeyState::Retiring && e.demoted.is_none_or(|at| at.plus(until) <= now)
        };
        for entry in self.entries.iter_mut().filter(over) {
            entry.retire(now, &mut self.changes);
        }
    }

    /// Keys of algorithms that are not in the plan any more: the next one goes, and the current one stays
    /// published for the tokens that it signed.
    fn leave_out(&mut self) {
        let (plan, now) = (self.plan, self.now);
        let left_out = |entry: &&mut Entry| !plan.algs.iter().any(|alg| alg.is(entry.alg));
        for entry in self.entries.iter_mut().filter(left_out) {
            match entry.state {
                KeyState::Next => entry.retire(now, &mut self.changes),
                KeyState::Current => {
                    self.changes.push(entry.demote(now, plan.policy.retire_after));
                }
                KeyState::Retiring | KeyState::Retired => {}
            }
        }
    }

    fn rotate(&mut self, alg: Option<Alg>, haste: Haste) -> Result<(), KeyringFault> {
        let wanted = |e: &&Entry| e.state == KeyState::Current && alg.is_none_or(|a| a.is(e.alg));
        let algs: Vec<Alg> = self.entries.iter().filter(wanted).map(|e| e.alg).collect();
        if algs.is_empty() {
            return Err(KeyringFault::NoSuchAlg { alg });
        }
        for alg in algs {
            self.ensure_next(alg);
            let at = self.ready_at(alg);
            if haste == Haste::AtOnce || at <= self.now {
                self.promote(alg);
                self.ensure_next(alg);
            } else if let Some(current) = self.find_mut(alg, KeyState::Current) {
                current.rotate_at = Some(at);
                self.changes.push(KeyChange::Scheduled { alg, at });
            }
        }
        Ok(())
    }

    fn retire(&mut self, kid: &Kid, haste: Haste) -> Result<(), KeyringFault> {
        let found = self.entries.iter().find(|entry| entry.kid == *kid).cloned();
        let entry = found.ok_or_else(|| KeyringFault::UnknownKey { kid: kid.clone() })?;
        let until = self.until(&entry);
        match (entry.state, haste) {
            (KeyState::Retired, _) => return Ok(()),
            (KeyState::Current, Haste::Orderly) => {
                return Err(KeyringFault::InUse { kid: kid.clone(), alg: entry.alg });
            }
            (KeyState::Retiring, Haste::Orderly) if until > self.now => {
                return Err(KeyringFault::StillNeeded { kid: kid.clone(), until });
            }
            (KeyState::Current, Haste::AtOnce) => {
                self.promote(entry.alg);
                self.ensure_next(entry.alg);
            }
            // Nothing was ever signed with it; another takes its place.
            (KeyState::Next, _) => self.publish(entry.alg, KeyState::Next),
            (KeyState::Retiring, _) => {}
        }
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.kid == *kid) {
            entry.retire(self.now, &mut self.changes);
        }
        self.changes
            .retain(|change| !matches!(change, KeyChange::Retiring { kid: k, .. } if k == kid));
        Ok(())
    }

    /// The next key signs from now on, the current one no more.
    fn promote(&mut self, alg: Alg) {
        let (now, until) = (self.now, self.plan.policy.retire_after);
        if let Some(old) = self.find_mut(alg, KeyState::Current) {
            let change = old.demote(now, until);
            self.changes.push(change);
        }
        match self.find_mut(alg, KeyState::Next) {
            Some(next) => {
                next.state = KeyState::Current;
                next.activated = Some(now);
                let kid = next.kid.clone();
                self.changes.push(KeyChange::Activated { kid, alg });
            }
            None => self.publish(alg, KeyState::Current),
        }
    }

    fn ensure_next(&mut self, alg: Alg) {
        if self.find(alg, KeyState::Next).is_none() {
            self.publish(alg, KeyState::Next);
        }
    }

    fn publish(&mut self, alg: Alg, state: KeyState) {
        let Some(place) = self.spares.iter().position(|(spare, _)| spare.is(alg)) else {
            self.missing.push(alg);
            return;
        };
        let (alg, kid) = self.spares.swap_remove(place);
        self.changes.push(KeyChange::Published { kid: kid.clone(), alg });
        let activated = (state == KeyState::Current).then_some(self.now);
        if activated.is_some() {
            self.changes.push(KeyChange::Activated { kid: kid.clone(), alg });
        }
        self.entries.push(Entry {
            kid,
            alg,
            state,
            published: self.now,
            activated,
            demoted: None,
            retired: None,
            rotate_at: None,
        });
    }

    /// When the current key's turn ends.
    fn due(&self, current: &Entry) -> Timestamp {
        let regular = current.activated.unwrap_or(current.published);
        let regular = regular.plus(self.plan.policy.rotate_every);
        current.rotate_at.map_or(regular, |asked| asked.min(regular))
    }

    /// When the next key may sign.
    fn ready_at(&self, alg: Alg) -> Timestamp {
        let published = self.find(alg, KeyState::Next).map_or(self.now, |next| next.published);
        published.plus(self.plan.policy.publish_before)
    }

    /// When a retiring key goes.
    fn until(&self, entry: &Entry) -> Timestamp {
        entry.demoted.unwrap_or(self.now).plus(self.plan.policy.retire_after)
    }

    /// When a key starts to sign and when it goes, as far as that is known.
    pub(crate) fn outlook(&self, entry: &Entry) -> (Option<Timestamp>, Option<Timestamp>) {
        match entry.state {
            KeyState::Next => {
                let due = self.find(entry.alg, KeyState::Current).map(|current| self.due(current));
                (due.map(|due| due.max(self.ready_at(entry.alg))), None)
            }
            KeyState::Current => (entry.activated, None),
            KeyState::Retiring => (entry.activated, Some(self.until(entry))),
            KeyState::Retired => (entry.activated, entry.retired),
        }
    }

    fn find(&self, alg: Alg, state: KeyState) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.alg.is(alg) && entry.state == state)
    }

    fn find_mut(&mut self, alg: Alg, state: KeyState) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.alg.is(alg) && entry.state == state)
    }
}

impl Entry {
    fn demote(&mut self, now: Timestamp, retire_after: Ttl) -> KeyChange {
        self.state = KeyState::Retiring;
        self.demoted = Some(now);
        self.rotate_at = None;
        KeyChange::Retiring { kid: self.kid.clone(), until: now.plus(retire_after) }
    }

    fn retire(&mut self, now: Timestamp, changes: &mut Vec<KeyChange>) {
        self.state = KeyState::Retired;
        self.retired = Some(now);
        changes.push(KeyChange::Retired { kid: self.kid.clone() });
    }
}

impl KeyState {
    /// Whether the world may see it.
    pub const fn is_published(self) -> bool {
        !matches!(self, Self::Retired)
    }

    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Next, Self::Current, Self::Retiring, Self::Retired];
        all.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published { kid, alg } => write!(f, "published new {alg} key {kid}"),
            Self::Activated { kid, alg } => write!(f, "{alg} tokens are now signed with key {kid}"),
            Self::Retiring { kid, until } => write!(f, "key {kid} is kept until {until}"),
            Self::Retired { kid } => write!(f, "key {kid} is gone"),
            Self::Scheduled { alg, at } => write!(f, "{alg} rotates at {at}"),
        }
    }
}

impl RotationPolicy {
    /// What cannot work.
    pub(crate) fn check(&self) -> Result<(), KeyringFault> {
        let zero = Ttl::seconds(0);
        match self {
            p if p.rotate_every <= zero => {
                Err(KeyringFault::Policy("rotate_every must be longer than zero"))
            }
            p if p.publish_before > p.rotate_every => Err(KeyringFault::Policy(
                "publish_before must not be longer than rotate_every, or no key is ever ready in time",
            )),
            p if p.retire_after <= zero => Err(KeyringFault::Policy(
                "retire_after must be at least the longest life of a token",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
