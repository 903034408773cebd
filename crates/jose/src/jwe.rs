//! JSON Web Encryption (RFC 7516, RFC 7518 §4 and §5, RFC 8037).
//!
//! Never for access tokens: a token that decrypts proves nothing about its author. A message that does
//! not decrypt gives one answer, whatever failed (RFC 7516 §11.5).

mod agree;
mod alg;
mod content;
mod decrypt;
mod encrypt;
mod management;
mod parse;
mod rsa;
mod wrap;
mod zip;

pub use alg::{Aes, Enc, KeyAlg, Sha, UnknownKeyAlg};
pub use decrypt::{DecryptFault, Decrypted};
pub use encrypt::{EncryptFault, Envelope, Recipient, Zip};
pub(crate) mod agreement {
    //! What key generation needs of the agreement.
    pub(crate) use super::agree::{Curve, generate, x25519};
}
pub use parse::{Encrypted, JweFault, MAX_RECIPIENTS};
pub use zip::MAX_INFLATED;
