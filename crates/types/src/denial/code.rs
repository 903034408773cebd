//! A denial as machines read it: status, OAuth error, our own code, and the closed vocabulary of
//! descriptions (RFC 6750 §3.1, RFC 6749 §5.2).

use super::Denial;

/// The machine-readable face of a denial. Every part is from a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The HTTP status.
    pub status: u16,
    /// `error` of RFC 6750 or RFC 6749; `None` when no credential was sent (RFC 6750 §3.1).
    pub error: Option<&'static str>,
    /// Our own name for the reason, stable for programs.
    pub name: &'static str,
    /// `error_description`: ASCII, no quotes or backslashes, no content of the request.
    pub description: &'static str,
}

impl Denial {
    /// What the caller's program is told.
    #[expect(clippy::too_many_lines, reason = "a table: one entry a denial")]
    pub fn code(&self) -> Code {
        let (status, error, name, description) = match self {
            Self::Ambiguous { .. } => {
                (400, None, "ambiguous_request", "The request can be read in two ways")
            }
            Self::Unmapped { allowed, .. } if allowed.is_empty() => {
                (404, None, "route_not_found", "No API is mapped to this path")
            }
            Self::Unmapped { .. } => {
                (405, None, "method_not_allowed", "This path does not have this method")
            }
            Self::NoCredential { .. } => {
                (401, None, "no_credential", "An access token is required")
            }
            Self::ManyCredentials { .. } => (
                400,
                Some("invalid_request"),
                "many_credentials",
                "More than one credential was sent",
            ),
            Self::CredentialTooLarge { .. } => (
                431,
                Some("invalid_request"),
                "credential_too_large",
                "The credential is too large",
            ),
            Self::NotAToken { .. } => token("not_a_token", "The credential is not an access token"),
            Self::Format { .. } => token("malformed_token", "The access token is malformed"),
            Self::Header { .. } => token("bad_token_header", "The access token is malformed"),
            Self::WrongType { .. } => token("wrong_token_type", "This is another kind of token"),
            Self::UntrustedIssuer { .. } => {
                token("untrusted_issuer", "The issuer is not accepted here")
            }
            Self::UnknownKey { .. } => token("unknown_key", "The signing key is not known"),
            Self::KeysUnavailable { .. } => {
                (503, None, "keys_unavailable", "The keys of the issuer are not available")
            }
            Self::BadSignature { .. } => token("bad_signature", "The signature is not valid"),
            Self::MissingClaim { .. } | Self::BadClaim { .. } => {
                token("bad_claims", "A required claim is missing or malformed")
            }
            Self::Expired { .. } => token("expired", "The access token expired"),
            Self::NotYetValid { .. } => token("not_yet_valid", "The access token is not valid yet"),
            Self::LivesTooLong { .. } => token("lives_too_long", "The access token lives too long"),
            Self::WrongAudience { .. } => {
                token("wrong_audience", "The access token is for another audience")
            }
            Self::WrongPurpose { .. } => token("wrong_purpose", "This is another kind of token"),
            Self::WrongTenant { .. } => {
                token("wrong_tenant", "The access token belongs to another tenant")
            }
            Self::Revoked { .. } => token("revoked", "The access token was revoked"),
            Self::RevocationsUnknown { .. } => (
                503,
                None,
                "revocations_unknown",
                "Whether the token was revoked cannot be told at the moment",
            ),
            Self::WeakScope { .. } => {
                (403, Some("insufficient_scope"), "missing_scope", "The access token lacks a scope")
            }
            Self::ForeignObject { .. } => (404, None, "not_found", "There is nothing here"),
            Self::BadRequest { .. } => {
                grant("invalid_request", "bad_request", "The request is malformed")
            }
            Self::Throttled { .. } => (
                429,
                Some("invalid_client"),
                "throttled",
                "Too many failed attempts; wait and try again",
            ),
            Self::BadClient { .. } | Self::ClientDisabled { .. } => {
                (401, Some("invalid_client"), "bad_client", "Client authentication failed")
            }
            Self::UnknownGrantType { .. } => grant(
                "unsupported_grant_type",
                "unknown_grant_type",
                "This grant type is not supported",
            ),
            Self::GrantNotAllowed { .. } => grant(
                "unauthorized_client",
                "grant_not_allowed",
                "This client may not use this grant type",
            ),
            Self::BadTarget { .. } => grant(
                "invalid_target",
                "bad_target",
                "This client may not have a token for this resource",
            ),
            Self::BadScope { .. } => {
                grant("invalid_scope", "bad_scope", "A requested scope does not exist")
            }
            Self::NoScopeLeft { .. } => grant(
                "invalid_scope",
                "no_scope_left",
                "None of the requested scopes may be granted",
            ),
        };
        Code { status, error, name, description }
    }
}

type Parts = (u16, Option<&'static str>, &'static str, &'static str);

/// RFC 6750 §3.1: the token itself is at fault.
const fn token(name: &'static str, description: &'static str) -> Parts {
    (401, Some("invalid_token"), name, description)
}

/// RFC 6749 §5.2: the token request is at fault.
const fn grant(error: &'static str, name: &'static str, description: &'static str) -> Parts {
    (400, Some(error), name, description)
}
