//! A denial is a value. It carries what was seen and what was wanted; every view of it (status code,
//! challenge, body, audit record, explanation) is derived from it by an exhaustive match.

mod bar;
mod code;
mod evidence;
mod exchange;
mod inbound;
mod people;
mod possession;
mod remedy;
#[cfg(test)]
mod tests;

pub use bar::{Bar, BodyFault};
pub use code::Code;
pub use exchange::{ImpersonationFault, TenantHalt};
pub use inbound::{Inbound, InboundFault};
pub use people::{AuthorizationError, DocumentFault, GrantedFault, PossessionFault, SignInFault};
pub use possession::{DpopFault, HolderFault};
pub use remedy::{Fixer, Remedy};

use crate::{
    ActorFault, ApiName, Audience, Check, ClientId, DetailsFault, Dropped, Issuer, Kid, Scope,
    Scopes, Tenant, Timestamp, Ttl,
};
use serde::{Deserialize, Serialize};

/// Why a request or a grant was refused: their mistake, never a failure of ours.
///
/// Text that came from outside is held only where an operator needs it, cut to a safe length, and
/// never holds a token or a secret.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "denial", rename_all = "snake_case")]
pub enum Denial {
    /// The request could be read in two ways.
    Ambiguous { problem: String },
    /// No route matches. `allowed` holds the methods that the path does have.
    Unmapped { method: String, path: String, allowed: Vec<String> },

    /// No `Authorization` header with a bearer token.
    NoCredential { scheme: Option<String>, in_query: bool },
    /// More than one credential (RFC 6750 §2: more than one method is `invalid_request`).
    ManyCredentials { found: usize },
    /// The credential is larger than any token of ours.
    CredentialTooLarge { bytes: usize, limit: usize },
    /// A bearer credential that is no token at all, such as another vendor's API key.
    NotAToken { looks_like: String },

    /// Not a compact JWS.
    Format { fault: FormatFault },
    /// The JOSE header is refused.
    Header { fault: HeaderFault },
    /// `typ` names another kind of token.
    WrongType { found: Option<String>, expected: String },

    /// `iss` is not trusted at this API.
    UntrustedIssuer { found: Option<String>, trusted: Vec<Issuer> },
    /// The issuer's key set has no such key.
    UnknownKey {
        issuer: Issuer,
        kid: Option<String>,
        alg: String,
        known: Vec<KnownKey>,
        fetched_at: Option<Timestamp>,
    },
    /// No key set of that issuer could be fetched, and none is cached.
    KeysUnavailable { issuer: Issuer, reason: String, retry_after: Ttl },
    /// The signature does not fit the key.
    BadSignature { issuer: Issuer, kid: Option<Kid>, alg: String },

    /// A claim is missing.
    MissingClaim { claim: String },
    /// A claim has the wrong shape; `expected` says which is right.
    BadClaim { claim: String, expected: String },
    /// `exp` has passed.
    Expired { exp: Timestamp, now: Timestamp, leeway: Ttl },
    /// `nbf` or `iat` lies in the future.
    NotYetValid { claim: String, from: Timestamp, now: Timestamp, leeway: Ttl },
    /// It lives longer than this issuer's tokens may.
    LivesTooLong { lifetime: Ttl, limit: Ttl },
    /// `aud` does not name this API. `made_for` are the APIs of ours that it does name.
    WrongAudience { found: Vec<String>, expected: Audience, made_for: Vec<ApiName> },
    /// A claim that only another kind of token has.
    WrongPurpose { claim: String },
    /// The tenant of the token, of its issuer and of the API are not the same.
    WrongTenant { found: Option<Tenant>, expected: Option<Tenant> },
    /// The DPoP proof is missing or refused (RFC 9449 §4.3).
    BadProof { fault: DpopFault },
    /// So many proofs are in use that this one could not be remembered, so it was not accepted.
    ProofsFull { retry_after: Ttl },
    /// The token is bound to something that the caller did not show, or to less than is wanted here.
    NotTheHolder { fault: HolderFault },
    /// It was valid, and is not any more.
    Revoked { by: RevokedBy },
    /// What its issuer has revoked is not known, or not since long enough ago to be relied on.
    RevocationsUnknown {
        issuer: Issuer,
        heard_at: Option<Timestamp>,
        max_age: Ttl,
        retry_after: Ttl,
    },
    /// The person behind the token did not sign in as the route demands (RFC 9470): `acr` is none of
    /// `wanted_acr`, or `auth_time` lies further back than `max_age`, or either is missing.
    WeakAuthentication {
        acr: Option<String>,
        auth_time: Option<Timestamp>,
        wanted_acr: Vec<String>,
        max_age: Option<Ttl>,
        now: Timestamp,
    },
    /// Its scope does not cover the request. `missing` may be asked for in one go.
    WeakScope { found: Scopes, needed: Scopes, missing: Scopes },
    /// The object named in the path belongs to another tenant.
    ForeignObject { tenant: Option<Tenant>, object_tenant: Tenant },
    /// The token is good, and the request may not pass all the same.
    Barred { bar: Bar },

