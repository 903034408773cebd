//! A JWK as a value: what it is, what it says it is for.

use super::KeyFault;
use std::fmt;
use zeroize::Zeroizing;

/// One key. `Debug` and `Serialize` show its public members only; see [`Jwk::to_private_json`].
#[derive(Clone)]
pub struct Jwk {
    /// `kid`.
    pub kid: Option<String>,
    /// `alg`, as written.
    pub alg: Option<String>,
    /// `use`, as written.
    pub usage: Option<String>,
    /// `key_ops`, as written.
    pub key_ops: Option<Vec<String>>,
    /// The key itself.
    pub material: Material,
}

/// The members that belong to a `kty`.
#[derive(Clone)]
pub enum Material {
    /// `kty: RSA`.
    Rsa(Rsa),
    /// `kty: EC`.
    Ec(Ec),
    /// `kty: OKP`.
    Okp(Okp),
    /// `kty: oct`, the secret itself.
    Oct(Secret),
}

/// An RSA key, big-endian without leading zeros.
#[derive(Clone)]
pub struct Rsa {
    /// Modulus.
    pub n: Vec<u8>,
    /// Public exponent.
    pub e: Vec<u8>,
    /// The private half.
    pub private: Option<RsaPrivate>,
}

/// The private half of an RSA key (RFC 7518 §6.3.2).
#[derive(Clone)]
pub struct RsaPrivate {
    /// Private exponent.
    pub d: Secret,
    /// First prime factor.
    pub p: Secret,
    /// Second prime factor.
    pub q: Secret,
    /// `d mod (p - 1)`.
    pub dp: Secret,
    /// `d mod (q - 1)`.
    pub dq: Secret,
    /// `q^-1 mod p`.
    pub qi: Secret,
}

/// An elliptic curve key; coordinates padded to the length of the field.
#[derive(Clone)]
pub struct Ec {
    /// Curve.
    pub crv: EcCurve,
    /// X coordinate.
    pub x: Vec<u8>,
    /// Y coordinate.
    pub y: Vec<u8>,
    /// The private half.
    pub d: Option<Secret>,
}

/// An octet key pair (RFC 8037).
#[derive(Clone)]
pub struct Okp {
    /// Curve.
    pub crv: OkpCurve,
    /// Public key.
    pub x: Vec<u8>,
    /// The private half.
    pub d: Option<Secret>,
}

/// The curves of `kty: EC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EcCurve {
    /// `P-256`.
    P256,
    /// `P-384`.
    P384,
    /// `P-521`.
    P521,
    /// `secp256k1` (RFC 8812).
    Secp256k1,
}

/// The curves of `kty: OKP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OkpCurve {
    /// For signatures.
    Ed25519,
    /// For key agreement.
    X25519,
}

/// Bytes that are wiped when dropped and that do not print.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes.
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes, for a primitive.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl EcCurve {
    /// The value of `crv`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
        }
    }

    /// The length of a coordinate and of `d`, in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The only signature algorithm on this curve (RFC 7518 §3.4).
    pub const fn alg(self) -> crate::Alg {
        match self {
            Self::P256 => crate::Alg::ES256,
            Self::P384 => crate::Alg::ES384,
            Self::P521 => crate::Alg::ES512,
            Self::Secp256k1 => crate::Alg::ES256K,
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521, Self::Secp256k1].into_iter().find(|c| c.name() == name)
    }
}

impl OkpCurve {
    /// The value of `crv`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::X25519 => "X25519",
        }
    }
}

impl Ec {
    /// The uncompressed point (SEC 1 §2.3.3).
    pub(crate) fn point(&self) -> Vec<u8> {
        [&[4], self.x.as_slice(), self.y.as_slice()].concat()
    }

    /// Splits an uncompressed point of this curve.
    pub(crate) fn from_point(crv: EcCurve, point: &[u8], d: Option<Secret>) -> Option<Self> {
        let (_, coordinates) = point.split_first().filter(|(form, _)| **form == 4)?;
        let (x, y) = coordinates.split_at_checked(crv.length())?;
        (y.len() == crv.length()).then(|| Self { crv, x: x.to_vec(), y: y.to_vec(), d })
    }
}

impl Rsa {
    /// The size of the modulus.
    pub fn bits(&self) -> usize {
        let first = self.n.first().map_or(8, |b| b.leading_zeros() as usize);
        (self.n.len() * 8).saturating_sub(first)
    }
}

/// What a key is about to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Make a signature or MAC.
    Sign,
    /// Check a signature or MAC.
    Verify,
    /// Encrypt content or a key, or agree on one as the sender.
    Encrypt,
    /// The reverse.
    Decrypt,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }

    const fn usage(self) -> &'static str {
        match self {
            Self::Sign | Self::Verify => "sig",
            Self::Encrypt | Self::Decrypt => "enc",
        }
    }

    /// The `key_ops` that cover it. A private key marked for the private operation serves for its public
    /// counterpart too, since that needs the public half only.
    const fn operations(self) -> &'static [&'static str] {
        match self {
            Self::Sign => &["sign"],
            Self::Verify => &["verify", "sign"],
            Self::Encrypt => {
                &["encrypt", "wrapKey", "decrypt", "unwrapKey", "deriveKey", "deriveBits"]
            }
            Self::Decrypt => &["decrypt", "unwrapKey", "deriveKey", "deriveBits"],
        }
    }
}

impl Jwk {
    /// A key that says nothing about itself.
    pub const fn new(material: Material) -> Self {
        Self { kid: None, alg: None, usage: None, key_ops: None, material }
    }

    /// The value of `kty`.
    pub const fn kty(&self) -> &'static str {
        match self.material {
            Material::Rsa(_) => "RSA",
            Material::Ec(_) => "EC",
            Material::Okp(_) => "OKP",
            Material::Oct(_) => "oct",
        }
    }

    /// Whether the private half is here; a shared secret counts as private.
    pub const fn is_private(&self) -> bool {
        match &self.material {
            Material::Rsa(rsa) => rsa.private.is_some(),
            Material::Ec(ec) => ec.d.is_some(),
            Material::Okp(okp) => okp.d.is_some(),
            Material::Oct(_) => true,
        }
    }

    /// The public half, marked as before.
    pub fn public(&self) -> Result<Self, KeyFault> {
        let material = match &self.material {
            Material::Rsa(rsa) => Material::Rsa(Rsa { private: None, ..rsa.clone() }),
            Material::Ec(ec) => Material::Ec(Ec { d: None, ..ec.clone() }),
            Material::Okp(okp) => Material::Okp(Okp { d: None, ..okp.clone() }),
            Material::Oct(_) => return Err(KeyFault::Symmetric),
        };
        Ok(Self { material, ..self.clone() })
    }

    /// Whether `use` and `key_ops` allow it. A key that says nothing may serve for anything.
    pub fn permits(&self, purpose: Purpose) -> Result<(), KeyFault> {
        let refused = |member| Err(KeyFault::Purpose { member, purpose: purpose.name() });
        if self.usage.as_deref().is_some_and(|usage| usage != purpose.usage()) {
            return refused("use");
        }
        let covers = |ops: &Vec<String>| ops.iter().any(|op| purpose.operations().contains(&&**op));
        if self.key_ops.as_ref().is_some_and(|ops| !covers(ops)) {
            return refused("key_ops");
        }
        Ok(())
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("kty", &self.kty())
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}
