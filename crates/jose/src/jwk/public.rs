//! A public key made ready for verification: parsed once, bound to exactly one algorithm.

use super::{Jwk, KeyFault, Material, OkpCurve, Purpose};
use crate::{Alg, jws::SignatureFault};
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use std::fmt;

/// Verifies signatures of one algorithm. The algorithm is the key's, never the token's (RFC 8725 §3.1).
#[derive(Clone)]
pub struct PublicKey {
    key: ParsedPublicKey,
    alg: Alg,
    kid: Option<String>,
    thumbprint: String,
}

impl PublicKey {
    /// Binds a key to one algorithm: the one it names, which `alg` may repeat; or, if it names none, `alg`
    /// or the only one that its curve has.
    ///
    /// Refuses shared secrets, keys for encryption, RSA outside 2048 to 8192 bits, points off the curve.
    pub fn from_jwk(jwk: &Jwk, alg: Option<Alg>) -> Result<Self, KeyFault> {
        let alg = jwk.signature_alg(alg)?;
        jwk.permits(Purpose::Verify)?;
        let key = match &jwk.material {
            Material::Rsa(rsa) => RsaPublicKeyComponents { n: &rsa.n, e: &rsa.e }
                .to_parsed_public_key(rsa_parameters(alg)?)
                .map_err(|_| KeyFault::Member { name: "n", expected: "an RSA modulus" })?,
            Material::Ec(ec) => ParsedPublicKey::new(ec_algorithm(alg)?, ec.point())
                .map_err(|_| KeyFault::Point(ec.crv.name()))?,
            Material::Okp(okp) => ParsedPublicKey::new(&lc::ED25519, &okp.x)
                .map_err(|_| KeyFault::Point(okp.crv.name()))?,
            Material::Oct(_) => return Err(KeyFault::Symmetric),
        };
        Ok(Self { key, alg, kid: jwk.kid.clone(), thumbprint: jwk.thumbprint() })
    }

    /// The one algorithm.
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// The name the issuer gave it.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Its RFC 7638 SHA-256 thumbprint: the same key has the same one, whatever its `kid`.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Checks a signature over `message`, with this key's algorithm.
    pub(crate) fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        // An ECDSA signature in DER, or with stripped zeros, would be a second spelling of the same.
        if let Some(expected) = self.alg.signature_length()
            && signature.len() != expected
        {
            return Err(SignatureFault::Length { alg: self.alg, expected, seen: signature.len() });
        }
        self.key.verify_sig(message, signature).map_err(|_| SignatureFault::Invalid)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

impl Jwk {
    /// The one signature algorithm for this key, if `wanted` and the key's own words agree.
    pub(crate) fn signature_alg(&self, wanted: Option<Alg>) -> Result<Alg, KeyFault> {
        let refuse = |key: &str, wanted: &str| KeyFault::Alg {
            key: crate::seen(key),
            wanted: wanted.to_owned(),
        };
        let purpose = wanted.map_or("signatures", Alg::name);
        let own = match &self.alg {
            None => None,
            Some(name) => Some(name.parse::<Alg>().map_err(|_| refuse(name, purpose))?),
        };
        let implied = match &self.material {
            Material::Ec(ec) => Some(ec.crv.alg()),
            Material::Okp(okp) => match okp.crv {
                OkpCurve::Ed25519 => Some(Alg::EdDSA),
                OkpCurve::X25519 => return Err(refuse("X25519 key agreement", purpose)),
            },
            Material::Rsa(_) | Material::Oct(_) => None,
        };
        let alg = own.or(wanted).or(implied).ok_or_else(|| KeyFault::NoAlg(self.kty()))?;
        for other in [wanted, implied].into_iter().flatten() {
            if !alg.is(other) {
                let against = if own.is_some() { other } else { wanted.unwrap_or(other) };
                return Err(refuse(own.or(implied).unwrap_or(alg).name(), against.name()));
            }
        }
        let fits = match &self.material {
            Material::Rsa(_) => alg.is_rsa(),
            Material::Ec(_) | Material::Okp(_) => true, // implied, compared above
            Material::Oct(_) => alg.is_symmetric(),
        };
        if fits { Ok(alg) } else { Err(refuse(self.kty(), alg.name())) }
    }
}

fn rsa_parameters(alg: Alg) -> Result<&'static RsaParameters, KeyFault> {
    Ok(match alg {
        Alg::RS256 => &lc::RSA_PKCS1_2048_8192_SHA256,
        Alg::RS384 => &lc::RSA_PKCS1_2048_8192_SHA384,
        Alg::RS512 => &lc::RSA_PKCS1_2048_8192_SHA512,
        Alg::PS256 => &lc::RSA_PSS_2048_8192_SHA256,
        Alg::PS384 => &lc::RSA_PSS_2048_8192_SHA384,
        Alg::PS512 => &lc::RSA_PSS_2048_8192_SHA512,
        other => return Err(unfit("RSA", other)),
    })
}

fn ec_algorithm(alg: Alg) -> Result<&'static lc::EcdsaVerificationAlgorithm, KeyFault> {
    Ok(match alg {
        Alg::ES256 => &lc::ECDSA_P256_SHA256_FIXED,
        Alg::ES384 => &lc::ECDSA_P384_SHA384_FIXED,
        Alg::ES512 => &lc::ECDSA_P521_SHA512_FIXED,
        Alg::ES256K => &lc::ECDSA_P256K1_SHA256_FIXED,
        other => return Err(unfit("EC", other)),
    })
}

pub(crate) fn unfit(kty: &str, alg: Alg) -> KeyFault {
    KeyFault::Alg { key: kty.to_owned(), wanted: alg.name().to_owned() }
}
