//! Fresh keys for encryption and HMAC, from the operating system's randomness. Signing keys come from
//! [`crate::SigningKey::generate`].

use super::{EcCurve, Jwk, KeyFault, Material, Rsa, RsaPrivate};
use crate::{
    RsaBits,
    jwe::agreement::{Curve, generate},
};
use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeyPair,
    signature::{KeyPair as _, RsaPublicKeyComponents},
};
use zeroize::Zeroizing;

/// A curve for ECDH-ES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgreementCurve {
    /// `P-256`.
    P256,
    /// `P-384`.
    P384,
    /// `P-521`.
    P521,
    /// `X25519` (RFC 8037).
    X25519,
}

impl Jwk {
    /// A shared secret of this many bytes.
    pub fn generate_secret(length: usize) -> Result<Self, KeyFault> {
        let mut secret = Zeroizing::new(vec![0; length]);
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| KeyFault::Inconsistent)?;
        Ok(Self::new(Material::Oct(super::Secret::new(secret))))
    }

    /// A key pair for ECDH-ES.
    pub fn generate_agreement(curve: AgreementCurve) -> Result<Self, KeyFault> {
        let curve = match curve {
            AgreementCurve::P256 => Curve::Ec(EcCurve::P256),
            AgreementCurve::P384 => Curve::Ec(EcCurve::P384),
            AgreementCurve::P521 => Curve::Ec(EcCurve::P521),
            AgreementCurve::X25519 => Curve::X25519,
        };
        generate(curve).ok_or(KeyFault::Inconsistent)
    }

    /// An RSA key pair.
    pub fn generate_rsa(bits: RsaBits) -> Result<Self, KeyFault> {
        let pair = KeyPair::generate(bits.size()).map_err(|_| KeyFault::Inconsistent)?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyFault::Inconsistent)?;
        let der = Zeroizing::new(der.as_ref().to_vec());
        let private = Some(RsaPrivate::from_pkcs8(&der)?);
        Ok(Self::new(Material::Rsa(Rsa { n: public.n, e: public.e, private })))
    }
}
