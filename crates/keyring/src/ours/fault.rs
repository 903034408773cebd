//! What can go wrong with our own keys: faults of ours, for the operator.

use portcullis_jose::{Alg, jwk::KeyFault};
use portcullis_store::StoreFault;
use portcullis_types::{Kid, Timestamp};

/// Why our keys cannot be used or changed. Never carries key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyringFault {
    /// The keys in the database were encrypted under another key-encryption key.
    #[error(
        "the key-encryption key is not the one that the signing keys were encrypted with \
         (given: {given}, needed: {needed}); give the one of the first start"
    )]
    WrongKey {
        /// The fingerprint of the one that was given.
        given: String,
        /// The fingerprint of the one that is needed.
        needed: String,
    },
    /// A row was altered or swapped: it does not open, though the key-encryption key is the right one.
    #[error(
        "signing key {kid} in the database was altered: it does not open; restore it from a backup"
    )]
    Damaged {
        /// Which.
        kid: String,
    },
    /// The rotation policy contradicts itself.
    #[error("{0}")]
    Policy(&'static str),
    /// There is no current key to rotate.
    #[error("there is no current key{}", .alg.map(|alg| format!(" for {alg}")).unwrap_or_default())]
    NoSuchAlg {
        /// What was asked for.
        alg: Option<Alg>,
    },
    /// No key has that name.
    #[error("there is no key {kid}; `portcullis key list` shows those there are")]
    UnknownKey {
        /// The name.
        kid: Kid,
    },
    /// The key signs at this moment.
    #[error(
        "key {kid} signs {alg} tokens now; rotate first and it retires by itself, or force it: \
         every token that it signed then fails at once"
    )]
    InUse {
        /// Which.
        kid: Kid,
        /// For what.
        alg: Alg,
    },
    /// Tokens signed with the key may be alive.
    #[error(
        "tokens signed with key {kid} may be valid until {until}; it retires by itself then, \
         or force it: they fail at once"
    )]
    StillNeeded {
        /// Which.
        kid: Kid,
        /// Until when.
        until: Timestamp,
    },
    /// The key cannot be made or read.
    #[error("signing key: {0}")]
    Key(#[from] KeyFault),
    /// Encryption failed, which happens when memory or entropy does.
    #[error("the cryptographic library could not encrypt a signing key")]
    Library,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The program is shutting down.
    #[error("interrupted by a shutdown")]
    Interrupted,
}
