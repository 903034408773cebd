//! Why a key is refused.

use crate::{b64::B64Fault, json::JsonFault};

/// The key is not one that we use, at all or for this purpose. Never carries key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not JSON as we read it.
    #[error("{0}")]
    Json(#[from] JsonFault),
    /// A member that the key type needs is missing.
    #[error("the key has no \"{0}\"")]
    Missing(&'static str),
    /// A member has the wrong type or an impossible value.
    #[error("the key's \"{name}\" must be {expected}")]
    Member {
        /// The member.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A member is not canonical base64url.
    #[error("the key's \"{name}\" is not base64url: {fault}")]
    Base64 {
        /// The member.
        name: &'static str,
        /// What is wrong.
        fault: B64Fault,
    },
    /// A member has the wrong length (RFC 7518 §6.2.1.2, RFC 8037 §2).
    #[error("the key's \"{name}\" must be {expected} bytes long, not {seen}")]
    Length {
        /// The member.
        name: &'static str,
        /// In bytes.
        expected: usize,
        /// In bytes.
        seen: usize,
    },
    /// A key type that we do not know.
    #[error("the key type \"{0}\" is not supported")]
    Kty(String),
    /// A curve that we do not know.
    #[error("the curve \"{0}\" is not supported")]
    Curve(String),
    /// Outside 2048 to 8192 bits.
    #[error("the RSA modulus has {bits} bits; 2048 to 8192 are accepted")]
    Modulus {
        /// Its size.
        bits: usize,
    },
    /// Not an odd number from 3 up to 2^32: with 1, every message is its own signature.
    #[error("the RSA exponent must be an odd number of at least 3 and at most 32 bits")]
    Exponent,
    /// The modulus has the fingerprint of CVE-2017-15361: it can be factored from the public key.
    #[error("the RSA modulus was made by a generator whose keys can be factored (ROCA)")]
    Roca,
    /// The coordinates are not a point of the curve.
    #[error("the key's coordinates are not a point of {0}")]
    Point(&'static str),
    /// An HMAC key shorter than its hash (RFC 7518 §3.2), or an AES key of another size.
    #[error("{alg} needs a key of {expected}; this one has {bits} bits")]
    Size {
        /// The algorithm.
        alg: String,
        /// How long it should be.
        expected: String,
        /// Its size.
        bits: usize,
    },
    /// The key says or implies another algorithm.
    #[error("the key is for {key}, not for {wanted}")]
    Alg {
        /// What the key is for.
        key: String,
        /// What it was wanted for.
        wanted: String,
    },
    /// The key can serve several algorithms and says none.
    #[error("the key names no \"alg\", and a key of type {0} does not imply one")]
    NoAlg(&'static str),
    /// `use` or `key_ops` forbids it (RFC 7517 §4.2, §4.3).
    #[error("the key's \"{member}\" does not allow it to {purpose}")]
    Purpose {
        /// `use` or `key_ops`.
        member: &'static str,
        /// `sign`, `verify`, `encrypt` or `decrypt`.
        purpose: &'static str,
    },
    /// A secret where a public key belongs: whoever can verify could also sign.
    #[error("the key is a shared secret (kty \"oct\"), not a public key")]
    Symmetric,
    /// From a set of both kinds, no MAC is accepted.
    #[error(
        "the set mixes shared secrets and key pairs, so no HMAC key of it is used; give that key alone"
    )]
    Mixed,
    /// PBES2 with too few or too many iterations.
    #[error("\"p2c\" must be from 1000 to 1000000")]
    Iterations,
    /// Only the public half is here.
    #[error("the key is public; its private part is needed")]
    Public,
    /// The private and the public half do not belong together, or the private half is damaged.
    #[error("the key's private and public members do not belong together")]
    Inconsistent,
    /// RSA with more than two primes, or without the CRT members (RFC 7518 §6.3.2).
    #[error("an RSA private key needs exactly d, p, q, dp, dq and qi")]
    Crt,
    /// A set of more keys than anyone needs.
    #[error("the set has {seen} keys; at most {limit} are accepted")]
    TooMany {
        /// How many there are.
        seen: usize,
        /// How many may be.
        limit: usize,
    },
}
