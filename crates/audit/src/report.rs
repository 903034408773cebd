//! What a verification found.

use crate::Anchor;
use portcullis_types::{DecisionId, Timestamp};
use std::fmt;

/// Findings kept; further ones are only counted.
const KEPT: usize = 100;

/// The outcome of walking a chain from end to end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many records were read.
    pub records: u64,
    /// The time of the first record.
    pub from: Option<Timestamp>,
    /// The time of the last record.
    pub to: Option<Timestamp>,
    /// The last record's place and hash: keep it elsewhere, to find a database that was put back.
    pub head: Option<Anchor>,
    /// The last record that was taken out of the database after an export, and the hash behind it:
    /// the chain begins there. The record of that act names who did it.
    pub cut: Option<Anchor>,
    /// Whether a key was there to check the seals. Without one, whoever can write to the database
    /// can also have written the whole chain anew.
    pub seals_checked: bool,
    /// What is wrong, in the order of the chain: at most 100.
    pub findings: Vec<Finding>,
    /// How many further findings there were.
    pub more: u64,
}

impl Report {
    /// Nothing is wrong.
    pub const fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        if self.findings.len() < KEPT {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The sequence number of the record, or of the first one concerned.
    pub seq: u64,
    /// The decision, if the record can still be read.
    pub id: Option<DecisionId>,
    /// Its time, if the record can still be read.
    pub at: Option<Timestamp>,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What can be wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The record, or the hash before it, is not what was written.
    Altered,
    /// The bytes are no record.
    Unreadable,
    /// The records from here to `through` are gone.
    Missing {
        /// The last one that is gone.
        through: u64,
    },
    /// This number is there twice, or was put in.
    Repeated,
    /// What stands before is not what stood there when this was written.
    Unlinked,
    /// The count, the times or the last hash stored with the batch do not fit its records.
    Frame,
    /// A column holds what is never written there: a hash of another length, a negative number.
    Columns,
    /// The note of what was taken out is none of ours, or is not sealed with this key.
    Cutting,
    /// The seal is absent or not made with this key.
    Seal,
    /// The end of the chain was cut: the records from here to `through` are gone.
    Cut {
        /// The last one that is gone.
        through: u64,
    },
    /// The note of where the chain ends is gone, does not fit the last record, or is not sealed
    /// with this key.
    Head,
    /// The hash here is not the one of the anchor: the chain was rewritten, or put back and grown
    /// anew.
    Anchor,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Altered => "the record, or the hash before it, was altered",
            Self::Unreadable => "the record is unreadable",
            Self::Missing { through } => return write!(f, "missing through {through}"),
            Self::Repeated => "the number is there twice",
            Self::Unlinked => "it does not follow the record before it",
            Self::Frame => "the batch's count, times or last hash do not fit its records",
            Self::Columns => "the batch's columns hold what is never written there",
            Self::Cutting => "the records before it were taken out by somebody without the key",
            Self::Seal => "the batch's seal is not right",
            Self::Cut { through } => {
                return write!(f, "the end of the chain was cut: missing through {through}");
            }
            Self::Head => "the head of the chain does not fit it",
            Self::Anchor => "the chain is not the one of the anchor",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.seq)?;
        if let Some(id) = self.id {
            write!(f, " ({id}")?;
            if let Some(at) = self.at {
                write!(f, ", {at}")?;
            }
            f.write_str(")")?;
        }
        write!(f, ": {}", self.wrong)
    }
}
