//! The smallest change that would turn a denial into a yes, and who can make it.

use super::{AssertionFault, ClientProof, Denial, HeaderFault, RevokedBy};
use serde::Serialize;

/// Who can make the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fixer {
    /// Whoever sent the request.
    Caller,
    /// Whoever runs this Portcullis.
    Operator,
    /// Whoever runs the issuer of the token.
    Issuer,
}

impl Fixer {
    /// As a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Caller => "the caller",
            Self::Operator => "the operator of this gateway",
            Self::Issuer => "the operator of the token's issuer",
        }
    }
}

/// The smallest change that would allow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// What to do, as one sentence.
    pub change: String,
    /// Who can do it.
    pub by: Fixer,
}

impl Denial {
    /// What to do about it. Tells no more than the denial's reader may know: facts of the request
    /// itself and of the public metadata.
    pub fn remedy(&self) -> Remedy {
        use Fixer::{Caller, Issuer, Operator};
        let (by, change) = match self {
            Self::Unmapped { allowed, .. } if !allowed.is_empty() => (Caller, format!("Use {}.", allowed.join(" or "))),
            Self::Unmapped { .. } => (Operator, "Map the path with a [[route]], or correct the path.".into()),
            Self::NoCredential { in_query: true, .. } => {
                (Caller, "Send the token in the Authorization header; the query is never read.".into())
            }
            Self::NoCredential { .. } => (Caller, "Get a token and send it as 'Authorization: Bearer TOKEN'.".into()),
            Self::ManyCredentials { .. } => (Caller, "Send one credential only.".into()),
            Self::CredentialTooLarge { .. } => (Issuer, "Issue smaller tokens: fewer or shorter claims.".into()),
            Self::NotAToken { .. } => {
                (Caller, "Exchange the key or secret for an access token at the token endpoint, and send that.".into())
            }
            Self::Format { .. } => (Caller, "Send the token exactly as the token endpoint returned it.".into()),
            Self::Header { fault: HeaderFault::Algorithm { accepted, .. } } => {
                (Issuer, format!("Sign tokens with {}.", accepted.join(" or ")))
            }
            Self::Header { .. } => (Issuer, "Issue tokens with a plain header: alg, typ and kid.".into()),
            Self::WrongType { expected, .. } => {
                (Caller, format!("Send an access token (typ {expected}), not an ID token or another kind."))
            }
            Self::UntrustedIssuer { .. } => {
                (Operator, "Add the issuer under [[trust]], or get the token from an issuer that is trusted.".into())
            }
            Self::UnknownKey { .. } => {
                (Caller, "Get a new token. If it fails too, the issuer signs with a key that it does not publish.".into())
            }
            Self::KeysUnavailable { retry_after, .. } => {
                (Issuer, format!("Make the issuer's key set reachable; it is tried again after {retry_after}."))
            }
            Self::BadSignature { .. } => (Caller, "Send the token unaltered, or get a new one.".into()),
            Self::MissingClaim { claim } | Self::BadClaim { claim, .. } => {
                (Issuer, format!("Issue tokens with a well-formed claim {claim} (RFC 9068 §2.2)."))
            }
            Self::Expired { .. } => (Caller, "Get a new token.".into()),
            Self::NotYetValid { .. } => (Issuer, "Set the issuer's clock right, or wait.".into()),
            Self::LivesTooLong { limit, .. } => (Issuer, format!("Issue tokens that live at most {limit}.")),
            Self::WrongAudience { expected, .. } => {
                (Caller, format!("Ask for a token with resource={expected}."))
            }
            Self::WrongPurpose { .. } => (Caller, "Send the access token, not the ID token.".into()),
            Self::WrongTenant { .. } => (Caller, "Use a token of the tenant that this API belongs to.".into()),
            Self::Revoked { by: RevokedBy::Client { .. } } => (Operator, "Enable the client again.".into()),
            Self::Revoked { .. } => (Caller, "Get a new token.".into()),
            Self::WeakScope { missing, .. } => (Caller, format!("Ask for a token with scope={missing} as well.")),
            Self::ForeignObject { .. } => (Caller, "Use a token of the tenant that owns the object.".into()),
            Self::BadRequest { parameter: Some(name), .. } => (Caller, format!("Correct {name}.")),
            Self::BadRequest { parameter: None, .. } => (Caller, "Correct the request.".into()),
            Self::Throttled { retry_after, .. } => (Caller, format!("Wait {retry_after}, then use the right credentials.")),
            Self::BadClient { proof, .. } => return proof.remedy(),
            Self::ClientDisabled { client_id, .. } => {
                (Operator, format!("Enable it: portcullis client enable {client_id}"))
            }
            Self::UnknownGrantType { supported, .. } => (Caller, format!("Use grant_type={}.", supported.join(" or "))),
            Self::GrantNotAllowed { client_id, grant_type, .. } => {
                (Operator, format!("Allow {grant_type} for client {client_id}."))
            }
            Self::BadTarget { allowed, .. } => match allowed.first() {
                Some(resource) => (Caller, format!("Ask for resource={resource}.")),
                None => (Operator, "Give the client an API.".into()),
            },
            Self::BadScope { .. } => (Caller, "Ask for scopes that the metadata lists.".into()),
            Self::NoScopeLeft { requested, .. } => {
                (Operator, format!("Allow the client one of: {requested}."))
            }
        };
        Remedy { change, by }
    }
}

impl ClientProof {
    fn remedy(&self) -> Remedy {
        let (by, change) = match self {
            Self::Missing => (Fixer::Caller, "Send the client's credentials.".into()),
            Self::UnknownClient => {
                (Fixer::Operator, "Register the client: portcullis client add NAME".into())
            }
            Self::WrongSecret => (
                Fixer::Operator,
                "Use the current secret, or make a new one: portcullis client rotate-secret ID"
                    .into(),
            ),
            Self::WrongMethod { registered, .. } => {
                (Fixer::Caller, format!("Authenticate with {registered}."))
            }
            Self::Assertion { fault: AssertionFault::UnknownKey { .. } } => (
                Fixer::Operator,
                "Register the client's public key, or sign with the registered one.".into(),
            ),
            Self::Assertion { fault: AssertionFault::Audience { expected, .. } } => (
                Fixer::Caller,
                format!("Set aud to {expected} alone; the token endpoint's URL is not accepted."),
            ),
            Self::Assertion { fault: AssertionFault::Replayed { .. } } => {
                (Fixer::Caller, "Make a new assertion, with a new jti, for every request.".into())
            }
            Self::Assertion { .. } => (Fixer::Caller, "Correct the client_assertion.".into()),
        };
        Remedy { change, by }
    }
}
