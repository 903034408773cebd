//! Who asks: the claims of a verified token.

use super::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Verified claims. What a token does not say is absent; nothing here is a guess.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Caller<'a> {
    /// `sub`: the principal, in our namespace.
    pub sub: Text<'a>,
    /// The client that the token was issued to.
    pub client_id: Text<'a>,
    /// The tenant that the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Text<'a>>,
    /// Roles that the directory or the trust's mapping gave.
    #[serde(default)]
    pub roles: Vec<Text<'a>>,
    /// Groups that the provider named.
    #[serde(default)]
    pub groups: Vec<Text<'a>>,
    /// The scopes that it holds, one each.
    #[serde(default)]
    pub scopes: Vec<Text<'a>>,
    /// How sure the sign-in was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Text<'a>>,
    /// What the person proved themselves by (RFC 8176).
    #[serde(default)]
    pub amr: Vec<Text<'a>>,
    /// When the person signed in, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Who acts for the principal, the one acting now first (RFC 8693 §4.1). Only the first
    /// counts for access; the others are history.
    #[serde(default)]
    pub act: Vec<Actor<'a>>,
}

/// One link of an `act` chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Actor<'a> {
    /// The actor's `sub`.
    pub sub: Text<'a>,
    /// The actor's client, if the claim names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Text<'a>>,
    /// The actor's issuer, if it is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<Text<'a>>,
}
