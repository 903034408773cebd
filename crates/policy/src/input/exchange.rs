//! The point `exchange`: what a token exchange yields (RFC 8693).

use super::{Behaviour, Caller, Client, Context, Facts, TenantFacts, Text};
use crate::Point;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A subject token, verified, is about to become one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeInput<'a> {
    /// Whose rights they are: the subject token's claims, after the trust's mapping.
    pub subject: Caller<'a>,
    /// Who will act: the actor token's claims; absent if the client acts itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Caller<'a>>,
    /// The client that asks.
    pub client: Client<'a>,
    /// The tenant of the subject; absent for the operator's own people and services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts<'a>>,
    /// The trust that the subject token came under; absent for a token of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust<'a>>,
    /// The scopes asked for: the task.
    #[serde(default)]
    pub requested: Vec<Text<'a>>,
    /// The datasets asked for.
    #[serde(default)]
    pub datasets: Vec<Text<'a>>,
    /// The audiences asked for.
    #[serde(default)]
    pub audience: Vec<Text<'a>>,
    /// Whether the new token shall not name the actor.
    #[serde(default)]
    pub impersonation: bool,
    /// When and from where.
    pub context: Context<'a>,
    /// How the subject has behaved of late.
    #[serde(default)]
    pub behaviour: Behaviour<'a>,
}

/// What a tenant trusts another issuer for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trust<'a> {
    /// Its id.
    pub id: Text<'a>,
    /// The other issuer.
    pub issuer: Text<'a>,
    /// The most that it may yield.
    #[serde(default)]
    pub scopes: Vec<Text<'a>>,
    /// Whether its tokens may be exchanged without naming who acts.
    #[serde(default)]
    pub impersonation: bool,
}

impl Facts for ExchangeInput<'_> {
    const POINT: Point = Point::Exchange;
}
