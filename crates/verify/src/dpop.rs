//! Demonstrating proof of possession (RFC 9449): a proof is verified alike by the resource server, which
//! binds it to an access token, and by the authorization server, which binds a token to its key.
//!
//! [`Proof::verify`] reads no clock and remembers nothing. That a proof was not used before is for
//! [`Replays`] to say, after everything else about it is right.

mod htu;
mod nonces;
mod proof;
mod replays;

pub use htu::{Htu, bases, origin};
pub use nonces::Nonces;
pub use proof::{ALGS, Expected, Header, NonceRule, PROOF_LIMIT, Proof};
pub use replays::{Replays, Reuse};

/// What a server keeps for judging proofs, shared by all its threads.
#[derive(Debug)]
pub struct Possession {
    /// The nonces that it gives out and accepts.
    pub nonces: Nonces,
    /// The proofs that it has seen.
    pub replays: Replays,
}

impl Possession {
    /// With a key for nonces that other nodes may share, and room for so many proofs at a time.
    pub fn new(nonce_key: &[u8; 32], replays: usize) -> Self {
        Self { nonces: Nonces::new(nonce_key), replays: Replays::new(replays) }
    }
}
