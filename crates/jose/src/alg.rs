//! The signature algorithms (RFC 7518 §3.1, RFC 8037, RFC 8812, RFC 9864). `none` is not a value.

use std::{fmt, str::FromStr};

/// A JWS `alg` value. The set is closed: what is not listed cannot be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256, salt as long as the hash.
    PS256,
    /// RSASSA-PSS with SHA-384, salt as long as the hash.
    PS384,
    /// RSASSA-PSS with SHA-512, salt as long as the hash.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// ECDSA on secp256k1 with SHA-256 (RFC 8812).
    ES256K,
    /// Ed25519 under its older, polymorphic name (RFC 8037).
    EdDSA,
    /// Ed25519 under its fully specified name (RFC 9864).
    Ed25519,
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

impl Alg {
    /// Every algorithm, in the order of the registry.
    pub const ALL: [Self; 15] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::ES256K,
        Self::EdDSA,
        Self::Ed25519,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// Those of FAPI 2.0 (Security Profile §5.4.1), with Ed25519 under both of its names.
    pub const FAPI: [Self; 4] = [Self::PS256, Self::ES256, Self::EdDSA, Self::Ed25519];

    /// The value of the `alg` member.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::ES256K => "ES256K",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// HMAC: whoever can verify can also sign, so such a key is never published.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// RSA, with either padding.
    pub const fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512
        )
    }

    /// The same algorithm. `EdDSA` and `Ed25519` are two names for one, since no other EdDSA curve is
    /// supported here (RFC 9864 §2.2).
    pub const fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::EdDSA | Self::Ed25519, Self::EdDSA | Self::Ed25519) => true,
            (a, b) => a as u8 == b as u8,
        }
    }

    /// The `crv` that this algorithm needs, for elliptic curves.
    pub const fn curve(self) -> Option<&'static str> {
        match self {
            Self::ES256 => Some("P-256"),
            Self::ES384 => Some("P-384"),
            Self::ES512 => Some("P-521"),
            Self::ES256K => Some("secp256k1"),
            Self::EdDSA | Self::Ed25519 => Some("Ed25519"),
            _ => None,
        }
    }

    /// The exact length of a signature in bytes, where the algorithm fixes one (RFC 7518 §3.4).
    pub const fn signature_length(self) -> Option<usize> {
        match self {
            Self::ES256 | Self::ES256K | Self::EdDSA | Self::Ed25519 | Self::HS512 => Some(64),
            Self::ES384 => Some(96),
            Self::ES512 => Some(132),
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            _ => None,
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is none of the supported signature algorithms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a supported signature algorithm")]
pub struct UnknownAlg(pub String);

impl FromStr for Alg {
    type Err = UnknownAlg;

    /// Case-sensitive, as RFC 7515 §4.1.1 says: `none`, `NONE` and `hs256` are all unknown.
    fn from_str(name: &str) -> Result<Self, UnknownAlg> {
        Self::ALL
            .into_iter()
            .find(|alg| alg.name() == name)
            .ok_or_else(|| UnknownAlg(crate::seen(name)))
    }
}

impl serde::Serialize for Alg {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Alg {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}
