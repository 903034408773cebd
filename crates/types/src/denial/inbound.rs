//! Why a token that came to be exchanged for one of ours was refused.
//!
//! RFC 8693 §2.2.2 and RFC 7523 §3.1 have different codes for the same faults: so a fault travels with the
//! parameter that the token came in, and that says the code.

use super::{Denial, FormatFault, HeaderFault, RevokedBy, cut};
use crate::{ClientId, Timestamp, Ttl};
use serde::{Deserialize, Serialize};

/// The parameter in which a token came that is not ours to begin with, or that is to become another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inbound {
    /// Token exchange: for whom.
    SubjectToken,
    /// Token exchange: who acts.
    ActorToken,
    /// The jwt-bearer grant.
    Assertion,
}

impl Inbound {
    /// The name of the parameter.
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::SubjectToken => "subject_token",
            Self::ActorToken => "actor_token",
            Self::Assertion => "assertion",
        }
    }

    /// The `error` of a token that is not valid or not acceptable: RFC 8693 §2.2.2 for exchanges, RFC 7523 §3.1
    /// for assertions.
    pub const fn error(self) -> &'static str {
        match self {
            Self::SubjectToken | Self::ActorToken => "invalid_request",
            Self::Assertion => "invalid_grant",
        }
    }
}

/// What is wrong with the token. Its content is the caller's; what would have been accepted is not.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum InboundFault {
    /// No JWT that we read.
    Malformed { found: String, expected: String },
    /// `alg` is `none`.
    Unsigned,
    /// Another kind of token than this provider's may be, or one that is never exchanged.
    WrongType { found: Option<String>, expected: String },
    /// Its issuer is none that the tenant trusts. The caller is told no list.
    Untrusted { iss: Option<String>, trusted: Vec<String> },
    /// It is ours, where only another provider's will do.
    Ours,
    /// The issuer has no such key.
    UnknownKey { kid: Option<String>, alg: String },
    /// The signature does not fit.
    BadSignature { kid: Option<String>, alg: String },
    /// The issuer's keys cannot be had now.
    KeysUnavailable { reason: String, retry_after: Ttl },
    /// A claim is missing, or of the wrong shape or value.
    BadClaim { claim: String, expected: String },
    /// `exp` has passed.
    Expired { exp: Timestamp, now: Timestamp, leeway: Ttl },
    /// `nbf` or `iat` lies in the future.
    NotYetValid { claim: String, from: Timestamp, now: Timestamp, leeway: Ttl },
    /// It was issued too long ago, though it is still valid.
    TooOld { iat: Timestamp, now: Timestamp, limit: Ttl },
    /// It lives longer than tokens of this provider may.
    LivesTooLong { lifetime: Ttl, limit: Ttl },
    /// It is for somebody else; `accepted` would have been right.
    WrongAudience { found: Vec<String>, accepted: Vec<String> },
    /// It was given to another client.
    WrongClient { found: Option<String>, expected: ClientId },
    /// It was used before, and may be used once.
    Replayed { jti: Option<String> },
    /// It belongs to another tenant.
    WrongTenant { found: Option<String>, expected: Option<String> },
    /// It was in force, and is not any more.
    Revoked { by: RevokedBy },
    /// It may be used so often, and was.
    UsedUp { limit: u32 },
    /// Its subject signed in too long ago, or too weakly (RFC 9470 §3).
    WeakAuthentication { found: String, max_age: Option<Ttl>, acr_values: Vec<String> },
    /// An API key that opens nothing here: unknown, ended or another's. The caller is not told which.
    BadApiKey { problem: String },
    /// No trust by that name lets callers without a proof of their own in, for that client. The caller is not told
    /// what there is.
    NotOpened { problem: String },
}

