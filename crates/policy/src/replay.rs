//! Decisions of the past, taken again by other policies.

use crate::{Bundle, Input, Point, Refused, Revision, Ruling, compiled::Compiled};
use serde::Serialize;

/// A decision as it was recorded.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id in the audit log.
    pub id: String,
    /// What the policy was told.
    pub input: Input,
    /// What it ruled.
    pub ruling: Ruling,
}

/// What would have come out.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// The policies that decided again.
    pub revision: Revision,
    /// How many decisions were taken again.
    pub decisions: u64,
    /// How many would now be allowed that were denied.
    pub allowed: u64,
    /// How many would now be denied that were allowed.
    pub denied: u64,
    /// How many would still be allowed, but with other scopes, datasets or obligations.
    pub changed: u64,
    /// Those that would differ, in the order of the records; at most [`Replay::MAX_FLIPS`].
    pub flips: Vec<Flip>,
}

/// A decision that would come out otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Flip {
    /// Its id in the audit log.
    pub id: String,
    /// Where it was taken.
    pub point: Point,
    /// What was ruled.
    pub was: Ruling,
    /// What would be.
    pub becomes: Ruling,
}

impl Replay {
    /// Flips that are kept; the counts go on.
    pub const MAX_FLIPS: usize = 10_000;
}

/// Takes decisions again, one after the other.
pub struct Replayer {
    machine: Compiled,
    counts: Counts,
}

/// How many decisions came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Taken again.
    pub decisions: u64,
    /// Now allowed that were denied.
    pub allowed: u64,
    /// Now denied that were allowed.
    pub denied: u64,
    /// Still allowed, but with other scopes, datasets or obligations.
    pub changed: u64,
}

impl Counts {
    /// How many would come out otherwise.
    pub const fn otherwise(&self) -> u64 {
        self.allowed + self.denied + self.changed
    }
}

impl Replayer {
    /// Decides by `bundle`.
    pub fn new(bundle: &Bundle) -> Result<Self, Refused> {
        let machine = Compiled::new(bundle.files(), bundle.points())?;
        Ok(Self { machine, counts: Counts::default() })
    }

    /// The policies that decide again.
    pub fn revision(&self) -> Revision {
        self.machine.revision()
    }

    /// What came out so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes a decision again that was `was`; gives the ruling if it comes out otherwise. Pure.
    pub fn take(&mut self, input: &Input, was: &Ruling) -> Option<Ruling> {
        let becomes = self.machine.decide(input.point(), input);
        self.counts.decisions += 1;
        match (was.allow, becomes.allow) {
            (false, true) => self.counts.allowed += 1,
            (true, false) => self.counts.denied += 1,
            (true, true) if leaves_other(was, &becomes) => self.counts.changed += 1,
            _ => return None,
        }
        Some(becomes)
    }
}

/// Takes every decision of `records` again by `bundle`. Pure: nothing is recorded or changed.
pub fn replay(
    records: impl IntoIterator<Item = Record>,
    bundle: &Bundle,
) -> Result<Replay, Refused> {
    let mut replayer = Replayer::new(bundle)?;
    let mut flips = Vec::new();
    for Record { id, input, ruling: was } in records {
        let Some(becomes) = replayer.take(&input, &was) else { continue };
        if flips.len() < Replay::MAX_FLIPS {
            flips.push(Flip { id, point: input.point(), was, becomes });
        }
    }
    let (revision, counts) = (replayer.revision(), replayer.counts());
    let Counts { decisions, allowed, denied, changed } = counts;
    Ok(Replay { revision, decisions, allowed, denied, changed, flips })
}

fn leaves_other(was: &Ruling, becomes: &Ruling) -> bool {
    was.scopes != becomes.scopes
        || was.datasets != becomes.datasets
        || was.obligations != becomes.obligations
}
