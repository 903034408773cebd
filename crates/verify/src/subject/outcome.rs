//! What comes out of the walk.

use super::{
    ConditionRow, Course, MappingRow, TokenKind, admit::Met, audience, kind, signed_in::SignedIn,
};
use crate::{Confirmation, time};
use portcullis_types::{
    Actor, Audience, Denial, Details, Jti, MayAct, PrincipalKey, PrincipalKind, Scopes, Timestamp,
};

/// Who somebody from elsewhere is, and what they may do here at most. Only
/// [`admit`](super::admit) makes one, out of every proof.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Who it is here, in the tenant of the trust.
    pub principal: PrincipalKey,
    /// How we regard them.
    pub kind: PrincipalKind,
    /// Which kind of token told.
    pub token_kind: TokenKind,
    /// The issuer, as the record has it.
    pub iss: String,
    /// The tenant at the issuer.
    pub idp_tenant: Option<String>,
    /// What names the subject there: `sub`, or what the preset takes for it.
    pub sub: String,
    /// The roles that the token says.
    pub roles: Vec<String>,
    /// The groups that the token says.
    pub groups: Vec<String>,
    /// What they may do at most; of the own tenant, written without it.
    pub scopes: Scopes,
    /// What limits that.
    pub details: Details,
    /// `exp`: no token of ours outlives it.
    pub expires: Timestamp,
    /// What names this token, and how often it may come.
    pub replay: Replay,
    /// `acr`, in the provider's words.
    pub acr: Option<String>,
    /// `amr`, in the provider's words.
    pub amr: Vec<String>,
    /// `auth_time`.
    pub auth_time: Option<Timestamp>,
    /// `email`, if `email_verified` is `true`. Never a key: it changes hands.
    pub email: Option<String>,
    /// What people call them; for pages and records.
    pub display_name: Option<String>,
    /// `may_act`.
    pub may_act: Option<MayAct>,
    /// `act`; where it names no issuer, that of this token is meant.
    pub act: Option<Actor>,
    /// `cnf`: what the token is bound to. That the caller holds it is for the endpoint to check.
    pub cnf: Option<Confirmation>,
    /// The client that the token was given to, as its provider calls it.
    pub client: Option<String>,
    /// `resource` of an ID-JAG.
    pub resources: Vec<Audience>,
    pub(super) _proofs: Proofs,
}

/// What names a token among all of its issuer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// `jti`, if it has one.
    pub jti: Option<Jti>,
    /// SHA-256 of the token, as it came.
    pub digest: [u8; 32],
    /// How often it may come.
    pub reuse: Reuse,
}

/// How often a token may be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Once.
    Once,
    /// As often as the rate for its subject allows.
    Free,
    /// The same, and every use is counted by its `jti`.
    Counted,
}

/// What a token went through, for people: `tenant check` and `explain`.
#[derive(Debug)]
pub struct Examination {
    /// How far it came.
    pub course: Course,
    /// How each condition went; empty if none was reached.
    pub conditions: Vec<ConditionRow>,
    /// Where each scope is from, and what became of it.
    pub mapping: Vec<MappingRow>,
    /// What [`admit`](super::admit) says of it.
    pub outcome: Result<Subject, Denial>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Proofs {
    pub(super) _typed: kind::Typed,
    pub(super) _timely: time::Timely,
    pub(super) _addressed: audience::Addressed,
    pub(super) _met: Met,
    pub(super) _signed_in: SignedIn,
}
