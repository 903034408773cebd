//! The words of Portcullis: scopes, audiences, identifiers, checks and denials.
//!
//! Everything else in the house is said in these types. A raw string becomes one of them at the
//! edge, once; inside, an invalid one cannot be written down. No I/O, no clock, no randomness.

mod check;
mod denial;
mod ids;
mod random;
mod scope;
mod time;
mod trace;

pub use check::{Check, Stage};
pub use denial::{
    AssertionFault, ClientProof, Code, Denial, Fixer, FormatFault, HeaderFault, KnownKey, Remedy,
    RevokedBy,
};
pub use ids::{ApiName, Audience, ClientId, DecisionId, IdFault, Issuer, Jti, Kid, Tenant};
pub use random::{Entropy, Random};
pub use scope::{Dropped, DroppedBy, Pattern, Registry, Scope, ScopeFault, ScopePart, Scopes};
pub use time::{Timestamp, Ttl};
pub use trace::{Mark, Row, Trace};
