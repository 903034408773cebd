//! Signing in with the identity provider that a company already has: we are its client (OpenID Connect Core
//! §3.1), and what its groups mean here is the operator's word.

mod begin;
mod callback;
mod ended;
mod exchange;
mod flow;
mod identity;
mod logout_token;
mod metadata;
mod preset;
mod probe;
mod provider;
mod refused;
mod upstreams;

pub(crate) use begin::{endpoint as begin, go};
pub(crate) use callback::endpoint as callback;
pub(crate) use ended::endpoint as ended;
pub(crate) use exchange::Demand;
pub(crate) use flow::{Purpose, purge};
pub use identity::Identity;
pub use metadata::MetadataFault;
pub use preset::{ClaimPath, Preset};
pub use probe::{Finding, Verdict, probe};
pub use provider::{
    Condition, Newcomers, Provider, SameCompany, SecretIn, logout_uri, redirect_uri,
};
pub use upstreams::Upstreams;

/// Claims as they came.
pub(crate) type Claims = serde_json::Map<String, serde_json::Value>;
