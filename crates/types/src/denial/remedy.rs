//! The smallest change that would turn a denial into a yes, and who can make it.
//!
//! Two readers: the caller may learn facts of its own request and of the public metadata, nothing
//! about who is registered or what others own; the operator may learn everything.

use super::{AssertionFault, CertificateFault, ClientProof, Denial, HeaderFault, RevokedBy};
use crate::Ttl;
use Fixer::{Caller, Issuer, Operator};
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
    /// Whoever made the app.
    Developer,
}

impl Fixer {
    /// As a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Caller => "the caller",
            Self::Operator => "the operator of this Portcullis",
            Self::Issuer => "the operator of the token's issuer",
            Self::Developer => "the developer of the app",
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
    /// What to do about it, as the caller may read it. It is the same whether or not a client is
    /// registered, has another secret or is disabled, and whether or not an object exists.
    #[expect(clippy::too_many_lines, reason = "a table: one line a denial")]
    pub fn remedy(&self) -> Remedy {
        let (by, change) = match self {
            Self::Ambiguous { .. } => (
                Caller,
                "Send a plain request: one Host, one length, one spelling of the path.".into(),
            ),
            Self::Unmapped { allowed, .. } if !allowed.is_empty() => {
                (Caller, format!("Use {}.", allowed.join(" or ")))
            }
            Self::Unmapped { .. } => {
                (Operator, "Map the path with a [[route]], or correct the path.".into())
            }
            Self::NoCredential { in_query: true, .. } => (
                Caller,
                "Send the token in the Authorization header; the query is never read.".into(),
            ),
            Self::NoCredential { .. } => {
                (Caller, "Get a token and send it as 'Authorization: Bearer TOKEN'.".into())
            }
            Self::ManyCredentials { .. } => (Caller, "Send one credential only.".into()),
            Self::CredentialTooLarge { .. } => {
                (Issuer, "Issue smaller tokens: fewer or shorter claims.".into())
            }
            Self::NotAToken { .. } => (
                Caller,
                "Exchange the key or secret for an access token at the token endpoint, and send \
                 that."
                    .into(),
            ),
            Self::Format { .. } => {
                (Caller, "Send the token exactly as the token endpoint returned it.".into())
            }
            Self::Header { fault: HeaderFault::Algorithm { accepted, .. } } => {
                (Issuer, format!("Sign tokens with {}.", accepted.join(" or ")))
            }
            Self::Header { .. } => {
                (Issuer, "Issue tokens with a plain header: alg, typ and kid.".into())
            }
            Self::WrongType { expected, .. } => (
                Caller,
                format!("Send an access token (typ {expected}), not an ID token or another kind."),
            ),
            Self::UntrustedIssuer { .. } => (
                Operator,
                "Add the issuer under [[trust]], or get the token from an issuer that is trusted."
                    .into(),
            ),
            Self::UnknownKey { .. } => (
                Caller,
                "Get a new token. If it fails too, the issuer signs with a key that it does not \
                 publish."
                    .into(),
            ),
            Self::KeysUnavailable { retry_after, .. } => (
                Issuer,
                format!(
                    "Make the issuer's key set reachable; it is tried again after {retry_after}."
                ),
            ),
            Self::BadSignature { .. } => {
                (Caller, "Send the token unaltered, or get a new one.".into())
            }
            Self::MissingClaim { claim } | Self::BadClaim { claim, .. } => {
                (Issuer, format!("Issue tokens with a well-formed claim {claim} (RFC 9068 §2.2)."))
            }
            Self::NotYetValid { .. } => (Issuer, "Set the issuer's clock right, or wait.".into()),
            Self::LivesTooLong { limit, .. } => {
                (Issuer, format!("Issue tokens that live at most {limit}."))
            }
            Self::WrongAudience { expected, .. } => {
                (Caller, format!("Ask for a token with resource={expected}."))
            }
            Self::WrongPurpose { .. } => {
                (Caller, "Send the access token, not the ID token.".into())
            }
            Self::WrongTenant { expected: None, .. } => (
                Operator,
                "Say for whom the issuer may speak where it is trusted: tenant = \"NAME\" or \
                 tenant = \"any\"."
                    .into(),
            ),
            Self::WrongTenant { expected: Some(_), .. } => {
                (Caller, "Use a token of the tenant that this API belongs to.".into())
            }
            Self::BadProof { fault } => return fault.remedy(),
            Self::NotTheHolder { fault } => return fault.remedy(),
            Self::Barred { bar } => return bar.remedy(),
            Self::ProofsFull { retry_after } => {
                (Caller, format!("Wait {retry_after} and try again with a new proof."))
            }
            Self::WeakAuthentication { wanted_acr, max_age, .. } => {
                (Caller, sign_in(wanted_acr, *max_age))
            }
            Self::Revoked { by: RevokedBy::Client { .. } } => {
                (Operator, "Enable the client again.".into())
            }
            Self::Revoked { by: RevokedBy::Tenant { .. } } => {
                (Operator, "Have the tenant's subscription made active again.".into())
            }
            Self::RevocationsUnknown { retry_after, .. } => (
                Operator,
                format!(
                    "Make the issuer's list of revocations reachable from here; it is asked for \
                     again after {retry_after}."
                ),
            ),
            Self::Expired { .. } | Self::Revoked { .. } => (Caller, "Get a new token.".into()),
            Self::WeakScope { missing, .. } => {
                (Caller, format!("Ask for a token with scope={missing} as well."))
            }
            Self::ForeignObject { .. } => (Caller, "Correct the name of the object.".into()),
            Self::BadRequest { parameter: Some(name), .. } => (Caller, format!("Correct {name}.")),
            Self::BadRequest { parameter: None, .. } => (Caller, "Correct the request.".into()),
            Self::Throttled { retry_after, .. } => {
                (Caller, format!("Wait {retry_after}, then use the right credentials."))
            }
            Self::BadClient { proof: ClientProof::Missing, .. } => (
                Caller,
                "Send the client's credentials: HTTP Basic, form fields or a client_assertion."
                    .into(),
            ),
            Self::BadClient { .. } | Self::ClientDisabled { .. } => (
                Caller,
                "Check the client_id and its credentials; a client_assertion needs the issuer \
                 alone as aud, and a new jti each time."
                    .into(),
            ),
            Self::UnknownGrantType { supported, .. } => {
                (Caller, format!("Use grant_type={}.", supported.join(" or ")))
            }
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
            Self::BadPossession { .. }
            | Self::BadGranted { .. }
            | Self::BadClientDocument { .. }
            | Self::BadRedirect { .. }
            | Self::BadAuthorization { .. }
            | Self::BadSignIn { .. } => return self.remedy_for_people(),
            Self::BadInbound { .. }
            | Self::ConditionNotMet { .. }
            | Self::TenantHalted { .. }
            | Self::BadActor { .. }
            | Self::NoImpersonation { .. }
            | Self::PolicyRefused { .. }
            | Self::BadDetails { .. }
            | Self::ForeignScope { .. }
            | Self::NothingLeft { .. } => return self.remedy_for_exchange(),
        };
        Remedy { change, by }
    }

