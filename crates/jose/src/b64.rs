//! base64url without padding (RFC 7515 §2), one spelling per value.
//!
//! Padding, whitespace, the standard alphabet and non-zero trailing bits are all refused: a second
//! spelling of the same signature would be a second token to every cache and deny list.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The text is not canonical base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum B64Fault {
    /// A character outside `A–Z a–z 0–9 - _`, which includes padding and whitespace.
    #[error(
        "character {position} is not in the base64url alphabet (padding and spaces are not allowed)"
    )]
    Character {
        /// Counted in bytes from zero.
        position: usize,
    },
    /// No number of bytes encodes to this many characters.
    #[error("{length} characters cannot be base64url: one or two are missing")]
    Length {
        /// The length of the text.
        length: usize,
    },
    /// The unused low bits of the last character are not zero.
    #[error("the last character carries bits that do not belong to any byte")]
    TrailingBits,
}

/// Decodes, or says what is wrong.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, B64Fault> {
    let text = text.as_ref();
    URL_SAFE_NO_PAD.decode(text).map_err(|_| fault(text))
}

/// Encodes.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Encodes onto the end of `out`.
pub fn encode_into(bytes: impl AsRef<[u8]>, out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

fn fault(text: &[u8]) -> B64Fault {
    let outside = |b: &u8| !(b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_');
    match text.iter().position(outside) {
        Some(position) => B64Fault::Character { position },
        None if text.len() % 4 == 1 => B64Fault::Length { length: text.len() },
        None => B64Fault::TrailingBits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_spelling() {
        assert_eq!(decode("AQ").unwrap(), [1]);
        assert_eq!(decode("AR"), Err(B64Fault::TrailingBits));
        assert_eq!(decode("AQ=="), Err(B64Fault::Character { position: 2 }));
        assert_eq!(decode("A Q"), Err(B64Fault::Character { position: 1 }));
        assert_eq!(decode("a+/b"), Err(B64Fault::Character { position: 1 }));
        assert_eq!(decode("AAAAA"), Err(B64Fault::Length { length: 5 }));
        assert_eq!(decode("").unwrap(), Vec::<u8>::new());
    }
}
