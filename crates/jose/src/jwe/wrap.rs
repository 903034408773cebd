//! Symmetric key wrapping: AES-KW (RFC 3394), AES-GCM and PBES2 (RFC 7518 §4.4, §4.7, §4.8).

use super::{
    alg::{Aes, KeyAlg},
    content::{self, Sealed},
};
use aes_kw::{KeyInit as _, KwAes192};
use aws_lc_rs::{
    key_wrap::{AES_128, AES_256, AesKek, KeyWrap as _},
    pbkdf2,
};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

type Secret = Zeroizing<Vec<u8>>;

/// Fewer iterations do not protect a password; more are a denial of service.
pub(super) const ITERATIONS: std::ops::RangeInclusive<u32> = 1000..=1_000_000;

/// Iterations for what we encrypt (OWASP's advice for PBKDF2 with HMAC-SHA-256).
pub(super) const DEFAULT_ITERATIONS: u32 = 600_000;

/// Wraps `key`. `None` if the library fails.
pub(super) fn wrap(aes: Aes, kek: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; key.len() + 8];
    match aes {
        Aes::A128 => {
            AesKek::new(&AES_128, kek).ok()?.wrap(key, &mut out).ok()?;
        }
        Aes::A192 => {
            KwAes192::new_from_slice(kek).ok()?.wrap_key(key, &mut out).ok()?;
        }
        Aes::A256 => {
            AesKek::new(&AES_256, kek).ok()?.wrap(key, &mut out).ok()?;
        }
    }
    Some(out)
}

/// Unwraps `wrapped`.
pub(super) fn unwrap(aes: Aes, kek: &[u8], wrapped: &[u8]) -> Option<Secret> {
    let length = wrapped.len().checked_sub(8)?;
    let mut out = Zeroizing::new(vec![0; length]);
    match aes {
        Aes::A128 => {
            // The library wants room for the whole input.
            out.resize(wrapped.len(), 0);
            AesKek::new(&AES_128, kek).ok()?.unwrap(wrapped, &mut out).ok()?;
        }
        Aes::A192 => {
            KwAes192::new_from_slice(kek).ok()?.unwrap_key(wrapped, &mut out).ok()?;
        }
        Aes::A256 => {
            out.resize(wrapped.len(), 0);
            AesKek::new(&AES_256, kek).ok()?.unwrap(wrapped, &mut out).ok()?;
        }
    }
    out.truncate(length);
    Some(out)
}

/// Wraps with AES-GCM under a fresh vector.
pub(super) fn gcm_wrap(aes: Aes, kek: &[u8], key: &[u8]) -> Option<Sealed> {
    let mut iv = vec![0; 12];
    aws_lc_rs::rand::fill(&mut iv).ok()?;
    let (ciphertext, tag) = content::gcm_seal(aes, kek, &iv, &[], key)?;
    Some(Sealed { iv, ciphertext, tag })
}

/// Unwraps with AES-GCM.
pub(super) fn gcm_unwrap(aes: Aes, kek: &[u8], wrapped: &Sealed) -> Option<Secret> {
    content::gcm_open(aes, kek, &[], wrapped)
}

/// RFC 7518 §4.8.1.1: the salt is the algorithm's name, a zero, and `p2s`.
pub(super) fn password_key(
    aes: Aes,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
) -> Option<Secret> {
    let algorithm = match aes {
        Aes::A128 => pbkdf2::PBKDF2_HMAC_SHA256,
        Aes::A192 => pbkdf2::PBKDF2_HMAC_SHA384,
        Aes::A256 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    let salt = [KeyAlg::Pbes2(aes).name().as_bytes(), &[0], salt].concat();
    let mut kek = Zeroizing::new(vec![0; aes.length()]);
    pbkdf2::derive(algorithm, NonZeroU32::new(iterations)?, &salt, password, &mut kek);
    Some(kek)
}