    /// The token request is malformed.
    BadRequest { parameter: Option<String>, problem: String },
    /// Too many failed attempts.
    Throttled { client_id: Option<String>, failures: u32, retry_after: Ttl },
    /// The client is unknown or did not prove who it is. The caller never learns which.
    BadClient { client_id: Option<String>, proof: ClientProof },
    /// The client was disabled.
    ClientDisabled { client_id: ClientId, since: Timestamp },
    /// The grant type does not exist here.
    UnknownGrantType { found: String, supported: Vec<String> },
    /// This client may not use that grant type.
    GrantNotAllowed { client_id: ClientId, grant_type: String, allowed: Vec<String> },
    /// `resource` names no API that this client may have.
    BadTarget { found: Vec<String>, allowed: Vec<Audience> },
    /// A requested scope does not exist.
    BadScope { found: String, problem: String },
    /// No requested scope is left after narrowing.
    NoScopeLeft { requested: Scopes, client_may: Vec<String>, api_has: Scopes },
    /// The caller of the token endpoint did not prove that it holds the key.
    BadPossession { fault: PossessionFault },
    /// The code, refresh token, device code or other grant yields nothing.
    BadGranted { grant_type: String, fault: GrantedFault },

    /// The app is known by a document of its own, which could not be had or says nothing valid.
    BadClientDocument { client_id: String, fault: DocumentFault },
    /// The token that was to become another, or that says who acts, is refused.
    BadInbound { inbound: Inbound, fault: InboundFault },
    /// The token does not meet a condition of the tenant's trust: `claim` is not as it `expected`.
    ConditionNotMet { inbound: Inbound, claim: String, found: Option<String>, expected: String },
    /// The tenant gets no tokens, for now or for good. `inbound` is `None` where no token came in.
    TenantHalted { inbound: Option<Inbound>, tenant: Tenant, halt: TenantHalt, since: Timestamp },
    /// The actor may not act for this subject (RFC 8693 §4.4), or not at the end of this chain.
    BadActor { inbound: Inbound, fault: ActorFault },
    /// Nobody is named as actor, and the client may not leave that out.
    NoImpersonation { client_id: ClientId, fault: ImpersonationFault },
    /// A policy refused the token as a whole. `inbound` is `None` where no token came in.
    PolicyRefused { inbound: Option<Inbound>, reasons: Vec<String> },
    /// `authorization_details` are refused (RFC 9396 §5).
    BadDetails { fault: DetailsFault },
    /// A requested scope is about another tenant, and no grant leads there.
    ForeignScope { scope: Scope, own: Option<Tenant> },
    /// Of what was requested, no scope is allowed by all sides.
    NothingLeft { requested: Scopes, dropped: Vec<Dropped> },

