//! The arithmetic of the chain: what a hash and a seal are made of.

use aws_lc_rs::{digest, hmac};
use portcullis_store::StoreFault;
use std::fmt;

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// The hash before the first record.
pub(crate) const GENESIS: Hash = [0; 32];

/// A place in the chain and the hash there. Kept away from the database, it proves later that
/// nothing up to it was rewritten or cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The sequence number of a record, from 1.
    pub seq: u64,
    /// The hash that follows that record.
    pub hash: [u8; 32],
}

/// The key of the seals. It must not be kept with the database; prints nothing.
#[derive(Clone)]
pub struct AuditKey(hmac::Key);

impl AuditKey {
    /// From 32 secret bytes that are used for nothing else.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The tag over a purpose and fields of fixed length, so that no two inputs look the same.
    pub(crate) fn seal(&self, purpose: [u8; 6], numbers: &[u64], hashes: &[&Hash]) -> Hash {
        let mut context = hmac::Context::with_key(&self.0);
        feed(purpose, numbers, hashes, |bytes| context.update(bytes));
        let tag = context.sign();
        tag.as_ref().try_into().unwrap_or(GENESIS)
    }

    /// Whether `tag` is [`seal`](Self::seal) of the same fields; in constant time.
    pub(crate) fn holds(
        &self,
        tag: &[u8],
        purpose: [u8; 6],
        numbers: &[u64],
        hashes: &[&Hash],
    ) -> bool {
        let mut bytes = Vec::with_capacity(160);
        feed(purpose, numbers, hashes, |part| bytes.extend_from_slice(part));
        hmac::verify(&self.0, &bytes, tag).is_ok()
    }
}

fn feed(purpose: [u8; 6], numbers: &[u64], hashes: &[&Hash], mut sink: impl FnMut(&[u8])) {
    sink(&purpose);
    for number in numbers {
        sink(&number.to_be_bytes());
    }
    for hash in hashes {
        sink(&hash[..]);
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey")
    }
}

/// Hashes record after record. The parts are laid side by side first: one call over few hundred
/// bytes costs far less than a context that is fed three times.
#[derive(Default)]
pub(crate) struct Linker(Vec<u8>);

impl Linker {
    /// The hash that follows a record.
    pub(crate) fn link(&mut self, previous: &Hash, seq: u64, json: &[u8]) -> Hash {
        self.0.clear();
        self.0.extend_from_slice(previous);
        self.0.extend_from_slice(&seq.to_be_bytes());
        self.0.extend_from_slice(json);
        digest::digest(&digest::SHA256, &self.0).as_ref().try_into().unwrap_or(GENESIS)
    }
}

/// Sequence numbers are stored as BIGINT; one outside of 0..2^63 was never written by us.
pub(crate) fn seq(stored: i64) -> Result<u64, StoreFault> {
    u64::try_from(stored).map_err(|_| StoreFault::rejected("a sequence number is negative"))
}

pub(crate) fn stored(seq: u64) -> Result<i64, StoreFault> {
    i64::try_from(seq).map_err(|_| StoreFault::rejected("the audit chain is at its end"))
}
