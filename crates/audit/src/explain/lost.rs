//! A decision that is not in the log: where it may be.

use super::{SCHEMA, rfc3339, span};
use portcullis_types::{DecisionId, Timestamp};
use serde::Serialize;

/// What one log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LogSpan {
    /// Its oldest record.
    #[serde(serialize_with = "rfc3339")]
    pub first: Timestamp,
    /// Its newest record.
    #[serde(serialize_with = "rfc3339")]
    pub last: Timestamp,
}

/// The answer for a decision that was not found.
#[derive(Clone, Debug, Serialize)]
pub struct Unfound {
    /// The version of this form.
    pub schema: u8,
    /// What was asked for.
    pub decision_id: DecisionId,
    /// When it was made, by its own account.
    #[serde(serialize_with = "rfc3339")]
    pub made_at: Timestamp,
    /// What was searched: the log file of this node.
    pub searched: String,
    /// What that log holds; `None` if it is empty.
    pub log: Option<LogSpan>,
    /// The answer in one sentence.
    pub headline: String,
    /// Where it may be, a sentence each.
    pub story: Vec<String>,
}

impl Unfound {
    /// Says where `decision_id` may be, given what the searched log holds.
    pub fn of(
        decision_id: DecisionId,
        searched: String,
        log: Option<LogSpan>,
        now: Timestamp,
    ) -> Self {
        let made_at = decision_id.time();
        let mut story = vec![match now.millis_since(made_at) {
            ahead if ahead < 0 => format!(
                "The id says that it was made at {made_at}, {} from now: is it copied right?",
                span(ahead)
            ),
            ago => format!("The id says that it was made at {made_at}, {} ago.", span(ago)),
        }];
        story.push(held(made_at, log));
        story.push(
            "Each node keeps a log of its own: ask the node that answered the request, with its \
             configuration (--config) or its data directory."
                .into(),
        );
        Self {
            schema: SCHEMA,
            decision_id,
            made_at,
            searched,
            log,
            headline: format!("There is no decision {decision_id} in this log."),
            story,
        }
    }
}

fn held(made_at: Timestamp, log: Option<LogSpan>) -> String {
    match log {
        None => "This log has no record at all.".into(),
        Some(log) if made_at < log.first => format!(
            "This log begins at {}, {} after it: it was made before, or elsewhere.",
            log.first,
            span(log.first.millis_since(made_at))
        ),
        Some(log) if made_at > log.last => format!(
            "The newest record of this log is from {}, {} before it. A record reaches the disk a \
             moment after the answer; a crash in between loses it.",
            log.last,
            span(made_at.millis_since(log.last))
        ),
        Some(log) => format!(
            "This log covers that time ({} to {}) and does not have it: the request was answered \
             elsewhere, or the id is not copied right.",
            log.first, log.last
        ),
    }
}