    /// `redirect_uri` is none that the app registered. Nobody is ever sent there.
    BadRedirect { client_id: String, found: Option<String>, registered: Vec<String> },
    /// The authorization request is refused, by an error of a standard.
    BadAuthorization { error: AuthorizationError, parameter: Option<String>, problem: String },
    /// A person did not prove who they are. They never learn which part was wrong.
    BadSignIn { login: Option<String>, fault: SignInFault },
}

/// Why a string is not a compact JWS (RFC 7515 §7.1).
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum FormatFault {
    /// A character outside `[A-Za-z0-9_.-]` at this byte.
    Character { at: usize },
    /// Not three segments.
    Segments { found: usize },
    /// Five segments: an encrypted token, which no API accepts.
    Encrypted,
    /// Not strict base64url: padded, or with stray bits.
    Base64 { segment: String },
    /// Too long.
    TooLong { bytes: usize, limit: usize },
    /// The payload is no JSON object, or has a member twice, or is nested too deep.
    Payload { problem: String },
}

/// Why a JOSE header is refused (RFC 7515 §4, RFC 8725 §3).
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum HeaderFault {
    /// No JSON object, a member twice, or nested too deep.
    Json { problem: String },
    /// `alg` is missing, `none`, symmetric, or not one that this API accepts.
    Algorithm { found: Option<String>, accepted: Vec<String> },
    /// `crit` names an extension that is not understood (RFC 7515 §4.1.11).
    Critical { names: Vec<String> },
    /// `b64` (RFC 7797) has no place in a JWT.
    UnencodedPayload,
    /// `kid` is too long or has unsafe characters.
    Kid,
}

/// A key the issuer did have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownKey {
    /// Its identifier.
    pub kid: Option<Kid>,
    /// Its algorithm.
    pub alg: String,
}

/// What ended a token's life before its time.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum RevokedBy {
    /// This very token.
    Token { since: Timestamp },
    /// Its client was disabled.
    Client { client_id: ClientId, since: Timestamp },
    /// Its client's secret was rotated with immediate effect, or the client was told to start anew.
    NotBefore { client_id: ClientId, before: Timestamp },
    /// The sign-in session that it comes from ended.
    Session { since: Timestamp },
    /// The grant that it comes from was revoked.
    Grant { since: Timestamp },
    /// All tokens of that person from before a point in time were ended.
    PersonNotBefore { before: Timestamp },
    /// Its tenant was halted.
    Tenant { tenant: Tenant, halt: TenantHalt, since: Timestamp },
}

/// Why a client did not prove itself. For the operator; the caller learns only `invalid_client`.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum ClientProof {
    /// No credentials in the request.
    Missing,
    /// No client has this id.
    UnknownClient,
    /// The secret is wrong.
    WrongSecret,
    /// The client authenticates in another way.
    WrongMethod { used: String, registered: String },
    /// The `client_assertion` was refused.
    Assertion { fault: AssertionFault },
    /// The certificate was refused.
    Certificate { fault: CertificateFault },
}

/// Why a client's certificate was refused (RFC 8705 §2).
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum CertificateFault {
    /// The connection came without one.
    Absent,
    /// It cannot be read.
    Malformed { problem: String },
    /// No authority of ours vouches for it, or not for a client.
    Untrusted { problem: String },
    /// It is not valid yet, or not any more.
    Time { problem: String },
    /// It names somebody else.
    Name { found: Vec<String>, expected: String },
    /// Its key is not registered. `thumbprint` is RFC 7638's.
    UnknownKey { thumbprint: String },
}

