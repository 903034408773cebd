//! A good token stands before a request that may not pass all the same: because of what the request says, of
//! what the token's `authorization_details` name, or of what a policy rules.

use super::{Fixer, Remedy, cut, evidence::list};
use crate::{Check, Scopes, Ttl};
use Fixer::{Caller, Operator};
use serde::{Deserialize, Serialize};

/// What keeps a request back although its token was admitted.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "bar", rename_all = "snake_case")]
pub enum Bar {
    /// The body must be understood before anybody can decide, and cannot be.
    Body { fault: BodyFault },
    /// The token's `authorization_details` name things of this kind, and not this one (RFC 9396 §7). `wanted`
    /// is what the request is after, `named` what the token names.
    Details { kind: String, wanted: String, named: Vec<String> },
    /// A policy refused it, or failed.
    Policy { reasons: Vec<String> },
    /// The policy server that is asked did not answer; it may soon.
    NoPolicy { reason: String, retry_after: Ttl },
    /// A policy leaves of the token's scopes too few.
    Scopes { left: Scopes, needed: Scopes, missing: Scopes, reasons: Vec<String> },
    /// A policy lets so many requests through in a minute, and these were more.
    Rate { limit: u64, seen: u64, retry_after: Ttl },
}

/// Why a body is not understood.
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum BodyFault {
    /// Larger than is read here.
    TooLarge { limit: u64 },
    /// Not said to be JSON, or encoded.
    MediaType { found: String },
    /// No JSON object.
    NotJson { problem: String },
    /// One reader would understand it so, another otherwise.
    Ambiguous { problem: String },
    /// What it is about is not named, or not as it should be.
    Unnamed { member: String, expected: String },
    /// Several calls in one: each would have to be decided.
    Batch,
    /// It broke off.
    BrokenOff,
    /// It stood still.
    Stalled,
}

impl Bar {
    pub(super) const fn check(&self) -> Check {
        match self {
            Self::Body { .. } => Check::Body,
            Self::Details { .. } => Check::Limits,
            Self::Policy { .. }
            | Self::NoPolicy { .. }
            | Self::Scopes { .. }
            | Self::Rate { .. } => Check::Rules,
        }
    }

    pub(super) const fn code(&self) -> super::code::Parts {
        match self {
            Self::Body { fault } => fault.code(),
            Self::Details { .. } => (
                403,
                Some("insufficient_scope"),
                "outside_details",
                "The authorization_details of the access token do not name this",
            ),
            Self::Policy { .. } => (
                403,
                Some("access_denied"),
                "access_denied",
                "A policy does not allow this request",
            ),
            Self::NoPolicy { .. } => {
                (503, None, "policy_unavailable", "The policy cannot be asked at the moment")
            }
            Self::Scopes { .. } => (
                403,
                Some("insufficient_scope"),
                "scope_withheld",
                "A policy withholds a scope for the moment",
            ),
            Self::Rate { .. } => {
                (429, None, "rate_limit_exceeded", "Too many requests in the last minute")
            }
        }
    }

    pub(super) fn expected(&self) -> String {
        match self {
            Self::Body { fault } => fault.expected(),
            Self::Details { kind, named, .. } => format!("{kind} {}", list(named)),
            Self::Policy { .. } => "what the policy allows".into(),
            Self::NoPolicy { .. } => "an answer of the policy server".into(),
            Self::Scopes { needed, .. } => format!("scope {needed}"),
            Self::Rate { limit, .. } => format!("at most {limit} requests in a minute"),
        }
    }

    pub(super) fn found(&self) -> String {
        match self {
            Self::Body { fault } => fault.found(),
            Self::Details { wanted, .. } => cut(wanted),
            Self::Policy { reasons } if reasons.is_empty() => {
                "refused by default: no rule allows it".into()
            }
            Self::Policy { reasons } => list(reasons),
            Self::NoPolicy { reason, .. } => cut(reason),
            Self::Scopes { left, reasons, .. } if reasons.is_empty() => {
                format!("the policy leaves [{left}]")
            }
            Self::Scopes { left, reasons, .. } => {
                format!("the policy leaves [{left}]: {}", list(reasons))
            }
            Self::Rate { seen, .. } => format!("{seen} requests"),
        }
    }

    /// What the caller may read: nothing of the policy.
    pub(super) fn remedy(&self) -> Remedy {
        let (by, change) = match self {
            Self::Body { fault } => (Caller, fault.remedy()),
            Self::Details { kind, .. } => {
                (Caller, format!("Get a token whose authorization_details name this {kind}."))
            }
            Self::Policy { .. } => (
                Operator,
                "Ask the administrator which policy it was; the decision_id names it.".into(),
            ),
            Self::Scopes { .. } => {
                (Caller, "Ask for less at a time, and try again in a minute.".into())
            }
            Self::NoPolicy { retry_after, .. } => (
                Operator,
                format!("Make the policy server reachable; it is asked again after {retry_after}."),
            ),
            Self::Rate { retry_after, .. } => {
                (Caller, format!("Wait {retry_after}, and ask less often."))
            }
        };
        Remedy { change, by }
    }

