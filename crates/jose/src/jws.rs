//! JSON Web Signature (RFC 7515).
//!
//! [`Compact`] is the fast path for access tokens: one pass, strict, and no claim can be read before
//! [`Compact::verify`] has returned a [`Payload`]. [`Signed`] is the whole standard: three serializations,
//! several signatures, detached and unencoded payloads (RFC 7797).

mod compact;
mod draft;
mod header;
mod mac;
mod parse;
mod verify;

pub use compact::{Compact, MAX_HEADER, MAX_TOKEN, Malformed, Payload, SignatureFault};
pub use draft::{Draft, Placement, Signer};
pub use header::{Header, HeaderFault};
pub(crate) use header::{algorithm, distinct};
pub use mac::MacKey;
pub use parse::{JwsFault, MAX_SIGNATURES, Signed};
pub use verify::{Content, Refusal, Verified, VerifyingKey};
