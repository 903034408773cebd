//! How the caller has behaved of late.

use super::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a bounded sliding window says about one subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Behaviour<'a> {
    /// Requests in the last minute.
    #[serde(default)]
    pub requests_per_minute: u64,
    /// Different prompts, by hash, in the last minute.
    #[serde(default)]
    pub distinct_prompts: u64,
    /// Requests refused in the last minute.
    #[serde(default)]
    pub refusals: u64,
    /// Whether the address was not seen before from this subject.
    #[serde(default)]
    pub new_ip: bool,
    /// Whether the country was not seen before from this subject; needs a GeoIP file.
    #[serde(default)]
    pub new_country: bool,
    /// The country, in two capital letters; absent without a GeoIP file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Text<'a>>,
}
