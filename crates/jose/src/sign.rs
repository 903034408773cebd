//! Private signing keys: parsed once, bound to one algorithm, never printed.

use crate::{
    Alg, b64, der,
    jwk::{Ec, EcCurve, Jwk, KeyFault, Material, Okp, OkpCurve, Purpose, Rsa, RsaPrivate, Secret},
};
use aws_lc_rs::{
    encoding::{AsBigEndian as _, AsDer as _, EcPrivateKeyBin, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPairComponents, KeySize},
    signature::{
        self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
        RsaPublicKeyComponents, RsaSignatureEncoding,
    },
};
use serde::Serialize;
use std::fmt;
use zeroize::Zeroizing;

/// Signs with one algorithm. Never symmetric: HMAC keys are another type.
pub struct SigningKey {
    pair: Pair,
    alg: Alg,
    kid: String,
}

enum Pair {
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ecdsa(EcdsaKeyPair, EcCurve),
    Ed25519(Ed25519KeyPair),
}

/// The size of an RSA key to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaBits {
    /// 2048 bits: what every verifier accepts.
    B2048,
    /// 3072 bits: 128-bit security (NIST SP 800-57).
    B3072,
    /// 4096 bits.
    B4096,
}

/// Nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningFault {
    /// The header or the claims cannot be written as JSON.
    #[error("the header or the claims cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A header that must not be written.
    #[error(transparent)]
    Header(#[from] crate::jws::HeaderFault),
    /// The parts do not go together.
    #[error("{0}")]
    Shape(&'static str),
    /// The library failed, which happens when memory or entropy does.
    #[error("the cryptographic library could not sign")]
    Library,
}

/// The header of an access token: `alg`, `kid`, `typ`, in this order.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TokenHeader<'a> {
    alg: Alg,
    kid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<&'a str>,
}

impl SigningKey {
    /// A fresh key (RSA: 2048 bits) from the operating system's randomness; its `kid` is its thumbprint.
    pub fn generate(alg: Alg) -> Result<Self, KeyFault> {
        Self::generate_sized(alg, RsaBits::B2048)
    }

    /// A fresh key; `bits` matters to RSA only.
    pub fn generate_sized(alg: Alg, bits: RsaBits) -> Result<Self, KeyFault> {
        let pair = match alg {
            Alg::ES256 | Alg::ES384 | Alg::ES512 | Alg::ES256K => {
                let (algorithm, crv) = ecdsa(alg)?;
                Pair::Ecdsa(
                    EcdsaKeyPair::generate(algorithm).map_err(|_| KeyFault::Inconsistent)?,
                    crv,
                )
            }
            Alg::EdDSA | Alg::Ed25519 => {
                Pair::Ed25519(Ed25519KeyPair::generate().map_err(|_| KeyFault::Inconsistent)?)
            }
            Alg::HS256 | Alg::HS384 | Alg::HS512 => return Err(KeyFault::Symmetric),
            _ => {
                let pair = RsaKeyPair::generate(bits.size()).map_err(|_| KeyFault::Inconsistent)?;
                Pair::Rsa(pair, rsa_encoding(alg)?)
            }
        };
        Self::named(pair, alg, None)
    }

