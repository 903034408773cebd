//! Keys that somebody else made. One that could be guessed is refused: a fast hash protects it no better than none.

use crate::opaque::{self, Hash};
use std::fmt;

const SHORTEST: usize = 20;
const LONGEST: usize = 512;
/// In decimal digits of guesses, as zxcvbn estimates, which counts no further than 2^64.
const GUESSES: f64 = 19.0;
const ENOUGH_LETTERS: usize = 8;

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyHash(pub(super) Hash);

/// Why a key is not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakApiKey {
    /// Too short to withstand guessing, or too long.
    #[error("the key must be {SHORTEST} to {LONGEST} characters long")]
    Length,
    /// Headers and forms would change it.
    #[error("the key must be visible ASCII without spaces")]
    Character,
    /// It follows a pattern, or is made of words.
    #[error(
        "the key could be guessed: it is made of words, or repeats itself; make a new one with \
         'portcullis api-key add'"
    )]
    Guessable,
    /// No SHA-256.
    #[error("a SHA-256 is 64 hexadecimal digits")]
    Digest,
    /// That of a text that anybody would try.
    #[error("this is the SHA-256 of nothing, or of a line end")]
    Empty,
    /// One of ours is registered already.
    #[error("keys that begin with pck_ are made here, with 'portcullis api-key add'")]
    Prefix,
}

impl ApiKeyHash {
    /// Of a key as it is sent, if it is hard enough to guess.
    pub fn of(key: &str) -> Result<Self, WeakApiKey> {
        if key.starts_with(super::API_KEY_PREFIX) {
            return Err(WeakApiKey::Prefix);
        }
        if !(SHORTEST..=LONGEST).contains(&key.len()) {
            return Err(WeakApiKey::Length);
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(WeakApiKey::Character);
        }
        let mut letters: Vec<u8> = key.bytes().collect();
        letters.sort_unstable();
        letters.dedup();
        let guesses = zxcvbn::zxcvbn(key, &[]).guesses_log10();
        if letters.len() < ENOUGH_LETTERS || guesses < GUESSES {
            return Err(WeakApiKey::Guessable);
        }
        Ok(Self(opaque::sha256(key.as_bytes())))
    }

    /// As `sha256sum` prints it. Whether the key can be guessed, nobody sees from that.
    pub fn from_hex(text: &str) -> Result<Self, WeakApiKey> {
        let digits: Option<Vec<u32>> =
            text.trim().chars().map(|digit| digit.to_digit(16)).collect();
        let digits = digits.ok_or(WeakApiKey::Digest)?;
        let bytes = digits.chunks_exact(2).map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).unwrap_or_default(),
            _ => 0,
        });
        let bytes: Vec<u8> = bytes.collect();
        let hash = <Hash>::try_from(bytes).map_err(|_| WeakApiKey::Digest)?;
        if digits.len() != 64 {
            return Err(WeakApiKey::Digest);
        }
        if ["", "\n", "\r\n"].iter().any(|empty| opaque::sha256(empty.as_bytes()) == hash) {
            return Err(WeakApiKey::Empty);
        }
        Ok(Self(hash))
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_guessed_is_not_taken_over() {
        for (key, wanted) in [
            ("short", WeakApiKey::Length),
            ("sk-live-0123456789", WeakApiKey::Length),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", WeakApiKey::Guessable),
            ("passwordpasswordpassword", WeakApiKey::Guessable),
            ("acme-production-secret-key", WeakApiKey::Guessable),
            ("12345678901234567890123456", WeakApiKey::Guessable),
            ("qwertyuiopasdfghjklzxcvbnm", WeakApiKey::Guessable),
            ("kJ8f2mQz9x L4vT7cR1nB6wY", WeakApiKey::Character),
            ("pck_01j8.kJ8f2mQz9xL4vT7cR1nB6wY", WeakApiKey::Prefix),
        ] {
            assert_eq!(ApiKeyHash::of(key), Err(wanted), "{key}");
        }
        assert_eq!(ApiKeyHash::of(&"kJ8f2mQz9xL4vT7cR1nB6wY".repeat(30)), Err(WeakApiKey::Length));
        for good in [
            "kJ8f2mQz9xL4vT7cR1nB6wYp",
            "sk-proj-8dK2mVq0ZtR5xWc7LhN3yBf1",
            "3f2b8c1e-77aa-4d10-9b6e-5c2f0a9d4e83",
            "9b74c9897bac770ffc029102a200c5de",
        ] {
            assert!(ApiKeyHash::of(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_digest_is_that_of_the_whole_key() {
        let key = "sk-proj-8dK2mVq0ZtR5xWc7LhN3yBf1";
        let hash = ApiKeyHash::of(key).unwrap();
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
        let hex: String = hash.0.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect();
        assert_eq!(ApiKeyHash::from_hex(&hex), Ok(hash));
        assert_eq!(ApiKeyHash::from_hex(&hex.to_uppercase()), Ok(hash));
        let one_less = hex.split_at(63).0;
        for bad in ["", "zz", one_less, &format!("{hex}0"), &format!("{hex}00")] {
            assert_eq!(ApiKeyHash::from_hex(bad), Err(WeakApiKey::Digest), "{bad}");
        }
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(ApiKeyHash::from_hex(nothing), Err(WeakApiKey::Empty));
    }
}
