//! Why one token was not traded for another (RFC 8693, RFC 7523 §2.1), and the views of that.
//!
//! What the caller sent is theirs to read. Which issuers, conditions, contracts and other tenants there are is
//! not: of these the tenant's admins and the operator read everything, by the decision's id.

use super::{
    Denial, Fixer, Inbound, InboundFault, Remedy,
    code::{Parts, grant},
};
use crate::{ActorFault, Check, DetailsFault, DetailsProblem, Dropped, Tenant};
use Fixer::{Caller, Issuer, Operator};
use serde::{Deserialize, Serialize};

/// How a tenant's time came to a halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantHalt {
    /// For now.
    Suspended,
    /// For good.
    Ended,
}

/// Why an exchange without an actor was refused (RFC 8693 §1.1 calls that impersonation).
#[expect(missing_docs, reason = "each variant says what its fields hold")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum ImpersonationFault {
    /// The client has no `exchange:impersonate`.
    NotGranted,
    /// Who would be impersonated is of another tenant than the client.
    OtherTenant { subject: Option<Tenant>, client: Option<Tenant> },
}

impl TenantHalt {
    /// As people read it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }
}

impl Inbound {
    pub(super) const fn check(self) -> Check {
        match self {
            Self::SubjectToken | Self::Assertion => Check::SubjectToken,
            Self::ActorToken => Check::ActorToken,
        }
    }
}

/// Where no token came in, the grant itself is what the client may not use (RFC 6749 §5.2).
pub(super) const fn error(inbound: Option<Inbound>) -> &'static str {
    match inbound {
        Some(inbound) => inbound.error(),
        None => "unauthorized_client",
    }
}

/// A provider that does not answer is no fault of the token.
pub(super) const fn inbound(inbound: Inbound, fault: &InboundFault) -> Parts {
    let (name, description) = fault.words();
    match fault {
        InboundFault::KeysUnavailable { .. } => {
            (503, Some("temporarily_unavailable"), name, description)
        }
        InboundFault::WeakAuthentication { .. } => {
            grant("insufficient_user_authentication", name, description)
        }
        _ => grant(inbound.error(), name, description),
    }
}

pub(super) const fn actor(inbound: Inbound, fault: &ActorFault) -> Parts {
    let (name, description) = match fault {
        ActorFault::NotNamed { .. } => {
            ("actor_not_named", "The subject token does not let this actor act for its subject")
        }
        ActorFault::TooDeep { .. } => ("too_many_actors", "Too many act for each other already"),
        ActorFault::Malformed { .. } => ("bad_actor", "The actor cannot be read"),
        ActorFault::Delegated { .. } => {
            ("actor_delegated", "The actor acts for somebody else already")
        }
    };
    grant(inbound.error(), name, description)
}

/// RFC 9396 §5; nothing in common is no fault of the parameter, which need not have been sent.
pub(super) const fn details(fault: &DetailsFault) -> Parts {
    const ERROR: &str = "invalid_authorization_details";
    match fault.problem {
        DetailsProblem::Malformed
        | DetailsProblem::UnknownType
        | DetailsProblem::UnknownField
        | DetailsProblem::BadValue
        | DetailsProblem::TooLarge => {
            grant(ERROR, "bad_details", "The authorization_details are not valid")
        }
        DetailsProblem::Wider => grant(
            ERROR,
            "details_wider",
            "The authorization_details ask for more than may be granted",
        ),
        DetailsProblem::Excluded => grant(
            "invalid_scope",
            "details_excluded",
            "Nothing is allowed by all that limit this token",
        ),
    }
}