impl From<Denial> for InboundFault {
    /// What the common checks said of the token, as this grant says it.
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Header { fault: HeaderFault::Algorithm { found: Some(alg), .. } }
                if alg.eq_ignore_ascii_case("none") =>
            {
                Self::Unsigned
            }
            Denial::Format { fault: FormatFault::Encrypted } => {
                Self::WrongType { found: Some("JWE".into()), expected: "a signed JWT".into() }
            }
            Denial::WrongType { found, expected } => Self::WrongType { found, expected },
            Denial::WrongPurpose { claim } => Self::WrongType {
                found: Some(format!("a token with {}", cut(&claim))),
                expected: "a token without it".into(),
            },
            Denial::UntrustedIssuer { found, trusted } => Self::Untrusted {
                iss: found,
                trusted: trusted.iter().map(ToString::to_string).collect(),
            },
            Denial::UnknownKey { kid, alg, .. } => Self::UnknownKey { kid, alg },
            Denial::BadSignature { kid, alg, .. } => {
                Self::BadSignature { kid: kid.map(|kid| kid.to_string()), alg }
            }
            Denial::KeysUnavailable { reason, retry_after, .. } => {
                Self::KeysUnavailable { reason, retry_after }
            }
            Denial::MissingClaim { claim } => {
                Self::BadClaim { claim, expected: "present and well formed".into() }
            }
            Denial::BadClaim { claim, expected } => Self::BadClaim { claim, expected },
            Denial::Expired { exp, now, leeway } => Self::Expired { exp, now, leeway },
            Denial::NotYetValid { claim, from, now, leeway } => {
                Self::NotYetValid { claim, from, now, leeway }
            }
            Denial::LivesTooLong { lifetime, limit } => Self::LivesTooLong { lifetime, limit },
            Denial::WrongAudience { found, expected, .. } => {
                Self::WrongAudience { found, accepted: vec![expected.to_string()] }
            }
            Denial::WrongTenant { found, expected } => Self::WrongTenant {
                found: found.map(|tenant| tenant.to_string()),
                expected: expected.map(|tenant| tenant.to_string()),
            },
            Denial::Revoked { by } => Self::Revoked { by },
            other => Self::Malformed { found: other.found(), expected: other.expected() },
        }
    }
}

