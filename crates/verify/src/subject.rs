//! A partner's token, come to be exchanged for one of ours (RFC 8693 §2.1, RFC 7523 §3): whom the tenant trusts,
//! on what terms, and who the token says it is.
//!
//! A [`Trust`] is a record as somebody wrote it; [`Trust::checked`] makes a [`CheckedTrust`] of it, and only by
//! that [`admit`] lets a token in. What is *not* done here: fetching keys, remembering what was used, asking a
//! policy.

mod admit;
mod audience;
mod checked;
mod choose;
mod claims;
mod condition;
mod course;
mod id_jag;
mod iss;
mod keys;
mod kind;
mod mapping;
mod outcome;
mod path;
mod preset;
mod principal;
mod signed_in;
mod spell;
mod trust;

pub use admit::{Offered, admit, examine};
pub use checked::{CheckedTrust, Home, TrustFault};
pub use choose::{Candidate, choose};
pub use condition::Condition;
pub use course::{Course, Step, StepRow};
pub use iss::{IssRule, SHARED_ISSUERS, SharedIssuer};
pub use keys::key_set;
pub use kind::{FOREIGN_KINDS, TokenKind};
pub use outcome::{Examination, Replay, Reuse, Subject};
pub use path::{ClaimPath, PathFault};
pub use portcullis_types::{ConditionRow, MappingRow};
pub use preset::{
    AudSource, Globs, Guard, Preset, PresetTerms, ScopeTerms, ServiceRule, SubjectTemplate,
};
pub use trust::{
    Authentication, Ceiling, Federation, Grant, Grantee, GroupMapping, KeySource, Mapping, Overage,
    ScopeFormat, ScopeMapping, Trust,
};
