//! The customer that a decision is about.

use super::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of a tenant. It comes with every input, so decisions cost the same with any
/// number of tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantFacts<'a> {
    /// Its id: `t123`.
    pub id: Text<'a>,
    /// The tier of its contract: a name that the policies' data knows.
    pub tier: Text<'a>,
    /// The state of its subscription.
    pub state: State,
    /// Where its data must stay: `eu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Text<'a>>,
    /// The datasets that its contract names, by id.
    #[serde(default)]
    pub datasets: Vec<Text<'a>>,
    /// Limits of the contract that differ from the tier's.
    #[serde(default)]
    pub limits: Limits,
}

/// The state of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It may use what its tier has.
    Active,
    /// Nothing, until someone lifts it.
    Suspended,
    /// Nothing, for good. Also what is assumed when nobody said.
    #[default]
    Ended,
}

/// Limits that a contract sets by itself; an absent one is the tier's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Tokens in one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Requests in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
}
