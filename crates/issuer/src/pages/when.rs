//! Times as people say them, with the exact one beside.

use portcullis_types::{Timestamp, Ttl};
use portcullis_web::page::Words;

/// A point in time on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct When {
    /// Relative: "3 hours ago".
    pub(crate) text: String,
    /// RFC 3339, in UTC.
    pub(crate) exact: String,
}

impl When {
    /// `at`, seen from `now`.
    pub(crate) fn of(words: Words, at: Timestamp, now: Timestamp) -> Self {
        let seconds = usize::try_from(now.millis_since(at) / 1000).unwrap_or(0);
        let text = match seconds {
            0..60 => words.say("time.now").to_owned(),
            60..3600 => words.count(seconds / 60, "time.minutes_one", "time.minutes_many"),
            3600..86_400 => words.count(seconds / 3600, "time.hours_one", "time.hours_many"),
            _ => words.count(seconds / 86_400, "time.days_one", "time.days_many"),
        };
        Self { text, exact: at.to_string() }
    }
}

/// How long to wait: "2 minutes".
pub(crate) fn wait(words: Words, ttl: Ttl) -> String {
    let seconds = usize::try_from(ttl.as_seconds()).unwrap_or(usize::MAX).max(1);
    if seconds < 60 {
        words.count(seconds, "time.second_one", "time.second_many")
    } else {
        words.count(seconds.div_ceil(60), "time.minute_one", "time.minute_many")
    }
}
