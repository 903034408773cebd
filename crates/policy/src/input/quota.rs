//! What is left of what was agreed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of the caller's quotas before this request. Absent means that nothing is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests left in this minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_left: Option<u64>,
    /// Tokens left in this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_left: Option<u64>,
    /// Requests of this caller that are being answered now.
    #[serde(default)]
    pub in_flight: u64,
}
