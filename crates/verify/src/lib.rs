//! The ordered checks an access token passes (RFC 9068 §4, RFC 8725, RFC 6750): pure functions, no
//! I/O, no clock, no random source.
//!
//! Keys, revocations and `now` come in as arguments, so that the gateway, the Python package, the
//! command line, `explain` and the fuzzers run the very same code. Each check is a function that
//! returns a proof which only it can make, or the [`Denial`](portcullis_types::Denial) that says why
//! not; [`admit`] demands every proof. What is *not* checked here: policies and quotas.

mod admit;
mod audience;
mod authentication;
mod binding;
mod claims;
mod demand;
pub mod dpop;
mod format;
mod glance;
mod header;
mod issuer;
mod key;
mod known;
mod peek;
mod presented;
mod purpose;
mod refusal;
mod revocation;
mod scope;
pub mod subject;
mod tenant;
mod time;

pub use admit::{Admission, Vouched, admit, authorize, in_force, vouch};
pub use binding::Holder;
pub use claims::{Claims, Confirmation};
pub use demand::{Demand, Need, acr_at_least};
pub use glance::Glance;
pub use issuer::names_kind;
pub use known::{
    ACCESS_TOKEN, Apis, Guarded, IssuerKeys, Known, KnownIssuer, Profile, Speaks, Target,
    TrustedIssuer,
};
pub use peek::{Peek, peek};
pub use presented::{CREDENTIAL_LIMIT, Presented, Scheme};
pub use refusal::{Challenge, Dialect, Refusal};
pub use revocation::{
    Ended, Heard, KnownRevocations, Revocation, RevocationKind, RevocationPage, Revocations,
};
