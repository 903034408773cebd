//! `zip: DEF` (RFC 7516 §4.1.3), with a bound on what comes out.

use flate2::{Compression, bufread::DeflateDecoder, write::DeflateEncoder};
use std::io::{Read as _, Write as _};
use zeroize::Zeroizing;

/// A compressed plaintext may inflate to this many bytes.
pub const MAX_INFLATED: usize = 250 * 1024;

/// Why nothing was inflated.
pub(super) enum ZipFault {
    Corrupt,
    TooLong,
}

/// Raw DEFLATE (RFC 1951).
pub(super) fn deflate(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// The reverse; never more than [`MAX_INFLATED`] bytes are made.
pub(super) fn inflate(packed: &[u8]) -> Result<Zeroizing<Vec<u8>>, ZipFault> {
    let mut plain = Zeroizing::new(Vec::new());
    let limit = u64::try_from(MAX_INFLATED).unwrap_or(u64::MAX).saturating_add(1);
    let mut decoder = DeflateDecoder::new(packed).take(limit);
    decoder.read_to_end(&mut plain).map_err(|_| ZipFault::Corrupt)?;
    if plain.len() > MAX_INFLATED { Err(ZipFault::TooLong) } else { Ok(plain) }
}
