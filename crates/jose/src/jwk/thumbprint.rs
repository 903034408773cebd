//! JWK thumbprints (RFC 7638, RFC 8037 §2) and their URI form (RFC 9278).

use super::{Jwk, Material};
use crate::b64;
use aws_lc_rs::digest;

/// The hash of a thumbprint. SHA-256 is what everyone means unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The name in the Named Information registry, as RFC 9278 uses it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    const fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

impl Jwk {
    /// The SHA-256 thumbprint, base64url.
    pub fn thumbprint(&self) -> String {
        self.thumbprint_with(Hash::Sha256)
    }

    /// The thumbprint, base64url.
    pub fn thumbprint_with(&self, hash: Hash) -> String {
        b64::encode(digest::digest(hash.algorithm(), self.canonical().as_bytes()))
    }

    /// `urn:ietf:params:oauth:jwk-thumbprint:…`.
    pub fn thumbprint_uri(&self, hash: Hash) -> String {
        let thumbprint = self.thumbprint_with(hash);
        format!("urn:ietf:params:oauth:jwk-thumbprint:{}:{thumbprint}", hash.name())
    }

    /// RFC 7638 §3: the required members, in lexicographic order, with no space. No value here needs
    /// escaping: they are names of curves and base64url.
    fn canonical(&self) -> zeroize::Zeroizing<String> {
        let mut members = self.public_members();
        if let Material::Oct(secret) = &self.material {
            members.push(("k", b64::encode(secret.expose())));
        }
        members.push(("kty", self.kty().to_owned()));
        members.sort_unstable();
        let members: Vec<_> = members.iter().map(|(n, v)| format!("\"{n}\":\"{v}\"")).collect();
        zeroize::Zeroizing::new(format!("{{{}}}", members.join(",")))
    }
}
