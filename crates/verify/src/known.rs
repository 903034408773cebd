//! What a verifier knows: whom it trusts, their keys, what was revoked, and what it guards.

use crate::{Demand, KnownRevocations, dpop::Possession};
use portcullis_jose::{Alg, jwk::KeySet};
use portcullis_types::{ApiName, Audience, Issuer, Registry, Scopes, Tenant, Timestamp, Ttl};
use std::sync::Arc;

/// The `typ` of an access token (RFC 9068 §2.1), in its short form.
pub const ACCESS_TOKEN: &str = "at+jwt";

/// How an issuer's tokens look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// RFC 9068: `client_id`, `jti` and `iat` are required.
    AccessToken,
    /// An older provider: the client may be called `azp`, `cid` or `appid`, scopes `scp`, and `jti`
    /// and `iat` may be absent.
    Legacy,
}

/// At which APIs an issuer is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apis {
    /// At every API that is guarded here.
    All,
    /// At these.
    Only(Vec<ApiName>),
}

impl Apis {
    /// Whether this API is one of them.
    pub fn hold(&self, api: &ApiName) -> bool {
        match self {
            Self::All => true,
            Self::Only(apis) => apis.contains(api),
        }
    }
}

/// For which tenants the tokens of an issuer may speak, in their `tenant` and in their scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// For none: a token that names a tenant is refused.
    ForNoTenant,
    /// For this one, which every token must name.
    For(Tenant),
    /// For every tenant, and for none: our own issuer, or one as trustworthy.
    ForAnyTenant,
}

impl Speaks {
    /// Whether it may speak for that tenant.
    pub(crate) fn may_name(&self, tenant: &Tenant) -> bool {
        match self {
            Self::ForNoTenant => false,
            Self::For(own) => own == tenant,
            Self::ForAnyTenant => true,
        }
    }
}

/// An issuer whose tokens are accepted, and on what terms.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// Its identifier, compared byte by byte with `iss`.
    pub issuer: Issuer,
    /// The algorithms it may sign with. Never symmetric ones.
    pub algs: Vec<Alg>,
    /// The `typ` values accepted, in any case, with or without `application/`.
    pub typ: Vec<String>,
    /// How its tokens look.
    pub profile: Profile,
    /// Where it is trusted.
    pub apis: Apis,
    /// For whom its tokens may speak.
    pub speaks: Speaks,
    /// The longest life of its tokens, `exp` minus `iat`.
    pub max_lifetime: Ttl,
    /// By how much its clock may differ from ours; at most 30 seconds are sensible.
    pub leeway: Ttl,
}

/// An issuer's keys as they were last fetched.
#[derive(Clone, Debug)]
pub struct IssuerKeys {
    /// The usable ones.
    pub set: Arc<KeySet>,
    /// When; `None` if they never had to be fetched.
    pub fetched_at: Option<Timestamp>,
}

/// A trusted issuer with its keys, or the reason why there are none and when to try again.
#[derive(Clone, Debug)]
pub struct KnownIssuer {
    /// The terms.
    pub trusted: TrustedIssuer,
    /// The keys.
    pub keys: Result<IssuerKeys, (String, Ttl)>,
}

/// Everything a decision needs to know, besides the request.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Whom to trust.
    pub issuers: &'a [KnownIssuer],
    /// What was revoked, by whom. The tokens of an issuer without a list end when they expire.
    pub revocations: &'a [KnownRevocations],
    /// What scopes mean.
    pub registry: &'a Registry,
    /// Our APIs: names for the audiences that a misdirected token may hold.
    pub apis: &'a [(ApiName, Audience)],
    /// The nonces we accept in DPoP proofs, and the proofs that were used.
    pub possession: &'a Possession,
}

/// An API as its guard sees it.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// The operator's name for it.
    pub api: ApiName,
    /// Its identifier: `aud` must hold it.
    pub audience: Audience,
    /// The tenant it belongs to, if it is one tenant's own.
    pub tenant: Option<Tenant>,
}

/// What one request wants.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The API.
    pub guarded: &'a Guarded,
    /// The scopes that the route needs, all of them.
    pub needed: &'a Scopes,
    /// What else must be shown.
    pub demand: &'a Demand,
    /// The tenant named in the path, whose object this is.
    pub object_tenant: Option<&'a Tenant>,
}