impl InboundFault {
    /// As whoever sent the token may read it.
    pub(super) fn remedy(&self) -> Remedy {
        let (by, change) = match self {
            Self::Malformed { .. } => (Caller, "Send the token exactly as its issuer gave it out."),
            Self::Unsigned | Self::BadClaim { .. } => {
                (Issuer, "Have the provider issue signed tokens with all claims that it promises.")
            }
            Self::WrongType { .. } => (
                Caller,
                "Send the kind of token that was agreed for this tenant, and name it in \
                 subject_token_type.",
            ),
            Self::Untrusted { .. } => (
                Operator,
                "Have the tenant's administrator trust this issuer, or send a token of one that is \
                 trusted.",
            ),
            Self::Ours => (Caller, "Send a token of the tenant's own provider."),
            Self::BadSignature { .. } => {
                (Caller, "Send the token unaltered, or get a new one from its issuer.")
            }
            Self::KeysUnavailable { .. } => {
                (Issuer, "Try again soon; the issuer's keys could not be fetched.")
            }
            Self::NotYetValid { .. } => (Issuer, "Set the issuer's clock right, or wait."),
            Self::LivesTooLong { .. } => {
                (Issuer, "Have the provider issue tokens that live shorter.")
            }
            Self::WrongAudience { .. } => (
                Caller,
                "Get a token that was made for this exchange: its aud is what the tenant's trust \
                 names.",
            ),
            Self::WrongClient { .. } => (Caller, "Use tokens with the client that they are for."),
            Self::WrongTenant { .. } => (Caller, "Use a token of the client's own tenant."),
            Self::WeakAuthentication { .. } => {
                (Caller, "Have the person sign in again at their provider, and send the new token.")
            }
            Self::BadApiKey { .. } => (
                Operator,
                "Send the whole key; if that does not help, have the operator look: the decision_id \
                 tells why.",
            ),
            Self::NotOpened { .. } => {
                (Operator, "Check the ids; the decision_id tells the operator what does not fit.")
            }
            Self::UnknownKey { .. }
            | Self::Expired { .. }
            | Self::TooOld { .. }
            | Self::Replayed { .. }
            | Self::UsedUp { .. }
            | Self::Revoked { .. } => (Caller, "Get a new token from its issuer, and send that."),
        };
        Remedy { change: change.into(), by }
    }

    /// As the tenant's admins and the operator may.
    fn remedy_for_operator(&self) -> Remedy {
        let (by, change) = match self {
            Self::Untrusted { iss: Some(iss), .. } => (
                Operator,
                format!("Trust {} for the tenant, if it is its provider.", super::cut(iss)),
            ),
            Self::WrongAudience { .. } => (
                Operator,
                format!(
                    "Get tokens with {}, or accept theirs in the trust record.",
                    self.expected()
                ),
            ),
            Self::WrongType { .. } => {
                (Caller, format!("Send a token of the kind: {}.", self.expected()))
            }
            Self::LivesTooLong { .. } => {
                (Issuer, format!("Have the provider issue tokens with {}.", self.expected()))
            }
            Self::BadApiKey { .. } => (
                Operator,
                "Compare with 'portcullis api-key list'; add, import or enable the key.".into(),
            ),
            Self::NotOpened { .. } => (
                Operator,
                "Write federation = { client = \"…\" } into the trust, with a client of that tenant \
                 that may use this grant."
                    .into(),
            ),
            _ => return self.remedy(),
        };
        Remedy { change, by }
    }
}

impl ActorFault {
    pub(super) fn remedy(&self) -> Remedy {
        let (by, change) = match self {
            Self::NotNamed { .. } => {
                (Caller, "Act as one whom may_act of the subject token names.")
            }
            Self::TooDeep { .. } => {
                (Caller, "Exchange a token that fewer have passed on to each other.")
            }
            Self::Malformed { .. } => {
                (Issuer, "Let act and may_act hold sub, iss, client_id and sub_profile alone.")
            }
            Self::Delegated { .. } => (Caller, "Send an actor_token of the actor itself."),
        };
        Remedy { change: change.into(), by }
    }
}

impl ImpersonationFault {
    pub(super) fn expected(&self) -> String {
        match self {
            Self::NotGranted => "an actor, or a client with exchange:impersonate".into(),
            Self::OtherTenant { client, .. } => format!("a subject of {}", tenant(client.as_ref())),
        }
    }

    pub(super) fn found(&self) -> String {
        match self {
            Self::NotGranted => "no actor, and no right to leave it out".into(),
            Self::OtherTenant { subject, .. } => {
                format!("a subject of {}", tenant(subject.as_ref()))
            }
        }
    }
}