    /// What to do about it, as the operator may read it. Names clients, secrets and objects that
    /// exist, so it never goes to a caller.
    pub fn remedy_for_operator(&self) -> Remedy {
        match self {
            Self::BadClient { client_id, proof } => proof.remedy(client_id.as_deref()),
            Self::ClientDisabled { client_id, .. } => {
                Remedy { change: format!("Enable the client {client_id} again."), by: Operator }
            }
            Self::Barred { bar } => bar.remedy_for_operator(),
            Self::ForeignObject { object_tenant, .. } => Remedy {
                change: format!("Use a token of tenant {object_tenant}, which owns the object."),
                by: Caller,
            },
            Self::BadInbound { .. }
            | Self::ConditionNotMet { .. }
            | Self::TenantHalted { .. }
            | Self::NoImpersonation { .. }
            | Self::PolicyRefused { .. }
            | Self::BadDetails { .. }
            | Self::NothingLeft { .. } => self.remedy_of_exchange_for_operator(),
            other => other.remedy(),
        }
    }
}

/// In the words of the authorization request (RFC 9470 §4).
fn sign_in(acr: &[String], max_age: Option<Ttl>) -> String {
    let acr = (!acr.is_empty()).then(|| format!("acr_values={}", acr.join(" ")));
    let age = max_age.map(|age| format!("max_age={}", age.as_seconds()));
    let asked: Vec<_> = acr.into_iter().chain(age).collect();
    format!("Sign in again, asking for {}.", asked.join(" and "))
}

