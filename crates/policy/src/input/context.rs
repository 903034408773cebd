//! When and from where.

use super::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The moment and the place of a request. Policies read the time here and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Context<'a> {
    /// Seconds since 1970.
    pub time: i64,
    /// The day of the week at `offset`.
    pub weekday: Weekday,
    /// The hour at `offset`, 0 to 23.
    pub hour: u8,
    /// The minute at `offset`, 0 to 59.
    pub minute: u8,
    /// How many minutes the local clock is ahead of UTC.
    #[serde(default)]
    pub offset: i16,
    /// The caller's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Text<'a>>,
    /// The named networks that the address lies in.
    #[serde(default)]
    pub networks: Vec<Text<'a>>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    #[default]
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Context<'_> {
    /// The moment `time`, in seconds since 1970, on a clock `offset` minutes ahead of UTC; no address.
    pub fn at(time: i64, offset: i16) -> Self {
        let local = time.saturating_add(i64::from(offset) * 60);
        let day = local.div_euclid(86_400);
        let minute_of_day = local.rem_euclid(86_400) / 60;
        Self {
            time,
            // The first of January 1970 was a Thursday.
            weekday: match day.saturating_add(3).rem_euclid(7) {
                0 => Weekday::Monday,
                1 => Weekday::Tuesday,
                2 => Weekday::Wednesday,
                3 => Weekday::Thursday,
                4 => Weekday::Friday,
                5 => Weekday::Saturday,
                _ => Weekday::Sunday,
            },
            hour: u8::try_from(minute_of_day / 60).unwrap_or_default(),
            minute: u8::try_from(minute_of_day % 60).unwrap_or_default(),
            offset,
            ip: None,
            networks: Vec::new(),
        }
    }
}
