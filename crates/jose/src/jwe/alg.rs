//! The algorithms of a JWE: how the content key travels (`alg`), how the content is encrypted (`enc`).

use crate::jwk::{EcCurve, Jwk, KeyFault, Material, OkpCurve};
use std::{fmt, str::FromStr};

/// A JWE `alg` value (RFC 7518 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlg {
    /// The shared secret is the content key.
    Dir,
    /// RSAES-PKCS1-v1_5. For decryption only: it is broken against anyone who may ask often.
    Rsa15,
    /// RSAES-OAEP, with this hash.
    RsaOaep(Sha),
    /// AES key wrap (RFC 3394), with a key of this size.
    Kw(Aes),
    /// AES-GCM key wrap, with a key of this size.
    GcmKw(Aes),
    /// ECDH-ES; the agreed key is the content key, or wraps it with AES of this size.
    EcdhEs(Option<Aes>),
    /// PBES2 with HMAC and AES key wrap of this size.
    Pbes2(Aes),
}

/// The hash of RSAES-OAEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sha {
    /// SHA-1, which OAEP does not need to be collision resistant.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The size of an AES key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aes {
    /// 128 bits.
    A128,
    /// 192 bits.
    A192,
    /// 256 bits.
    A256,
}

/// A JWE `enc` value (RFC 7518 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enc {
    /// AES-GCM.
    Gcm(Aes),
    /// AES-CBC with HMAC-SHA2, for an AES key of this size.
    CbcHmac(Aes),
}

impl Aes {
    /// The length of the key, in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::A128 => 16,
            Self::A192 => 24,
            Self::A256 => 32,
        }
    }
}

const KEY_ALGS: [(KeyAlg, &str); 19] = [
    (KeyAlg::Dir, "dir"),
    (KeyAlg::Rsa15, "RSA1_5"),
    (KeyAlg::RsaOaep(Sha::Sha1), "RSA-OAEP"),
    (KeyAlg::RsaOaep(Sha::Sha256), "RSA-OAEP-256"),
    (KeyAlg::RsaOaep(Sha::Sha384), "RSA-OAEP-384"),
    (KeyAlg::RsaOaep(Sha::Sha512), "RSA-OAEP-512"),
    (KeyAlg::Kw(Aes::A128), "A128KW"),
    (KeyAlg::Kw(Aes::A192), "A192KW"),
    (KeyAlg::Kw(Aes::A256), "A256KW"),
    (KeyAlg::GcmKw(Aes::A128), "A128GCMKW"),
    (KeyAlg::GcmKw(Aes::A192), "A192GCMKW"),
    (KeyAlg::GcmKw(Aes::A256), "A256GCMKW"),
    (KeyAlg::EcdhEs(None), "ECDH-ES"),
    (KeyAlg::EcdhEs(Some(Aes::A128)), "ECDH-ES+A128KW"),
    (KeyAlg::EcdhEs(Some(Aes::A192)), "ECDH-ES+A192KW"),
    (KeyAlg::EcdhEs(Some(Aes::A256)), "ECDH-ES+A256KW"),
    (KeyAlg::Pbes2(Aes::A128), "PBES2-HS256+A128KW"),
    (KeyAlg::Pbes2(Aes::A192), "PBES2-HS384+A192KW"),
    (KeyAlg::Pbes2(Aes::A256), "PBES2-HS512+A256KW"),
];

const ENCS: [(Enc, &str); 6] = [
    (Enc::Gcm(Aes::A128), "A128GCM"),
    (Enc::Gcm(Aes::A192), "A192GCM"),
    (Enc::Gcm(Aes::A256), "A256GCM"),
    (Enc::CbcHmac(Aes::A128), "A128CBC-HS256"),
    (Enc::CbcHmac(Aes::A192), "A192CBC-HS384"),
    (Enc::CbcHmac(Aes::A256), "A256CBC-HS512"),
];

impl KeyAlg {
    /// Every algorithm.
    pub fn all() -> impl Iterator<Item = Self> {
        KEY_ALGS.into_iter().map(|(alg, _)| alg)
    }