impl InboundFault {
    /// Our name for it and what the caller's program is told. None depends on what is trusted or registered.
    pub(super) const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed { .. } => {
                ("inbound_malformed", "The token is not one that is read here")
            }
            Self::Unsigned => ("inbound_unsigned", "The token is not signed"),
            Self::WrongType { .. } => ("inbound_wrong_type", "This is another kind of token"),
            Self::Untrusted { .. } => {
                ("inbound_untrusted", "The issuer of the token is not accepted here")
            }
            Self::Ours => ("inbound_ours", "A token of this server is not accepted for this grant"),
            Self::UnknownKey { .. } => ("inbound_unknown_key", "The key of the token is not known"),
            Self::BadSignature { .. } => {
                ("inbound_bad_signature", "The signature of the token is not valid")
            }
            Self::KeysUnavailable { .. } => {
                ("inbound_no_keys", "The keys of the issuer are not available now")
            }
            Self::BadClaim { .. } => {
                ("inbound_bad_claims", "A claim of the token is missing or malformed")
            }
            Self::Expired { .. } => ("inbound_expired", "The token expired"),
            Self::NotYetValid { .. } => ("inbound_not_yet_valid", "The token is not valid yet"),
            Self::TooOld { .. } => ("inbound_too_old", "The token was issued too long ago"),
            Self::LivesTooLong { .. } => ("inbound_lives_too_long", "The token lives too long"),
            Self::WrongAudience { .. } => {
                ("inbound_wrong_audience", "The token is for another audience")
            }
            Self::WrongClient { .. } => {
                ("inbound_wrong_client", "The token was given to another client")
            }
            Self::Replayed { .. } => ("inbound_replayed", "The token was used before"),
            Self::WrongTenant { .. } => {
                ("inbound_wrong_tenant", "The token belongs to another tenant")
            }
            Self::Revoked { .. } => ("inbound_revoked", "The token was revoked"),
            Self::UsedUp { .. } => ("inbound_used_up", "The token was used too often"),
            Self::WeakAuthentication { .. } => {
                ("inbound_weak_authentication", "A stronger or more recent sign-in is required")
            }
            Self::BadApiKey { .. } => ("inbound_bad_api_key", "The API key is not accepted here"),
            Self::NotOpened { .. } => (
                "inbound_not_opened",
                "This identity provider is not accepted here for this service account",
            ),
        }
    }

    /// What would have passed. For the tenant's admins and the operator.
    pub fn expected(&self) -> String {
        match self {
            Self::Malformed { expected, .. } | Self::WrongType { expected, .. } => cut(expected),
            Self::Unsigned => "a signed token".into(),
            Self::Untrusted { trusted, .. } if trusted.is_empty() => {
                "an issuer that the tenant trusts; it trusts none".into()
            }
            Self::Untrusted { trusted, .. } => {
                format!("iss {}", super::evidence::alternatives(trusted))
            }
            Self::Ours => "a token of another provider".into(),
            Self::UnknownKey { .. } => "a key that the issuer publishes".into(),
            Self::BadSignature { .. } => "a signature by the issuer's key".into(),
            Self::KeysUnavailable { .. } => "the issuer's key set, fetched or cached".into(),
            Self::BadClaim { claim, expected } => format!("{claim}: {expected}"),
            Self::Expired { now, leeway, .. } => format!("exp after {now} (leeway {leeway})"),
            Self::NotYetValid { claim, now, leeway, .. } => {
                format!("{claim} not after {now} (leeway {leeway})")
            }
            Self::TooOld { now, limit, .. } => format!("iat at most {limit} before {now}"),
            Self::LivesTooLong { limit, .. } => format!("a lifetime of at most {limit}"),
            Self::WrongAudience { accepted, .. } => {
                format!("aud {}", super::evidence::alternatives(accepted))
            }
            Self::WrongClient { expected, .. } => format!("a token for the client {expected}"),
            Self::Replayed { .. } => "a token that was never used".into(),
            Self::WrongTenant { expected: Some(tenant), .. } => format!("tenant {tenant}"),
            Self::WrongTenant { expected: None, .. } => "no tenant".into(),
            Self::Revoked { .. } => "a token in force".into(),
            Self::UsedUp { limit } => format!("a token that was used less than {limit} times"),
            Self::WeakAuthentication { max_age, acr_values, .. } => {
                let age = max_age.map(|age| format!("auth_time at most {age} ago"));
                let acr = (!acr_values.is_empty())
                    .then(|| format!("acr {}", super::evidence::alternatives(acr_values)));
                let all: Vec<_> = age.into_iter().chain(acr).collect();
                all.join(", ")
            }
            Self::BadApiKey { .. } => "an API key in force, of the client's tenant".into(),
            Self::NotOpened { .. } => {
                "a trust with [trust.federation], and the client that it names".into()
            }
        }
    }

    /// What was there instead: the token's own content, which its sender knows.
    pub fn found(&self) -> String {
        let named = |what: &str, value: Option<&str>| match value {
            Some(value) => format!("{what} {}", cut(value)),
            None => format!("no {what}"),
        };
        match self {
            Self::Malformed { found, .. } | Self::WeakAuthentication { found, .. } => cut(found),
            Self::Unsigned => "alg none".into(),
            Self::WrongType { found, .. } => named("typ", found.as_deref()),
            Self::Untrusted { iss, .. } => named("iss", iss.as_deref()),
            Self::Ours => "a token of this server".into(),
            Self::UnknownKey { kid, alg } => {
                format!("{} ({})", named("kid", kid.as_deref()), cut(alg))
            }
            Self::BadSignature { .. } => {
                "a signature that does not verify: altered, or signed by another key".into()
            }
            Self::KeysUnavailable { reason, .. } => cut(reason),
            Self::BadClaim { .. } => "none, or another type or value".into(),
            Self::Expired { exp, .. } => format!("exp {exp}"),
            Self::NotYetValid { claim, from, .. } => format!("{claim} {from}"),
            Self::TooOld { iat, .. } => format!("iat {iat}"),
            Self::LivesTooLong { lifetime, .. } => format!("{lifetime}"),
            Self::WrongAudience { found, .. } => format!("aud {}", super::evidence::list(found)),
            Self::WrongClient { found, .. } => named("client", found.as_deref()),
            Self::Replayed { jti } => format!("{}, used before", named("jti", jti.as_deref())),
            Self::WrongTenant { found, .. } => named("tenant", found.as_deref()),
            Self::Revoked { by } => by.found(),
            Self::UsedUp { limit } => format!("one that was used {limit} times"),
            Self::BadApiKey { problem } | Self::NotOpened { problem } => cut(problem),
        }
    }

    /// The part of [`found`](Self::found) that whoever sent the token may read. Why keys of others cannot be had
    /// and what ended a token are not theirs.
    pub(super) fn told(&self) -> Option<String> {
        match self {
            Self::KeysUnavailable { .. }
            | Self::Revoked { .. }
            | Self::BadApiKey { .. }
            | Self::NotOpened { .. } => None,
            // Which claim, the token's owner must know to mend it.
            Self::BadClaim { claim, .. } => Some(format!("{}: {}", cut(claim), self.found())),
            Self::Malformed { .. }
            | Self::Unsigned
            | Self::WrongType { .. }
            | Self::Untrusted { .. }
            | Self::Ours
            | Self::UnknownKey { .. }
            | Self::BadSignature { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::TooOld { .. }
            | Self::LivesTooLong { .. }
            | Self::WrongAudience { .. }
            | Self::WrongClient { .. }
            | Self::Replayed { .. }
            | Self::WrongTenant { .. }
            | Self::UsedUp { .. }
            | Self::WeakAuthentication { .. } => Some(self.found()),
        }
    }
}