    pub(super) fn remedy_for_operator(&self) -> Remedy {
        let change = match self {
            Self::Policy { reasons } | Self::Scopes { reasons, .. } if !reasons.is_empty() => {
                format!("Change the policy or the request: {}.", reasons.join("; "))
            }
            Self::Details { named, .. } => {
                format!("Use a token for this, or stay with what this one names: {}.", list(named))
            }
            _ => return self.remedy(),
        };
        Remedy { change, by: Operator }
    }

    /// What happened, as a sentence.
    pub fn headline(&self) -> String {
        match self {
            Self::Body { fault } => format!("The body of the request {}.", fault.told()),
            Self::Details { kind, wanted, .. } => {
                format!("The token is for other things of type {kind} than {}.", cut(wanted))
            }
            Self::Policy { .. } => "A policy refused the request.".into(),
            Self::NoPolicy { .. } => {
                "The policy could not be asked, so nothing was let through.".into()
            }
            Self::Scopes { missing, .. } => {
                format!("A policy withheld the scope {missing}, which this request needs.")
            }
            Self::Rate { limit, .. } => {
                format!("A policy allows {limit} requests in a minute, and these were more.")
            }
        }
    }
}

impl BodyFault {
    const fn code(&self) -> super::code::Parts {
        let (status, name, description) = match self {
            Self::TooLarge { .. } => {
                (413, "body_too_large", "The body of the request is too large")
            }
            Self::MediaType { .. } => {
                (415, "body_not_json", "The body of the request must be plain JSON")
            }
            Self::NotJson { .. } => {
                (400, "malformed_body", "The body of the request is not a JSON object")
            }
            Self::Ambiguous { .. } => {
                (400, "ambiguous_body", "The body of the request can be read in two ways")
            }
            Self::Unnamed { .. } => {
                (400, "unnamed_target", "The body of the request does not say what it is about")
            }
            Self::Batch => (400, "batch", "Send one call at a time"),
            Self::BrokenOff => (400, "broken_body", "The body of the request broke off"),
            Self::Stalled => (408, "stalled_body", "The body of the request stood still"),
        };
        (status, None, name, description)
    }

    fn expected(&self) -> String {
        match self {
            Self::TooLarge { limit } => format!("at most {limit} bytes"),
            Self::MediaType { .. } => {
                "Content-Type: application/json, and no Content-Encoding".into()
            }
            Self::NotJson { .. } => "one JSON object".into(),
            Self::Ambiguous { .. } => "each member once, and named exactly".into(),
            Self::Unnamed { member, expected } => format!("{member}: {expected}"),
            Self::Batch => "one JSON-RPC message".into(),
            Self::BrokenOff | Self::Stalled => "the whole body".into(),
        }
    }

    fn found(&self) -> String {
        match self {
            Self::TooLarge { .. } => "more".into(),
            Self::MediaType { found } => cut(found),
            Self::NotJson { problem } | Self::Ambiguous { problem } => cut(problem),
            Self::Unnamed { member, .. } => format!("no such {member}"),
            Self::Batch => "a list of them".into(),
            Self::BrokenOff => "it broke off".into(),
            Self::Stalled => "it stood still".into(),
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::TooLarge { limit } => format!("Send at most {limit} bytes."),
            Self::MediaType { .. } => {
                "Send Content-Type: application/json, without Content-Encoding.".into()
            }
            Self::NotJson { .. } => "Send one JSON object.".into(),
            Self::Ambiguous { problem } => format!("Send each member once: {}.", cut(problem)),
            Self::Unnamed { member, expected } => format!("Send {member}: {expected}."),
            Self::Batch => "Send each call in a request of its own.".into(),
            Self::BrokenOff | Self::Stalled => "Send the whole body at once.".into(),
        }
    }

    const fn told(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "is too large to be read before it is let through",
            Self::MediaType { .. } => {
                "is not said to be plain JSON, so nobody can tell what it asks for"
            }
            Self::NotJson { .. } => "is no JSON object, so nobody can tell what it asks for",
            Self::Ambiguous { .. } => "can be read in two ways",
            Self::Unnamed { .. } => "does not say what it is about",
            Self::Batch => "holds several calls, and each would have to be decided",
            Self::BrokenOff => "broke off",
            Self::Stalled => "stood still",
        }
    }
}