    /// The value of the `alg` member.
    pub fn name(self) -> &'static str {
        KEY_ALGS.into_iter().find(|(alg, _)| *alg == self).map_or("", |(_, name)| name)
    }

    /// Whether the content key is not ours to choose, so that there can be one recipient only.
    pub const fn is_direct(self) -> bool {
        matches!(self, Self::Dir | Self::EcdhEs(None))
    }

    /// Whether the key is of the right type and size, and says nothing against this algorithm.
    pub(crate) fn fits(self, jwk: &Jwk, enc: Enc) -> Result<(), KeyFault> {
        let refuse = |key: &str| {
            Err(KeyFault::Alg { key: crate::seen(key), wanted: self.name().to_owned() })
        };
        if let Some(own) = jwk.alg.as_deref() {
            // RFC 7520 §5.6 labels a direct key with the content encryption that it is for.
            let direct = self == Self::Dir && own == enc.name();
            if own != self.name() && !direct {
                return refuse(own);
            }
        }
        let length = match (self, &jwk.material) {
            (Self::Rsa15 | Self::RsaOaep(_), Material::Rsa(_))
            | (Self::Pbes2(_), Material::Oct(_)) => return Ok(()),
            (Self::EcdhEs(_), Material::Ec(ec)) if ec.crv != EcCurve::Secp256k1 => return Ok(()),
            (Self::EcdhEs(_), Material::Okp(okp)) if okp.crv == OkpCurve::X25519 => return Ok(()),
            (Self::Dir, Material::Oct(_)) => enc.key_length(),
            (Self::Kw(aes) | Self::GcmKw(aes), Material::Oct(_)) => aes.length(),
            (_, Material::Ec(ec)) => return refuse(ec.crv.name()),
            (_, Material::Okp(okp)) => return refuse(okp.crv.name()),
            (_, _) => return refuse(jwk.kty()),
        };
        match &jwk.material {
            Material::Oct(secret) if secret.expose().len() != length => {
                let alg = if self == Self::Dir { enc.name() } else { self.name() };
                Err(KeyFault::Size {
                    alg: alg.to_owned(),
                    expected: format!("{} bits", length * 8),
                    bits: secret.expose().len() * 8,
                })
            }
            _ => Ok(()),
        }
    }
}

impl Enc {
    /// Every content encryption.
    pub fn all() -> impl Iterator<Item = Self> {
        ENCS.into_iter().map(|(enc, _)| enc)
    }

    /// The value of the `enc` member.
    pub fn name(self) -> &'static str {
        ENCS.into_iter().find(|(enc, _)| *enc == self).map_or("", |(_, name)| name)
    }

    /// The length of the content key, in bytes.
    pub const fn key_length(self) -> usize {
        match self {
            Self::Gcm(aes) => aes.length(),
            Self::CbcHmac(aes) => aes.length() * 2,
        }
    }

    /// The length of the initialization vector, in bytes.
    pub const fn iv_length(self) -> usize {
        match self {
            Self::Gcm(_) => 12,
            Self::CbcHmac(_) => 16,
        }
    }

    /// The length of the authentication tag, in bytes.
    pub const fn tag_length(self) -> usize {
        match self {
            Self::Gcm(_) => 16,
            Self::CbcHmac(aes) => aes.length(),
        }
    }
}

impl fmt::Display for KeyAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Enc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is none of the supported encryption algorithms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a supported encryption algorithm")]
pub struct UnknownKeyAlg(pub String);

impl FromStr for KeyAlg {
    type Err = UnknownKeyAlg;

    fn from_str(name: &str) -> Result<Self, UnknownKeyAlg> {
        let known = KEY_ALGS.into_iter().find(|(_, n)| *n == name);
        known.map(|(alg, _)| alg).ok_or_else(|| UnknownKeyAlg(crate::seen(name)))
    }
}

impl FromStr for Enc {
    type Err = UnknownKeyAlg;

    fn from_str(name: &str) -> Result<Self, UnknownKeyAlg> {
        let known = ENCS.into_iter().find(|(_, n)| *n == name);
        known.map(|(enc, _)| enc).ok_or_else(|| UnknownKeyAlg(crate::seen(name)))
    }
}