/// Why a `client_assertion` was refused (RFC 7523 §3, rfc7523bis §4).
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum AssertionFault {
    /// `client_assertion_type` is not the JWT bearer type.
    Type { found: String },
    /// No well-formed JWS, or a refused header.
    Malformed { problem: String },
    /// No registered key fits.
    UnknownKey { kid: Option<String> },
    /// The signature is wrong.
    Signature,
    /// A claim is missing or of the wrong shape.
    Claim { claim: String, expected: String },
    /// `iss` and `sub` must both be the `client_id`.
    Subject { found: String },
    /// `aud` must be our issuer alone.
    Audience { found: Vec<String>, expected: Issuer },
    /// It is too old, not valid yet, or lives too long.
    Time { problem: String },
    /// This `jti` was used before.
    Replayed { jti: String },
    /// Not an algorithm that this client may sign with.
    Algorithm { found: String, expected: String },
    /// The client's keys cannot be had.
    Keys { problem: String },
}

impl Denial {
    /// The check that failed.
    pub const fn check(&self) -> Check {
        match self {
            Self::Ambiguous { .. } => Check::Shape,
            Self::Unmapped { .. } => Check::Route,
            Self::NoCredential { .. }
            | Self::ManyCredentials { .. }
            | Self::CredentialTooLarge { .. } => Check::Credential,
            Self::NotAToken { .. } => Check::CredentialKind,
            Self::Format { .. } => Check::Format,
            Self::Header { .. } => Check::Header,
            Self::WrongType { .. } => Check::Type,
            Self::UntrustedIssuer { .. } => Check::Issuer,
            Self::UnknownKey { .. } | Self::KeysUnavailable { .. } => Check::Key,
            Self::BadSignature { .. } => Check::Signature,
            Self::MissingClaim { .. } | Self::BadClaim { .. } => Check::Claims,
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::LivesTooLong { .. } => {
                Check::Time
            }
            Self::WrongAudience { .. } => Check::Audience,
            Self::WrongPurpose { .. } => Check::Purpose,
            Self::WrongTenant { .. } => Check::Tenant,
            Self::BadProof { .. } | Self::ProofsFull { .. } | Self::NotTheHolder { .. } => {
                Check::Binding
            }
            Self::Revoked { .. } | Self::RevocationsUnknown { .. } => Check::Revocation,
            Self::WeakAuthentication { .. } => Check::Authentication,
            Self::WeakScope { .. } => Check::Scope,
            Self::ForeignObject { .. } => Check::Object,
            Self::Barred { bar } => bar.check(),
            Self::BadRequest { .. } => Check::Request,
            Self::Throttled { .. } => Check::Throttle,
            Self::BadClient { .. } => Check::Client,
            Self::ClientDisabled { .. } => Check::ClientActive,
            Self::UnknownGrantType { .. } | Self::GrantNotAllowed { .. } => Check::GrantType,
            Self::BadTarget { .. } => Check::Resource,
            Self::BadScope { .. }
            | Self::NoScopeLeft { .. }
            | Self::ForeignScope { .. }
            | Self::NothingLeft { .. } => Check::GrantScope,
            Self::BadPossession { .. } => Check::Possession,
            Self::BadGranted { .. } => Check::Granted,
            Self::BadClientDocument { .. } => Check::App,
            Self::BadInbound { inbound, .. } => inbound.check(),
            Self::ConditionNotMet { .. } => Check::Conditions,
            Self::TenantHalted { .. } => Check::TenantActive,
            Self::BadActor { .. } => Check::ActorToken,
            Self::NoImpersonation { .. } => Check::Impersonation,
            Self::PolicyRefused { .. } => Check::Policy,
            Self::BadDetails { .. } => Check::Details,
            Self::BadRedirect { .. } => Check::Redirect,
            Self::BadAuthorization { error, .. } => error.check(),
            Self::BadSignIn { .. } => Check::SignedIn,
        }
    }
}

/// Text from outside, cut so that a record stays small and a terminal stays sane.
pub(crate) fn cut(text: &str) -> String {
    const LIMIT: usize = 120;
    let safe = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut out: String = text.chars().take(LIMIT).map(safe).collect();
    if text.chars().nth(LIMIT).is_some() {
        out.push('…');
    }
    out
}