    /// Reads a PKCS#8 document (DER). Without a `kid` it gets its thumbprint for one.
    pub fn from_pkcs8(alg: Alg, pkcs8: &[u8], kid: Option<String>) -> Result<Self, KeyFault> {
        let pair = match alg {
            Alg::ES256 | Alg::ES384 | Alg::ES512 | Alg::ES256K => {
                let (algorithm, crv) = ecdsa(alg)?;
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8);
                Pair::Ecdsa(pair.map_err(|_| KeyFault::Inconsistent)?, crv)
            }
            Alg::EdDSA | Alg::Ed25519 => Pair::Ed25519(
                Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyFault::Inconsistent)?,
            ),
            Alg::HS256 | Alg::HS384 | Alg::HS512 => return Err(KeyFault::Symmetric),
            _ => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| KeyFault::Inconsistent)?;
                Pair::Rsa(pair, rsa_encoding(alg)?)
            }
        };
        Self::named(pair, alg, kid)
    }

    /// Reads a private JWK. `alg` as for [`crate::jwk::PublicKey::from_jwk`].
    pub fn from_jwk(jwk: &Jwk, alg: Option<Alg>) -> Result<Self, KeyFault> {
        let alg = jwk.signature_alg(alg)?;
        jwk.permits(Purpose::Sign)?;
        let pair = match &jwk.material {
            Material::Rsa(rsa) => Pair::Rsa(rsa.key_pair()?, rsa_encoding(alg)?),
            Material::Ec(ec) => {
                let d = ec.d.as_ref().ok_or(KeyFault::Public)?;
                let (algorithm, crv) = ecdsa(alg)?;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    algorithm,
                    d.expose(),
                    &ec.point(),
                );
                Pair::Ecdsa(pair.map_err(|_| KeyFault::Inconsistent)?, crv)
            }
            Material::Okp(okp) => {
                let d = okp.d.as_ref().ok_or(KeyFault::Public)?;
                let pair = Ed25519KeyPair::from_seed_and_public_key(d.expose(), &okp.x);
                Pair::Ed25519(pair.map_err(|_| KeyFault::Inconsistent)?)
            }
            Material::Oct(_) => return Err(KeyFault::Symmetric),
        };
        Self::named(pair, alg, jwk.kid.clone())
    }

    fn named(pair: Pair, alg: Alg, kid: Option<String>) -> Result<Self, KeyFault> {
        let mut key = Self { pair, alg, kid: String::new() };
        key.kid = match kid {
            Some(kid) => kid,
            None => key.public_jwk()?.thumbprint(),
        };
        Ok(key)
    }

    /// The same key under another name.
    #[must_use]
    pub fn with_kid(self, kid: impl Into<String>) -> Self {
        Self { kid: kid.into(), ..self }
    }

    /// The one algorithm.
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, marked `use: sig` and with `alg` and `kid`.
    pub fn public_jwk(&self) -> Result<Jwk, KeyFault> {
        let material = match &self.pair {
            Pair::Rsa(pair, _) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                Material::Rsa(Rsa { n: public.n, e: public.e, private: None })
            }
            Pair::Ecdsa(pair, crv) => {
                let ec = Ec::from_point(*crv, pair.public_key().as_ref(), None);
                Material::Ec(ec.ok_or(KeyFault::Point(crv.name()))?)
            }
            Pair::Ed25519(pair) => Material::Okp(Okp {
                crv: OkpCurve::Ed25519,
                x: pair.public_key().as_ref().to_vec(),
                d: None,
            }),
        };
        Ok(self.marked(material))
    }

    /// The whole key. Print it only with [`Jwk::to_private_json`].
    pub fn private_jwk(&self) -> Result<Jwk, KeyFault> {
        let mut jwk = self.public_jwk()?;
        match (&mut jwk.material, &self.pair) {
            (Material::Rsa(rsa), Pair::Rsa(..)) => {
                rsa.private = Some(RsaPrivate::from_pkcs8(&self.to_pkcs8()?)?);
            }
            (Material::Ec(ec), Pair::Ecdsa(pair, _)) => {
                let d: EcPrivateKeyBin<'_> =
                    pair.private_key().as_be_bytes().map_err(|_| KeyFault::Inconsistent)?;
                ec.d = Some(d.as_ref().to_vec().into());
            }
            (Material::Okp(okp), Pair::Ed25519(pair)) => {
                let seed = pair.seed().map_err(|_| KeyFault::Inconsistent)?;
                let seed = seed.as_be_bytes().map_err(|_| KeyFault::Inconsistent)?;
                okp.d = Some(seed.as_ref().to_vec().into());
            }
            _ => return Err(KeyFault::Inconsistent),
        }
        Ok(jwk)
    }

    /// The whole key as PKCS#8 (DER), wiped when dropped.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        let library = |_| KeyFault::Inconsistent;
        Ok(Zeroizing::new(match &self.pair {
            Pair::Rsa(pair, _) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(library)?;
                der.as_ref().to_vec()
            }
            Pair::Ecdsa(pair, _) => pair.to_pkcs8v1().map_err(library)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(library)?.as_ref().to_vec(),
        }))
    }

    fn marked(&self, material: Material) -> Jwk {
        Jwk {
            kid: (!self.kid.is_empty()).then(|| self.kid.clone()),
            alg: Some(self.alg.name().to_owned()),
            usage: Some("sig".to_owned()),
            key_ops: None,
            material,
        }
    }

    /// The protected header for a token of this type signed by this key.
    pub fn header<'a>(&'a self, typ: &'a str) -> TokenHeader<'a> {
        TokenHeader { alg: self.alg, kid: &self.kid, typ: Some(typ) }
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFault> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)
                    .map_err(|_| SigningFault::Library)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair, _) => {
                let signature = pair.sign(&random, message).map_err(|_| SigningFault::Library)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(message).map_err(|_| SigningFault::Library)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }

    /// A compact JWS (RFC 7515 §5.1). The header must say this key's `alg`: use [`SigningKey::header`],
    /// or a type of your own that starts with the same members.
    pub fn sign_compact(
        &self,
        header: &impl Serialize,
        claims: &impl Serialize,
    ) -> Result<String, SigningFault> {
        let claims = serde_json::to_vec(claims)?;
        let header = serde_json::to_vec(header)?;
        let mut token = String::with_capacity((header.len() + claims.len()) * 4 / 3 + 700);
        b64::encode_into(&header, &mut token);
        token.push('.');
        b64::encode_into(&claims, &mut token);
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        b64::encode_into(&signature, &mut token);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl RsaBits {
    pub(crate) const fn size(self) -> KeySize {
        match self {
            Self::B2048 => KeySize::Rsa2048,
            Self::B3072 => KeySize::Rsa3072,
            Self::B4096 => KeySize::Rsa4096,
        }
    }
}

impl Rsa {
    /// The pair, if the private half is here and fits the public one.
    pub(crate) fn key_pair(&self) -> Result<RsaKeyPair, KeyFault> {
        let private = self.private.as_ref().ok_or(KeyFault::Public)?;
        RsaKeyPair::from_components(&KeyPairComponents {
            public_key: RsaPublicKeyComponents { n: &self.n, e: &self.e },
            d: private.d.expose(),
            p: private.p.expose(),
            q: private.q.expose(),
            dP: private.dp.expose(),
            dQ: private.dq.expose(),
            qInv: private.qi.expose(),
        })
        .map_err(|_| KeyFault::Inconsistent)
    }
}

impl RsaPrivate {
    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyFault> {
        let [_, _, d, p, q, dp, dq, qi] =
            der::rsa_integers(pkcs8).ok_or(KeyFault::Inconsistent)?.map(Secret::new);
        Ok(Self { d, p, q, dp, dq, qi })
    }
}

fn ecdsa(alg: Alg) -> Result<(&'static EcdsaSigningAlgorithm, EcCurve), KeyFault> {
    Ok(match alg {
        Alg::ES256 => (&lc::ECDSA_P256_SHA256_FIXED_SIGNING, EcCurve::P256),
        Alg::ES384 => (&lc::ECDSA_P384_SHA384_FIXED_SIGNING, EcCurve::P384),
        Alg::ES512 => (&lc::ECDSA_P521_SHA512_FIXED_SIGNING, EcCurve::P521),
        Alg::ES256K => (&lc::ECDSA_P256K1_SHA256_FIXED_SIGNING, EcCurve::Secp256k1),
        other => return Err(KeyFault::Alg { key: "EC".into(), wanted: other.name().into() }),
    })
}

fn rsa_encoding(alg: Alg) -> Result<&'static RsaSignatureEncoding, KeyFault> {
    Ok(match alg {
        Alg::RS256 => &lc::RSA_PKCS1_SHA256,
        Alg::RS384 => &lc::RSA_PKCS1_SHA384,
        Alg::RS512 => &lc::RSA_PKCS1_SHA512,
        Alg::PS256 => &lc::RSA_PSS_SHA256,
        Alg::PS384 => &lc::RSA_PSS_SHA384,
        Alg::PS512 => &lc::RSA_PSS_SHA512,
        other => return Err(KeyFault::Alg { key: "RSA".into(), wanted: other.name().into() }),
    })
}
