//! What a request is after.

use super::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

/// A line of the gateway, and what the request names behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource<'a> {
    /// The API as it is configured: `openai`.
    pub api: Text<'a>,
    /// The route that matched: `/v1/chat/completions`.
    pub route: Text<'a>,
    /// The HTTP method, in capitals.
    pub method: Text<'a>,
    /// The path as it was asked for.
    pub path: Text<'a>,
    /// The scopes that the route demands.
    #[serde(default)]
    pub scopes: Vec<Text<'a>>,
    /// The model that the request names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model<'a>>,
    /// The dataset that the request names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Dataset<'a>>,
    /// The MCP tool that the request calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Tool<'a>>,
    /// What the operator wrote beside the route.
    #[serde(default)]
    pub attributes: BTreeMap<Text<'a>, Text<'a>>,
}

/// A model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model<'a> {
    /// Its name: `text-large`.
    pub name: Text<'a>,
    /// Its class, which the tiers speak of: `large`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Text<'a>>,
    /// The tenant that owns it; absent if it is everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Text<'a>>,
}

/// A dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset<'a> {
    /// Its id: `ds_claims`.
    pub id: Text<'a>,
    /// The tenant that owns it.
    pub tenant: Text<'a>,
    /// Where it must stay: `eu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Text<'a>>,
}

/// A tool of an MCP server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool<'a> {
    /// The server: `github`.
    pub server: Text<'a>,
    /// The tool: `create_issue`.
    pub name: Text<'a>,
}