impl ClientProof {
    fn remedy(&self, client_id: Option<&str>) -> Remedy {
        let who = client_id.map_or_else(|| "the client".into(), super::cut);
        let (by, change) = match self {
            Self::Missing => (
                Caller,
                "Send the client's credentials: HTTP Basic, form fields or a client_assertion."
                    .into(),
            ),
            Self::UnknownClient => {
                (Operator, format!("Register {who}, or correct the client_id that is sent."))
            }
            Self::WrongSecret => {
                (Operator, format!("Use the current secret of {who}, or give it a new one."))
            }
            Self::WrongMethod { registered, .. } => {
                (Caller, format!("Authenticate with {registered}, as {who} is registered."))
            }
            Self::Assertion { fault } => return fault.remedy(&who),
            Self::Certificate { fault } => return fault.remedy(&who),
        };
        Remedy { change, by }
    }
}

impl CertificateFault {
    fn remedy(&self, who: &str) -> Remedy {
        let (by, change) = match self {
            Self::Absent => (
                Caller,
                "Show the certificate: ask at the token endpoint of mtls_endpoint_aliases.".into(),
            ),
            Self::Malformed { .. } => (Caller, "Show one X.509 certificate that is whole.".into()),
            Self::Untrusted { .. } => (
                Operator,
                format!(
                    "Have the certificate of {who} made by an authority in client_ca, for clients, \
                     and show it with its chain."
                ),
            ),
            Self::Time { .. } => (Caller, "Renew the certificate, and set the clock right.".into()),
            Self::Name { expected, .. } => (
                Operator,
                format!("Show a certificate with {expected}, or register {who} with another name."),
            ),
            Self::UnknownKey { .. } => (
                Operator,
                format!("Register the certificate of {who}, or show the registered one."),
            ),
        };
        Remedy { change, by }
    }
}

impl AssertionFault {
    fn remedy(&self, who: &str) -> Remedy {
        let (by, change) = match self {
            Self::Type { .. } => (
                Caller,
                "Set client_assertion_type to \
                 urn:ietf:params:oauth:client-assertion-type:jwt-bearer."
                    .into(),
            ),
            Self::Malformed { .. } => {
                (Caller, "Send the client_assertion as one compact signed JWT.".into())
            }
            Self::UnknownKey { .. } => (
                Operator,
                format!("Register the public key of {who}, or sign with the registered one."),
            ),
            Self::Signature => {
                (Caller, format!("Sign the client_assertion with the registered key of {who}."))
            }
            Self::Claim { claim, expected } => {
                (Caller, format!("Set {claim} in the client_assertion: {expected}."))
            }
            Self::Subject { .. } => (Caller, format!("Set iss and sub to {who}.")),
            Self::Audience { expected, .. } => (
                Caller,
                format!(
                    "Set aud to {expected} alone. For a library that knows the token endpoint only, the \
                     operator can allow that: portcullis client update with --assertion-audience \
                     token-endpoint."
                ),
            ),
            Self::Time { .. } => (
                Caller,
                "Set iat to now and exp to at most an hour later, by a clock that is right.".into(),
            ),
            Self::Replayed { .. } => {
                (Caller, "Make a new assertion, with a new jti, for every request.".into())
            }
            Self::Algorithm { expected, .. } => (Caller, format!("Sign with {expected}.")),
            Self::Keys { .. } => {
                (Operator, format!("Make the jwks_uri of {who} answer with its key set."))
            }
        };
        Remedy { change, by }
    }
}
