//! The point `request`: whether a request passes the gateway.

use super::{Behaviour, Caller, Context, Facts, Quota, Resource, TenantFacts};
use crate::Point;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request with a verified token stands at the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestInput<'a> {
    /// Who asks.
    pub caller: Caller<'a>,
    /// The caller's tenant; absent for the operator's own callers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts<'a>>,
    /// What is asked for.
    pub resource: Resource<'a>,
    /// What is left of what was agreed.
    #[serde(default)]
    pub quota: Quota,
    /// When and from where.
    pub context: Context<'a>,
    /// How the caller has behaved of late.
    #[serde(default)]
    pub behaviour: Behaviour<'a>,
}

impl Facts for RequestInput<'_> {
    const POINT: Point = Point::Request;
}
