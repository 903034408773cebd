//! The same for whatever is traded for a token of ours.

use portcullis_types::{ActorFault, Denial, DetailsProblem, Inbound, InboundFault};

pub(super) fn headline(denial: &Denial) -> String {
    match denial {
        Denial::BadInbound { inbound, fault } => {
            format!("The {} {}.", noun(*inbound), inbound_fault(fault))
        }
        Denial::ConditionNotMet { inbound, claim, .. } => {
            format!("The {} does not meet the tenant's condition on {claim}.", noun(*inbound))
        }
        Denial::TenantHalted { tenant, halt, .. } => {
            format!("The tenant {tenant} is {}, so it gets no tokens.", halt.word())
        }
        Denial::BadActor { fault, .. } => actor(fault).into(),
        Denial::NoImpersonation { client_id, .. } => format!(
            "Nobody is named as the actor, and the client {client_id} may not leave that out."
        ),
        Denial::PolicyRefused { .. } => "A policy refused the token.".into(),
        Denial::BadDetails { fault } => match fault.problem {
            DetailsProblem::Wider => {
                "More was asked for in authorization_details than every side allows.".into()
            }
            DetailsProblem::Excluded => {
                format!("All that limit {} have nothing in common.", fault.object)
            }
            _ => "The authorization_details are not valid.".into(),
        },
        Denial::ForeignScope { scope, .. } => {
            format!("{scope} is about another tenant, and no grant leads there.")
        }
        Denial::NothingLeft { .. } => "No requested scope is allowed by every side.".into(),
        // Of the others none comes here.
        other => format!("{}.", other.code().description),
    }
}

const fn noun(inbound: Inbound) -> &'static str {
    match inbound {
        Inbound::SubjectToken => "subject token",
        Inbound::ActorToken => "actor token",
        Inbound::Assertion => "assertion",
    }
}

const fn inbound_fault(fault: &InboundFault) -> &'static str {
    match fault {
        InboundFault::Malformed { .. } => "is not one that is read here",
        InboundFault::Unsigned => "is not signed",
        InboundFault::WrongType { .. } => "is another kind of token than was agreed",
        InboundFault::Untrusted { .. } => "comes from an issuer that the tenant does not trust",
        InboundFault::Ours => "is a token of this server, which this grant does not take",
        InboundFault::UnknownKey { .. } => "names a key that its issuer does not publish",
        InboundFault::BadSignature { .. } => "was altered, or signed by another key",
        InboundFault::KeysUnavailable { .. } => {
            "could not be checked: the keys of its issuer could not be fetched"
        }
        InboundFault::BadClaim { .. } => "lacks a claim, or has it malformed",
        InboundFault::Expired { .. } => "had expired",
        InboundFault::NotYetValid { .. } => "is not valid yet",
        InboundFault::TooOld { .. } => "was issued too long ago",
        InboundFault::LivesTooLong { .. } => "lives longer than its provider's tokens may",
        InboundFault::WrongAudience { .. } => "was made for another audience",
        InboundFault::WrongClient { .. } => "was given to another client",
        InboundFault::Replayed { .. } => "was used before",
        InboundFault::WrongTenant { .. } => "belongs to another tenant",
        InboundFault::Revoked { .. } => "was revoked",
        InboundFault::UsedUp { .. } => "was used too often",
        InboundFault::WeakAuthentication { .. } => {
            "is of somebody who signed in too long ago, or too weakly"
        }
        InboundFault::BadApiKey { .. } => "is an API key that opens nothing here",
        InboundFault::NotOpened { .. } => {
            "came by a trust that is not open to callers without proof"
        }
    }
}

const fn actor(fault: &ActorFault) -> &'static str {
    match fault {
        ActorFault::NotNamed { .. } => {
            "The subject token lets only another actor act for its subject."
        }
        ActorFault::TooDeep { .. } => "Too many act for each other already.",
        ActorFault::Malformed { .. } => "Who acts, or who may, cannot be read from the token.",
        ActorFault::Delegated { .. } => "The actor acts for somebody else already.",
    }
}
