//! HMAC keys (RFC 7518 §3.2). For use between parties that share a secret; never in a published set.

use super::SignatureFault;
use crate::{
    Alg,
    jwk::{Jwk, KeyFault, Material, Purpose},
};
use aws_lc_rs::hmac;
use std::fmt;

/// A shared secret bound to one HMAC algorithm.
#[derive(Clone)]
pub struct MacKey {
    key: hmac::Key,
    alg: Alg,
    kid: Option<String>,
}

impl MacKey {
    /// Binds a shared secret to its algorithm. Refuses one shorter than the hash.
    pub fn from_jwk(jwk: &Jwk, alg: Option<Alg>, purpose: Purpose) -> Result<Self, KeyFault> {
        let alg = jwk.signature_alg(alg)?;
        jwk.permits(purpose)?;
        let Material::Oct(secret) = &jwk.material else {
            return Err(KeyFault::Alg { key: jwk.kty().to_owned(), wanted: alg.name().to_owned() });
        };
        let (algorithm, length) = match alg {
            Alg::HS384 => (hmac::HMAC_SHA384, 48),
            Alg::HS512 => (hmac::HMAC_SHA512, 64),
            _ => (hmac::HMAC_SHA256, 32), // signature_alg gave a symmetric one
        };
        let secret = secret.expose();
        if secret.len() < length {
            return Err(KeyFault::Size {
                alg: alg.name().to_owned(),
                expected: format!("at least {} bits", length * 8),
                bits: secret.len() * 8,
            });
        }
        Ok(Self { key: hmac::Key::new(algorithm, secret), alg, kid: jwk.kid.clone() })
    }

    /// The one algorithm.
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// Its name, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The MAC over `message`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, message).as_ref().to_vec()
    }

    /// Compares in constant time; a truncated MAC is none.
    pub(crate) fn check(&self, message: &[u8], mac: &[u8]) -> Result<(), SignatureFault> {
        let expected = self.alg.signature_length().unwrap_or(32);
        if mac.len() != expected {
            return Err(SignatureFault::Length { alg: self.alg, expected, seen: mac.len() });
        }
        hmac::verify(&self.key, message, mac).map_err(|_| SignatureFault::Invalid)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacKey")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
