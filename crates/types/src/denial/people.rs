//! Why a person, or an app for a person, was refused.

use super::{Denial, Fixer, Remedy, cut};
use crate::{Check, ClientId, GrantId, PersonId, SessionId, Timestamp, Ttl};
use serde::{Deserialize, Serialize};

/// The errors of the authorization endpoint, by the names that standards gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationError {
    /// RFC 6749 §4.1.2.1.
    InvalidRequest,
    /// RFC 6749 §4.1.2.1: the app is not known, or disabled.
    UnauthorizedClient,
    /// RFC 6749 §4.1.2.1.
    AccessDenied,
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1.
    InvalidScope,
    /// RFC 8707 §2.
    InvalidTarget,
    /// OpenID Connect Core §3.1.2.6.
    InteractionRequired,
    /// OpenID Connect Core §3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Unmet Authentication Requirements 1.0 §2.
    UnmetAuthenticationRequirements,
    /// RFC 9101 §6.3.
    InvalidRequestObject,
    /// RFC 9101 §6.3, RFC 9126 §2.3.
    InvalidRequestUri,
    /// OpenID Connect Core §3.1.2.6.
    RequestUriNotSupported,
    /// OpenID Connect Core §3.1.2.6.
    RegistrationNotSupported,
    /// RFC 9396 §5.
    InvalidAuthorizationDetails,
}

impl AuthorizationError {
    /// The value of `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InteractionRequired => "interaction_required",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
        }
    }

    pub(super) const fn check(self) -> Check {
        match self {
            Self::InvalidRequest => Check::Asked,
            Self::UnauthorizedClient => Check::App,
            Self::UnsupportedResponseType
            | Self::InvalidRequestObject
            | Self::InvalidRequestUri
            | Self::RequestUriNotSupported
            | Self::RegistrationNotSupported
            | Self::InvalidAuthorizationDetails => Check::Demand,
            Self::InvalidTarget => Check::Target,
            Self::InvalidScope => Check::Offer,
            Self::LoginRequired | Self::InteractionRequired => Check::SignedIn,
            Self::UnmetAuthenticationRequirements => Check::Strength,
            Self::ConsentRequired | Self::AccessDenied => Check::Consent,
        }
    }
}

/// Why the holder of a key was not believed, or no key was shown.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum PossessionFault {
    /// The DPoP proof is refused (RFC 9449 §4.3).
    Proof { problem: String },
    /// The proof must hold a nonce of this server (RFC 9449 §8).
    Nonce,
    /// This client or grant needs a DPoP proof or a client certificate, and none came.
    Missing { wanted: String },
    /// Another key than the one that the grant is bound to.
    OtherKey,
}

/// Why a grant yields nothing (RFC 6749 §5.2; RFC 8628 §3.5 for device codes).
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum GrantedFault {
    /// There is none like it: made up, or long gone.
    Unknown,
    /// It was given to another client.
    OtherClient { owner: ClientId },
    /// Its time is over.
    Expired { at: Timestamp },
    /// It was used before; everything that came of it is ended now.
    Used { grant: GrantId, at: Timestamp },
    /// The grant was ended.
    Ended { grant: GrantId, at: Timestamp },
    /// The session that it depends on is over.
    SessionOver { session: SessionId },
    /// The person is gone, or disabled.
    PersonGone { person: PersonId },
    /// `redirect_uri` is not the one of the authorization request.
    RedirectUri,
    /// `code_verifier` is missing, malformed, sent without a challenge, or does not fit it.
    CodeVerifier { problem: String },
    /// More is asked for than was granted.
    Wider { problem: String },
    /// The person has not decided yet (device grant).
    Pending,
    /// The device asks too often.
    SlowDown { interval: Ttl },
    /// The person said no.
    Denied,
}

/// Why the document by which an app is known was not taken. Whoever names an address reads this: so it tells of the
/// network no more than that.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum DocumentFault {
    /// There is no such host, nobody answers there, or it may not be called.
    Unreachable,
    /// What is there is no such document.
    Invalid { problem: String },
    /// Too many are fetched at this moment.
    Later,
}

