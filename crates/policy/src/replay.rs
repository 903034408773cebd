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

/// Takes every decision of `records` again by `bundle`. Pure: nothing is recorded or changed.
pub fn replay(
    records: impl IntoIterator<Item = Record>,
    bundle: &Bundle,
) -> Result<Replay, Refused> {
    let mut machine = Compiled::new(bundle.files(), bundle.points())?;
    let revision = machine.revision();
    let (decisions, allowed, denied, changed) = (0, 0, 0, 0);
    let mut replay = Replay { revision, decisions, allowed, denied, changed, flips: Vec::new() };
    for Record { id, input, ruling: was } in records {
        let point = input.point();
        let becomes = machine.decide(point, &input);
        replay.decisions += 1;
        match (was.allow, becomes.allow) {
            (false, true) => replay.allowed += 1,
            (true, false) => replay.denied += 1,
            (true, true) if leaves_other(&was, &becomes) => replay.changed += 1,
            _ => continue,
        }
        if replay.flips.len() < Replay::MAX_FLIPS {
            replay.flips.push(Flip { id, point, was, becomes });
        }
    }
    Ok(replay)
}

fn leaves_other(was: &Ruling, becomes: &Ruling) -> bool {
    was.scopes != becomes.scopes
        || was.datasets != becomes.datasets
        || was.obligations != becomes.obligations
}
