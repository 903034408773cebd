//! The words of Portcullis: scopes, audiences, identifiers, checks and denials.
//!
//! Everything else in the house is said in these types. A raw string becomes one of them at the
//! edge, once; inside, an invalid one cannot be written down. No I/O, no clock, no randomness.

mod actor;
mod check;
mod denial;
mod details;
mod identity;
mod ids;
mod judged;
mod random;
mod redirect;
mod rights;
mod ruling;
mod scope;
mod strict;
mod time;
mod trace;

pub use actor::{Actor, ActorFault, MayAct};
pub use check::{Check, Stage};
pub use denial::{
    AssertionFault, AuthorizationError, Bar, BodyFault, CertificateFault, ClientProof, Code,
    Denial, DocumentFault, DpopFault, Fixer, FormatFault, GrantedFault, HeaderFault, HolderFault,
    ImpersonationFault, Inbound, InboundFault, KnownKey, PossessionFault, Remedy, RevokedBy,
    SignInFault, TenantHalt,
};
pub use details::{
    ArgumentValue, Detail, DetailLimit, DetailList, DetailType, Details, DetailsFault,
    DetailsProblem, Outside, Use,
};
pub use identity::{Acr, Amr, Authentication, IdentityScope, IdentityScopes};
pub use ids::{
    ApiName, Audience, ClientId, DecisionId, GrantId, IdFault, Issuer, Jti, Kid, PersonId,
    PrincipalKey, PrincipalKind, SessionId, Tenant, Thumbprint, stamped_id,
};
pub use judged::{ConditionRow, Judged, MappingRow};
pub use random::{Entropy, Random};
pub use redirect::{Place, RedirectUri};
pub use rights::{Allows, Asked, Crossing, Narrowed, Rights, Side, Sides};
pub use ruling::{
    Cause, Json, NoPoint, NoRevision, Obligations, Point, Reason, Revision, Ruled, Ruling,
};
pub use scope::{Dropped, DroppedBy, Pattern, Registry, Scope, ScopeFault, ScopePart, Scopes};
pub use time::{Timestamp, Ttl, TtlFault};
pub use trace::{Mark, Row, Trace};
