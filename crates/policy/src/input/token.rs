//! The point `token`: what goes into a token that a person or service gets.

use super::{Behaviour, Caller, Client, Context, Facts, TenantFacts, Text};
use crate::Point;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A token is about to be made for `caller` at `client`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenInput<'a> {
    /// Whose token it will be; its scopes are what was granted so far.
    pub caller: Caller<'a>,
    /// The client that gets it.
    pub client: Client<'a>,
    /// The caller's tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts<'a>>,
    /// The grant type: `authorization_code`.
    pub grant: Text<'a>,
    /// The scopes asked for.
    #[serde(default)]
    pub requested: Vec<Text<'a>>,
    /// The audiences asked for.
    #[serde(default)]
    pub audience: Vec<Text<'a>>,
    /// When and from where.
    pub context: Context<'a>,
    /// How the caller has behaved of late.
    #[serde(default)]
    pub behaviour: Behaviour<'a>,
}

impl Facts for TokenInput<'_> {
    const POINT: Point = Point::Token;
}