/// Why a person was not signed in. For the operator; the person reads one sentence for most of them.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum SignInFault {
    /// Nobody has this login.
    Unknown,
    /// The person has no password.
    NoPassword { person: PersonId },
    /// The password is wrong.
    Password { person: PersonId },
    /// The one-time code or recovery code is wrong, or was used.
    Code { person: PersonId },
    /// So many codes were wrong that the one that came now was not looked at: the sign-in begins anew.
    Codes { person: PersonId, wrong: u32 },
    /// The passkey was not accepted.
    Passkey { person: Option<PersonId>, problem: String },
    /// The person is disabled.
    Disabled { person: PersonId, since: Timestamp },
    /// Too many failures; a person who was here before may still try from that browser.
    Throttled { failures: u32, retry_after: Ttl },
    /// The other provider refused, or its answer was not accepted.
    Upstream { provider: String, problem: String },
    /// The other provider's account is linked to nobody here.
    NotLinked { provider: String },
    /// The step before was too long ago, in another browser, or what it showed has changed since.
    Over,
}

impl AuthorizationError {
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::UnauthorizedClient => "an app that is registered and enabled",
            Self::AccessDenied | Self::ConsentRequired => "the person's consent",
            Self::LoginRequired | Self::InteractionRequired => "a person who is signed in",
            Self::UnmetAuthenticationRequirements => "a stronger or newer sign-in",
            _ => "a well-formed authorization request",
        }
    }
}

impl DocumentFault {
    /// What was there instead, in words that follow a colon.
    pub fn found(&self) -> String {
        match self {
            Self::Unreachable => "its document could not be resolved or reached".into(),
            Self::Invalid { problem } => format!("it is not a valid document: {}", cut(problem)),
            Self::Later => "too many documents are fetched at this moment".into(),
        }
    }

    fn remedy(&self, client_id: &str) -> (Fixer, String) {
        match self {
            Self::Unreachable | Self::Invalid { .. } => {
                let change = format!("Publish a valid document, for everybody, at {client_id}.");
                (Fixer::Developer, change)
            }
            Self::Later => (Fixer::Caller, "Try again in a few seconds.".into()),
        }
    }
}

impl PossessionFault {
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Proof { .. } => "a valid DPoP proof for this very request".into(),
            Self::Nonce => "a DPoP proof with the nonce of this server".into(),
            Self::Missing { wanted } => wanted.clone(),
            Self::OtherKey => "the key that the grant is bound to".into(),
        }
    }

    /// What was there instead, in words that follow a colon.
    pub fn found(&self) -> String {
        match self {
            Self::Proof { problem } => problem.clone(),
            Self::Nonce => "no nonce, or an old one".into(),
            Self::Missing { .. } => "none".into(),
            Self::OtherKey => "another key".into(),
        }
    }
}

impl GrantedFault {
    pub(super) fn expected(&self) -> String {
        match self {
            Self::RedirectUri => "the redirect_uri of the authorization request".into(),
            Self::CodeVerifier { .. } => "the code_verifier of the code_challenge".into(),
            Self::Wider { .. } => "at most what was granted".into(),
            Self::Pending | Self::Denied => "the person's consent".into(),
            Self::SlowDown { interval } => format!("{interval} between two questions"),
            Self::OtherClient { owner } => format!("the client {owner}"),
            _ => "a grant in force, of this client".into(),
        }
    }

    /// What was there instead, in words that follow a colon.
    pub fn found(&self) -> String {
        match self {
            Self::Unknown => "none like it".into(),
            Self::OtherClient { .. } => "another client".into(),
            Self::Expired { at } => format!("expired {at}"),
            Self::Used { grant, at } => format!("used before, {at}; {grant} is ended"),
            Self::Ended { grant, at } => format!("{grant} was ended {at}"),
            Self::SessionOver { session } => format!("the session {session} is over"),
            Self::PersonGone { person } => format!("{person} is disabled or gone"),
            Self::RedirectUri => "another redirect_uri, or none".into(),
            Self::CodeVerifier { problem } | Self::Wider { problem } => problem.clone(),
            Self::Pending => "no decision yet".into(),
            Self::SlowDown { .. } => "an earlier question".into(),
            Self::Denied => "the person said no".into(),
        }
    }
}

impl SignInFault {
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Unknown | Self::NoPassword { .. } | Self::Password { .. } => {
                "a known login with its password".into()
            }
            Self::Code { .. } => "the code of this moment, or an unused recovery code".into(),
            Self::Codes { wrong, .. } => format!("the right code within {wrong} attempts"),
            Self::Passkey { .. } => "a registered passkey".into(),
            Self::Disabled { .. } => "an enabled person".into(),
            Self::Throttled { .. } => "fewer failed attempts in a row".into(),
            Self::Upstream { provider, .. } => format!("a valid answer of {provider}"),
            Self::NotLinked { provider } => format!("an account of {provider} that is linked"),
            Self::Over => "the second step of a sign-in, soon after the first".into(),
        }
    }

    /// What was there instead, in words that follow a colon.
    pub fn found(&self) -> String {
        match self {
            Self::Unknown => "no such login".into(),
            Self::NoPassword { person } => format!("{person} has no password"),
            Self::Password { person } => format!("another password than that of {person}"),
            Self::Code { person } => format!("another code than {person} would have"),
            Self::Codes { person, wrong } => format!("{wrong} wrong codes of {person} before"),
            Self::Passkey { problem, .. } | Self::Upstream { problem, .. } => cut(problem),
            Self::Disabled { person, since } => format!("{person}, disabled since {since}"),
            Self::Throttled { failures, .. } => format!("{failures} failed attempts"),
            Self::NotLinked { .. } => "an account that is linked to nobody".into(),
            Self::Over => "one whose first step counts no more".into(),
        }
    }
}

