//! API keys of services that cannot sign tokens yet: each is exchanged for a short JWT (RFC 8693).
//!
//! A key is found by a keyed hash of its SHA-256. So one that a customer's own system made can be registered by its
//! SHA-256 alone, and a copy of the store proves no guess.

mod admin;
mod imported;
mod rows;
mod show;

pub use admin::{NewApiKey, NewApiKeyKind};
pub use imported::{ApiKeyHash, WeakApiKey};
pub use show::use_api_key;

use crate::{Fault, SecretHashKey, opaque, secret::Tag};
use portcullis_jose::{b64, principal_key};
use portcullis_types::{
    Issuer, Pattern, PrincipalKey, PrincipalKind, Registry, Scopes, Tenant, Timestamp,
};
use serde::Serialize;

/// How ours begin, which lets scanners of source code find them.
pub const API_KEY_PREFIX: &str = "pck_";

/// What is known of a key, apart from the key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApiKey {
    /// `pck_…`.
    pub id: String,
    /// Whose it is; `None`: the operator's own.
    pub tenant: Option<Tenant>,
    /// What people call it.
    pub name: String,
    /// `svc_…`: who its tokens are about.
    pub sub: PrincipalKey,
    /// What its tokens may have at most. Empty means nothing.
    pub scopes: Vec<Pattern>,
    /// Whether a customer's own system made it.
    pub imported: bool,
    /// When it was registered.
    pub created: Timestamp,
    /// When it ends by itself; `None` for never.
    pub expires: Option<Timestamp>,
    /// Since when it opens nothing.
    pub disabled_since: Option<Timestamp>,
    /// When it was exchanged last, to within a minute.
    pub last_used: Option<Timestamp>,
}

impl ApiKey {
    /// What its tokens may have at most; of the own tenant, written without it.
    pub fn most(&self, registry: &Registry) -> Scopes {
        let scopes = registry.expand(&self.scopes);
        self.tenant.as_ref().map_or_else(|| scopes.clone(), |own| scopes.unqualified(own))
    }

    /// Why it opens nothing now, if so.
    fn ended(&self, now: Timestamp) -> Option<String> {
        if let Some(since) = self.disabled_since {
            return Some(format!("{} was disabled at {since}", self.id));
        }
        let over = self.expires.filter(|expires| *expires <= now)?;
        Some(format!("{} ended at {over}", self.id))
    }
}

/// Who a key speaks for: a service of the tenant's that no other key and no token of a provider speaks for.
fn principal(issuer: &Issuer, tenant: Option<&Tenant>, id: &str) -> Result<PrincipalKey, Fault> {
    let tenant = tenant.map(Tenant::as_str);
    principal_key(PrincipalKind::Service, issuer.as_str(), tenant, id)
        .map_err(|fault| Fault::Invalid(fault.to_string()))
}

/// How a key is kept.
fn mark(hash: &opaque::Hash, key: &SecretHashKey) -> Tag {
    key.tagged(&["api key", &b64::encode(hash)])
}
