//! Tiers: what a tenant may have at most for what it pays, as the configuration says it.

use portcullis_types::{Details, Pattern, Registry};
use serde::Serialize;
use std::collections::BTreeMap;

/// What tenants of one tier may have.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tier {
    /// What people call it.
    pub title: String,
    /// The scopes that their tokens may have.
    pub scopes: Vec<Pattern>,
    /// What limits those further: models, datasets, tools. An empty one limits nothing.
    pub details: Details,
    /// How much they may use.
    pub limits: Limits,
    /// What they pay, as it stands in the contract; for people to read.
    pub price: Option<String>,
}

/// How much tenants may use. What is absent has no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Requests in a minute, of all their callers together.
    pub requests_per_minute: Option<u32>,
    /// Tokens of models in a day.
    pub tokens_per_day: Option<u64>,
    /// Tokens in one answer.
    pub max_output_tokens: Option<u32>,
    /// Exchanges in a minute, of one subject.
    pub exchanges_per_minute: Option<u32>,
}

/// All tiers, by name.
pub type Tiers = BTreeMap<String, Tier>;

/// What records of tenants are held against.
#[derive(Clone, Debug)]
pub struct Contracts {
    /// The tiers that there are.
    pub tiers: Tiers,
    /// The scopes that there are.
    pub registry: Registry,
}

impl Default for Contracts {
    /// Nothing that anybody could have.
    fn default() -> Self {
        Self { tiers: Tiers::new(), registry: Registry::standard() }
    }
}
