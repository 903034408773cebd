//! JWS, JWE and JWK, parsed strictly: bytes in, typed values out (RFC 7515–7518, 7638, 7797, 8037); and the one
//! hash that names whoever such a token is about.
//!
//! Every primitive comes from aws-lc-rs. The crate reads no clock and does no I/O. One exception to
//! "randomness is a parameter": keys, content encryption keys and initialization vectors are drawn by
//! aws-lc-rs from the operating system, because a caller-supplied source could only make them weaker.

pub mod alg;
pub mod b64;
mod der;
pub mod json;
pub mod jwe;
pub mod jwk;
pub mod jws;
mod params;
mod principal;
mod sign;

pub use alg::Alg;
pub use principal::principal_key;
pub use sign::{RsaBits, SigningFault, SigningKey, TokenHeader};

/// How a JWS or JWE is written (RFC 7515 §7, RFC 7516 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serialization {
    /// Segments and dots.
    Compact,
    /// JSON with one signature or recipient.
    Flattened,
    /// JSON with a list of signatures or recipients.
    General,
}

/// The longest text that is read as a JWS or JWE outside the access-token path, in bytes.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// What was seen, fit for an error message: at most 64 characters, no control characters.
pub(crate) fn seen(text: &str) -> String {
    const LIMIT: usize = 64;
    let mut shown: String =
        text.chars().take(LIMIT).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        shown.push('…');
    }
    shown
}
