//! Points and spans of time. Nothing here reads a clock.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch: a JWT `NumericDate` (RFC 7519 §2). Saturates.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Later by `ttl`. Saturates.
    #[must_use]
    pub const fn plus(self, ttl: Ttl) -> Self {
        Self(self.0.saturating_add(ttl.millis()))
    }

    /// Earlier by `ttl`. Saturates.
    #[must_use]
    pub const fn minus(self, ttl: Ttl) -> Self {
        Self(self.0.saturating_sub(ttl.millis()))
    }

    /// Milliseconds from `earlier` to `self`; negative if `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC with whole seconds, for people; out-of-range values print as plain milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.seconds()) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} ms since the epoch", self.0),
        }
    }
}

/// A span of time, never negative; kept in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ttl(u64);

impl Ttl {
    /// The longest life of an access token of ours. Whatever ends one is remembered for as long.
    pub const LONGEST_ACCESS_TOKEN: Self = Self::seconds(24 * 3600);

    /// For how long after it was made a proof of possession is good (RFC 9449 §11.1). Used ones are remembered
    /// for longer.
    pub const LONGEST_PROOF: Self = Self::seconds(60);

    /// So many times as long. Saturates.
    #[must_use]
    pub const fn times(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// From whole seconds. Saturates.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Whole seconds, rounded down.
    pub const fn as_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// As a [`std::time::Duration`].
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    const fn millis(self) -> i64 {
        if self.0 > i64::MAX as u64 { i64::MAX } else { self.0.cast_signed() }
    }
}

/// The text is no span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a span of time is a number and ms, s, m, h or d, such as 15m")]
pub struct TtlFault;

impl FromStr for Ttl {
    type Err = TtlFault;

    /// `250ms`, `90s`, `15m`, `12h`, `30d`.
    fn from_str(text: &str) -> Result<Self, TtlFault> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(TtlFault)?;
        let (number, unit) = text.split_at_checked(unit_at).ok_or(TtlFault)?;
        let number: u64 = number.parse().map_err(|_| TtlFault)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(TtlFault),
        };
        number.checked_mul(millis).map(Self).ok_or(TtlFault)
    }
}

/// As people say it: `90s`, `15m`, `12h`, `30d`.
impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.as_seconds();
        match seconds {
            0 => write!(f, "{}ms", self.0),
            s if s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            s if s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}
