//! From what is asked to what is granted: only ever less, and every loss is told.

use super::{Pattern, Registry, Scope, Scopes};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A requested scope that was not granted, and who did not grant it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// What was asked for.
    pub scope: Scope,
    /// Whose limit it met first.
    pub by: DroppedBy,
}

/// Whose limit a requested scope met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DroppedBy {
    /// It is not in this client's allow-list.
    Client,
    /// The API does not offer it.
    Api,
    /// The token that is exchanged, or its provider's mapping, does not have it.
    Subject,
    /// The tenant's contract does not have it.
    Tenant,
    /// It is about another tenant, and no grant across tenants allows it.
    OtherTenant,
    /// A policy took it away; its own words say why.
    Policy(String),
}

impl DroppedBy {
    /// Whose limit it is, in words that follow the name of the scope. A policy's own words are not in it.
    pub const fn why(&self) -> &'static str {
        match self {
            Self::Client => "it is not in the client's allow-list",
            Self::Api => "the API does not offer it",
            Self::Subject => "the subject token does not have it",
            Self::Tenant => "the tenant's contract does not have it",
            Self::OtherTenant => "it is about another tenant",
            Self::Policy(_) => "a policy took it away",
        }
    }
}

impl fmt::Display for DroppedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(reason) => write!(f, "a policy took it away: {reason}"),
            other => f.write_str(other.why()),
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not granted: {}", self.scope, self.by)
    }
}

impl Scopes {
    /// Grants of these requested scopes those that the client's allow-list and the API both
    /// cover, as they were asked for, and says who dropped each of the others.
    ///
    /// The answer is a subset of the request. An empty allow-list or offer covers nothing, and a
    /// scope that the registry does not know is offered by no API. It does not ask the policy.
    pub fn narrow(
        &self,
        client: &[Pattern],
        api: &Self,
        registry: &Registry,
    ) -> (Self, Vec<Dropped>) {
        let allowed: Self = client.iter().flat_map(|line| line.expand(registry)).collect();
        let limit = |scope: &Scope| {
            if registry.known(scope).is_err() {
                Some(DroppedBy::Api)
            } else if !registry.covers(&allowed, scope) {
                Some(DroppedBy::Client)
            } else if !registry.covers(api, scope) {
                Some(DroppedBy::Api)
            } else {
                None
            }
        };
        let dropped: Vec<_> = self
            .iter()
            .filter_map(|scope| Some(Dropped { scope: scope.clone(), by: limit(scope)? }))
            .collect();
        (self.minus(&dropped.iter().map(|lost| lost.scope.clone()).collect()), dropped)
    }
}