impl Denial {
    /// What to do about a refusal of this file's kinds.
    pub(super) fn remedy_for_people(&self) -> Remedy {
        use Fixer::{Caller, Operator};
        let (by, change) = match self {
            Self::BadPossession { fault } => (Caller, fault.remedy()),
            Self::BadGranted { fault, .. } => (Caller, fault.remedy()),
            Self::BadClientDocument { client_id, fault } => fault.remedy(client_id),
            Self::BadRedirect { .. } => (
                Operator,
                "Register the redirect_uri for the client, letter by letter as it is sent.".into(),
            ),
            Self::BadAuthorization { error, parameter, .. } => error.remedy(parameter.as_deref()),
            Self::BadSignIn { fault, .. } => fault.remedy(),
            other => return other.remedy(),
        };
        Remedy { change, by }
    }
}

impl AuthorizationError {
    fn remedy(self, parameter: Option<&str>) -> (Fixer, String) {
        match (self, parameter) {
            (Self::UnauthorizedClient, _) => {
                (Fixer::Operator, "Register or enable the client for authorization_code.".into())
            }
            (Self::AccessDenied | Self::ConsentRequired, _) => {
                (Fixer::Caller, "Ask the person again, without prompt=none.".into())
            }
            (Self::LoginRequired | Self::InteractionRequired, _) => {
                (Fixer::Caller, "Ask again without prompt=none.".into())
            }
            (Self::UnmetAuthenticationRequirements, _) => {
                (Fixer::Caller, "Sign in with a stronger means, such as a passkey.".into())
            }
            (Self::InvalidScope, _) => {
                (Fixer::Operator, "Allow the client and the person's role the scope.".into())
            }
            (_, Some(name)) => (Fixer::Caller, format!("Correct {name}.")),
            (_, None) => (Fixer::Caller, "Correct the authorization request.".into()),
        }
    }
}

impl PossessionFault {
    fn remedy(&self) -> String {
        match self {
            Self::Proof { .. } => {
                "Make a new DPoP proof for each request: its htm, htu, iat and jti."
            }
            Self::Nonce => {
                "Repeat the request with the nonce of the DPoP-Nonce header in the proof."
            }
            Self::Missing { .. } => "Send a DPoP proof, or connect with a client certificate.",
            Self::OtherKey => "Use the key with which the grant was made.",
        }
        .into()
    }
}

impl GrantedFault {
    fn remedy(&self) -> String {
        match self {
            Self::RedirectUri => "Send the same redirect_uri as in the authorization request.",
            Self::CodeVerifier { .. } => {
                "Send the code_verifier whose SHA-256 is the code_challenge (RFC 7636 §4)."
            }
            Self::Wider { .. } => "Ask for what was granted, or let the person sign in again.",
            Self::Pending => "Ask again after the interval.",
            Self::SlowDown { .. } => "Wait 5 seconds longer between two questions.",
            Self::Denied => "Begin again if the person has changed their mind.",
            Self::OtherClient { .. } => "Use codes and tokens with the client they were given to.",
            _ => "Let the person sign in again.",
        }
        .into()
    }
}

impl SignInFault {
    fn remedy(&self) -> (Fixer, String) {
        match self {
            Self::Disabled { person, .. } => (Fixer::Operator, format!("Enable {person} again.")),
            Self::Throttled { retry_after, .. } => {
                (Fixer::Caller, format!("Wait {retry_after}, or use a passkey."))
            }
            Self::Upstream { provider, .. } => (
                Fixer::Operator,
                format!("Try the connection: portcullis check shows what {provider} answers."),
            ),
            Self::NotLinked { provider } => (
                Fixer::Operator,
                format!("Invite the person, or let {provider} create people (provision = true)."),
            ),
            Self::Codes { .. } | Self::Over => (Fixer::Caller, "Begin the sign-in anew.".into()),
            _ => (Fixer::Caller, "Try again, or reset the password.".into()),
        }
    }
}
