//! The point `client`: what a client may be granted.

use super::{Context, Facts, TenantFacts, Text};
use crate::Point;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A registered client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client<'a> {
    /// Its id.
    pub id: Text<'a>,
    /// The tenant that it belongs to; absent for the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Text<'a>>,
    /// The scopes that it is registered for.
    #[serde(default)]
    pub scopes: Vec<Text<'a>>,
    /// Whether it proved itself: a public client does not.
    #[serde(default)]
    pub confidential: bool,
    /// Whether it is an agent, which acts by itself for others.
    #[serde(default)]
    pub agent: bool,
    /// What the operator wrote beside it.
    #[serde(default)]
    pub labels: Vec<Text<'a>>,
}

/// A client asks for rights of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientInput<'a> {
    /// The client.
    pub client: Client<'a>,
    /// Its tenant; absent for the operator's own clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts<'a>>,
    /// The grant type: `client_credentials`.
    pub grant: Text<'a>,
    /// The scopes asked for.
    #[serde(default)]
    pub requested: Vec<Text<'a>>,
    /// The audiences asked for.
    #[serde(default)]
    pub audience: Vec<Text<'a>>,
    /// When and from where.
    pub context: Context<'a>,
}

impl Facts for ClientInput<'_> {
    const POINT: Point = Point::Client;
}
