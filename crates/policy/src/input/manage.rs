//! The point `manage`: whether an act of management is done.

use super::{Behaviour, Caller, Context, Facts, TenantFacts, Text};
use crate::Point;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Someone wants to change or see something of the house.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManageInput<'a> {
    /// Who.
    pub caller: Caller<'a>,
    /// The caller's tenant; absent for the operator's own people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts<'a>>,
    /// What, as the scope that it takes: `model:delete`.
    pub action: Text<'a>,
    /// To what.
    pub target: Target<'a>,
    /// When and from where.
    pub context: Context<'a>,
    /// How the caller has behaved of late.
    #[serde(default)]
    pub behaviour: Behaviour<'a>,
}

/// The thing that is managed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target<'a> {
    /// What kind of thing: `model`, `dataset`, `tenant`, `client`, `key`, `policy`.
    pub kind: Text<'a>,
    /// Which one.
    pub id: Text<'a>,
    /// The tenant that owns it; absent for the operator's own things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Text<'a>>,
    /// Whether it serves requests now.
    #[serde(default)]
    pub in_service: bool,
}

impl Facts for ManageInput<'_> {
    const POINT: Point = Point::Manage;
}