fn tenant(name: Option<&Tenant>) -> String {
    name.map_or_else(|| "no tenant".into(), |name| format!("tenant {name}"))
}

/// Everything that was lost, and by whom.
pub(super) fn losses(dropped: &[Dropped]) -> String {
    super::evidence::list(
        &dropped.iter().map(|lost| format!("{} ({})", lost.scope, lost.by)).collect::<Vec<_>>(),
    )
}

impl Denial {
    /// What the caller may read of what was found, where a denial is an exchange's: its own token and request.
    /// `None`: nothing of it is the caller's.
    pub fn told(&self) -> Option<String> {
        match self {
            Self::BadInbound { fault, .. } => fault.told(),
            Self::BadActor { fault, .. } => Some(fault.found()),
            Self::ForeignScope { scope, .. } => Some(format!("scope {scope}")),
            Self::NothingLeft { requested, .. } => Some(format!("scope {requested}")),
            Self::BadDetails { fault } => match fault.problem {
                DetailsProblem::Excluded => None,
                // What may be had is the tenant's contract; what was asked for is not.
                DetailsProblem::Wider => Some(format!("{}: {}", fault.place(), fault.found)),
                _ => Some(fault.to_string()),
            },
            _ => None,
        }
    }

    /// What to do about a refusal of this file's kinds.
    pub(super) fn remedy_for_exchange(&self) -> Remedy {
        let (by, change) = match self {
            Self::BadInbound { fault, .. } => return fault.remedy(),
            Self::BadActor { fault, .. } => return fault.remedy(),
            Self::ConditionNotMet { .. } => (
                Operator,
                "Use a token that meets the conditions of the tenant's trust; the decision_id tells \
                 its administrator which."
                    .into(),
            ),
            Self::TenantHalted { .. } => {
                (Operator, "Have the tenant's subscription made active again.".into())
            }
            Self::NoImpersonation { .. } => (
                Operator,
                "Let the actor be named, or have exchange:impersonate granted to the client.".into(),
            ),
            Self::ForeignScope { own: Some(own), .. } => {
                (Caller, format!("Ask for scopes of tenant {own}, without a tenant in them."))
            }
            Self::ForeignScope { own: None, .. } => {
                (Caller, "Ask for scopes without a tenant in them.".into())
            }
            Self::NothingLeft { requested, .. } => {
                (Operator, format!("Have one of these allowed: {requested}."))
            }
            Self::BadDetails { fault } => match fault.problem {
                DetailsProblem::Wider => (Caller, format!("Ask for less in {}.", fault.place())),
                DetailsProblem::Excluded => (
                    Operator,
                    "Have what limits the token made to agree; the decision_id tells where.".into(),
                ),
                _ => (Caller, format!("Correct {}: {}.", fault.place(), fault.expected)),
            },
            Self::PolicyRefused { .. } => (
                Operator,
                "Ask the administrator which policy it was; the decision_id names it.".into(),
            ),
            other => return other.remedy(),
        };
        Remedy { change, by }
    }

    /// The same, with all that the operator and the tenant's admins may know.
    pub(super) fn remedy_of_exchange_for_operator(&self) -> Remedy {
        let change = match self {
            Self::BadInbound { fault, .. } => return fault.remedy_for_operator(),
            Self::ConditionNotMet { claim, expected, .. } => {
                format!("Use a token whose {claim} is {expected}, or change the trust's condition.")
            }
            Self::TenantHalted { tenant, halt, .. } => {
                format!("Make tenant {tenant} active again; it is {}.", halt.word())
            }
            Self::NoImpersonation { client_id, fault: ImpersonationFault::NotGranted } => {
                format!("Grant exchange:impersonate to {client_id}, or let the actor be named.")
            }
            Self::NothingLeft { dropped, .. } => {
                format!("Allow one of these where it was lost: {}.", losses(dropped))
            }
            Self::BadDetails { fault } => format!("Set {}: {}.", fault.place(), fault.expected),
            Self::PolicyRefused { reasons, .. } if !reasons.is_empty() => {
                format!("Change the policy or the request: {}.", reasons.join("; "))
            }
            other => return other.remedy(),
        };
        Remedy { change, by: Operator }
    }
}
