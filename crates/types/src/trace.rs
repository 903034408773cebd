//! What was checked, in order: passed, failed, not reached. Costs two words while a request runs.

use crate::{Check, Denial, Stage};
use serde::{Deserialize, Serialize};

/// The course of one decision. Filled by [`Trace::step`] while the checks are made, read by `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    stage: Stage,
    passed: u32,
    failed: Option<Check>,
}

/// How one check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It was made and passed.
    Passed,
    /// It was made and failed: the decision ended here.
    Failed,
    /// It was not made, because an earlier one failed or the route does not ask for it.
    NotReached,
}

/// One line of the checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which check.
    pub check: Check,
    /// How it went.
    pub mark: Mark,
}

impl Trace {
    /// Nothing checked yet.
    pub const fn new(stage: Stage) -> Self {
        Self { stage, passed: 0, failed: None }
    }

    /// Notes how `check` went and hands the outcome on.
    pub fn step<T>(&mut self, check: Check, outcome: Result<T, Denial>) -> Result<T, Denial> {
        match outcome {
            Ok(proof) => {
                self.passed |= check.bit();
                Ok(proof)
            }
            Err(denial) => {
                self.failed = Some(denial.check());
                Err(denial)
            }
        }
    }

    /// Notes that `checks` had passed before, for a verdict that was kept.
    pub fn passed_before(&mut self, checks: &[Check]) {
        self.passed |= checks.iter().fold(0, |bits, check| bits | check.bit());
    }

    /// Takes back a failure that was mended: a key that arrived after a refresh.
    pub const fn retry(&mut self) {
        self.failed = None;
    }

    /// Which question was asked.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The check that ended it, if one did.
    pub const fn failed(&self) -> Option<Check> {
        self.failed
    }

    /// Whether `check` was made and passed.
    pub const fn has_passed(&self, check: Check) -> bool {
        self.passed & check.bit() != 0
    }

    /// The whole checklist, in order. The checks of exchanges are left out where none of them was reached, and so is the
    /// policy where none was asked.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let (passed, failed) = (self.passed, self.failed);
        let reached = move |check: Check| passed & check.bit() != 0 || failed == Some(check);
        let of_exchange = |check: Check| check.is_occasional() && check != Check::Policy;
        let exchange = Check::of(self.stage).any(|check| of_exchange(check) && reached(check));
        let shown = Check::of(self.stage).filter(move |check| {
            !check.is_occasional() || reached(*check) || exchange && of_exchange(*check)
        });
        shown.map(move |check| {
            let mark = match failed {
                Some(failed) if failed == check => Mark::Failed,
                _ if passed & check.bit() != 0 => Mark::Passed,
                _ => Mark::NotReached,
            };
            Row { check, mark }
        })
    }
}
