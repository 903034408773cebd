//! JSON Web Signature (RFC 7515).
//!
//! [`Compact`] is the fast path for access tokens: one pass, strict, and no claim can be read before
//! [`Compact::verify`] has returned a [`Payload`].

mod compact;
mod header;

pub use compact::{Compact, MAX_HEADER, MAX_TOKEN, Malformed, Payload, SignatureFault};
pub use header::{Header, HeaderFault};
