//! A denial as machines read it: status, OAuth error, our own code, and the closed vocabulary of
//! descriptions (RFC 6750 §3.1, RFC 6749 §5.2).

use super::{AuthorizationError, Denial, GrantedFault, PossessionFault, SignInFault, exchange};

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
            Self::BadProof { fault } if fault.wants_nonce() => (
                401,
                Some(fault.error()),
                "use_dpop_nonce",
                "The DPoP proof needs a nonce from this server",
            ),
            Self::BadProof { fault } => {
                (401, Some(fault.error()), "invalid_dpop_proof", "The DPoP proof is not valid")
            }
            Self::ProofsFull { .. } => {
                (503, None, "proofs_full", "Too many DPoP proofs are in use at the moment")
            }
            Self::NotTheHolder { .. } => token(
                "not_the_holder",
                "The access token was not shown by its holder in the way it is bound",
            ),
            Self::Revoked { .. } => token("revoked", "The access token was revoked"),
            Self::RevocationsUnknown { .. } => (
                503,
                None,
                "revocations_unknown",
                "Whether the token was revoked cannot be told at the moment",
            ),
            Self::WeakAuthentication { .. } => (
                401,
                Some("insufficient_user_authentication"),
                "insufficient_user_authentication",
                "A stronger or more recent sign-in is required",
            ),
            Self::WeakScope { .. } => {
                (403, Some("insufficient_scope"), "missing_scope", "The access token lacks a scope")
            }
            Self::ForeignObject { .. } => (404, None, "not_found", "There is nothing here"),
            Self::Barred { bar } => bar.code(),
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
            Self::BadPossession { fault } => possession(fault),
            // RFC 8628 §3.5 has its own word for this.
            Self::BadGranted { grant_type, fault: GrantedFault::Expired { .. } }
                if grant_type.ends_with(":device_code") =>
            {
                grant("expired_token", "grant_expired", "It expired")
            }
            Self::BadGranted { fault, .. } => granted(fault),
            Self::BadClientDocument { .. } => grant(
                "unauthorized_client",
                "bad_client_document",
                "The document that this app names cannot be used",
            ),
            Self::BadInbound { inbound, fault } => exchange::inbound(*inbound, fault),
            Self::ConditionNotMet { inbound, .. } => grant(
                inbound.error(),
                "condition_not_met",
                "The token does not meet the conditions for an exchange",
            ),
            Self::TenantHalted { inbound, .. } => grant(
                exchange::error(*inbound),
                "tenant_halted",
                "The subscription of this tenant is not active",
            ),
            Self::BadActor { inbound, fault } => exchange::actor(*inbound, fault),
            Self::NoImpersonation { .. } => grant(
                "unauthorized_client",
                "may_not_impersonate",
                "This client may not act without being named as the actor",
            ),
            Self::PolicyRefused { inbound, .. } => {
                grant(exchange::error(*inbound), "policy_refused", "A policy does not allow it")
            }
            Self::BadDetails { fault } => exchange::details(fault),
            Self::ForeignScope { .. } => grant(
                "invalid_scope",
                "foreign_scope",
                "A requested scope is not about the tenant of the token",
            ),
            Self::NothingLeft { .. } => grant(
                "invalid_scope",
                "nothing_left",
                "None of the requested scopes may be granted",
            ),
            Self::BadRedirect { .. } => {
                grant("invalid_request", "bad_redirect", "This redirect_uri is not registered")
            }
            Self::BadAuthorization { error, .. } => authorization(*error),
            Self::BadSignIn { fault: SignInFault::Throttled { .. }, .. } => (
                429,
                Some("access_denied"),
                "sign_in_throttled",
                "Too many failed attempts; wait and try again",
            ),
            Self::BadSignIn { .. } => {
                (401, Some("access_denied"), "sign_in_failed", "The sign-in failed")
            }
        };
        Code { status, error, name, description }
    }
}

pub(super) type Parts = (u16, Option<&'static str>, &'static str, &'static str);

/// RFC 6750 §3.1: the token itself is at fault.
const fn token(name: &'static str, description: &'static str) -> Parts {
    (401, Some("invalid_token"), name, description)
}

/// RFC 6749 §5.2: the token request is at fault.
pub(super) const fn grant(
    error: &'static str,
    name: &'static str,
    description: &'static str,
) -> Parts {
    (400, Some(error), name, description)
}

/// RFC 9449 §5, §8.
const fn possession(fault: &PossessionFault) -> Parts {
    match fault {
        PossessionFault::Proof { .. } => {
            grant("invalid_dpop_proof", "bad_proof", "The DPoP proof is not valid")
        }
        PossessionFault::Nonce => {
            grant("use_dpop_nonce", "nonce_wanted", "The DPoP proof must hold the given nonce")
        }
        PossessionFault::Missing { .. } => grant(
            "invalid_request",
            "proof_missing",
            "A DPoP proof or a client certificate is required",
        ),
        PossessionFault::OtherKey => {
            grant("invalid_grant", "other_key", "The grant is bound to another key")
        }
    }
}

/// RFC 6749 §5.2, RFC 8628 §3.5. What is wrong with a code or token tells nothing about whose it was.
const fn granted(fault: &GrantedFault) -> Parts {
    match fault {
        GrantedFault::Pending => {
            grant("authorization_pending", "pending", "The person has not decided yet")
        }
        GrantedFault::SlowDown { .. } => {
            grant("slow_down", "slow_down", "Ask less often: wait 5 seconds more each time")
        }
        GrantedFault::Denied => grant("access_denied", "denied", "The person said no"),
        GrantedFault::Wider { .. } => {
            grant("invalid_scope", "wider_than_granted", "More is asked for than was granted")
        }
        GrantedFault::Expired { .. } => grant("invalid_grant", "grant_expired", "It expired"),
        GrantedFault::CodeVerifier { .. } => {
            grant("invalid_grant", "bad_code_verifier", "The code_verifier does not fit")
        }
        GrantedFault::RedirectUri => {
            grant("invalid_grant", "other_redirect_uri", "The redirect_uri is another one")
        }
        GrantedFault::Unknown
        | GrantedFault::OtherClient { .. }
        | GrantedFault::Used { .. }
        | GrantedFault::Ended { .. }
        | GrantedFault::SessionOver { .. }
        | GrantedFault::PersonGone { .. } => {
            grant("invalid_grant", "bad_grant", "It is not valid, or not any more")
        }
    }
}

const fn authorization(error: AuthorizationError) -> Parts {
    use AuthorizationError as E;
    let description = match error {
        E::InvalidRequest => "The authorization request is malformed",
        E::UnauthorizedClient => "This app may not ask for authorization",
        E::AccessDenied => "The person, or this server, said no",
        E::UnsupportedResponseType => "Only response_type=code is supported",
        E::InvalidScope => "None of the requested scopes may be granted",
        E::InvalidTarget => "This app may not have a token for this resource",
        E::InteractionRequired => "The person must do something first",
        E::LoginRequired => "The person must sign in first",
        E::ConsentRequired => "The person must agree first",
        E::UnmetAuthenticationRequirements => "The sign-in is not as strong as demanded",
        E::InvalidRequestObject => "The request object is not valid",
        E::InvalidRequestUri => "The request_uri is not valid, or not any more",
        E::RequestUriNotSupported => "A request_uri elsewhere is never fetched",
        E::RegistrationNotSupported => "The parameter registration is not supported",
        E::InvalidAuthorizationDetails => "The authorization_details are not valid",
    };
    (400, Some(error.name()), error.name(), description)
}
