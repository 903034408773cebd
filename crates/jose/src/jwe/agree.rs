//! ECDH-ES (RFC 7518 §4.6, RFC 8037 §3.2): an ephemeral key, an agreement, one round of Concat KDF.

use super::alg::{Enc, KeyAlg};
use crate::{
    jwk::{Ec, EcCurve, Jwk, KeyFault, Material, Okp, OkpCurve, Secret},
    jws::HeaderFault,
    params::Params,
};
use aws_lc_rs::{
    agreement::{self, Algorithm, PrivateKey, UnparsedPublicKey},
    encoding::{AsBigEndian as _, Curve25519SeedBin, EcPrivateKeyBin},
    error::Unspecified,
    kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest},
};
use zeroize::Zeroizing;

/// A curve to agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    Ec(EcCurve),
    X25519,
}

impl Curve {
    fn of(jwk: &Jwk) -> Option<Self> {
        match &jwk.material {
            Material::Ec(ec) if ec.crv != EcCurve::Secp256k1 => Some(Self::Ec(ec.crv)),
            Material::Okp(okp) if okp.crv == OkpCurve::X25519 => Some(Self::X25519),
            _ => None,
        }
    }

    const fn algorithm(self) -> Option<&'static Algorithm> {
        match self {
            Self::Ec(EcCurve::P256) => Some(&agreement::ECDH_P256),
            Self::Ec(EcCurve::P384) => Some(&agreement::ECDH_P384),
            Self::Ec(EcCurve::P521) => Some(&agreement::ECDH_P521),
            Self::Ec(EcCurve::Secp256k1) => None,
            Self::X25519 => Some(&agreement::X25519),
        }
    }
}

/// A fresh pair on this curve, as a private JWK.
pub(crate) fn generate(curve: Curve) -> Option<Jwk> {
    let private = PrivateKey::generate(curve.algorithm()?).ok()?;
    let public = private.compute_public_key().ok()?;
    let material = match curve {
        Curve::Ec(crv) => {
            let d: EcPrivateKeyBin<'_> = private.as_be_bytes().ok()?;
            let d = Secret::from(d.as_ref().to_vec());
            Material::Ec(Ec::from_point(crv, public.as_ref(), Some(d))?)
        }
        Curve::X25519 => {
            let d: Curve25519SeedBin<'_> = private.as_be_bytes().ok()?;
            let d = Some(Secret::from(d.as_ref().to_vec()));
            Material::Okp(Okp { crv: OkpCurve::X25519, x: public.as_ref().to_vec(), d })
        }
    };
    Some(Jwk::new(material))
}

/// The pair that belongs to this X25519 private key.
pub(crate) fn x25519(d: &[u8]) -> Option<Okp> {
    let public =
        PrivateKey::from_private_key(&agreement::X25519, d).ok()?.compute_public_key().ok()?;
    let d = Some(Secret::from(d.to_vec()));
    Some(Okp { crv: OkpCurve::X25519, x: public.as_ref().to_vec(), d })
}

/// The sender's side: a fresh ephemeral key, and what was agreed with `recipient`.
pub(super) fn send(
    recipient: &Jwk,
    alg: KeyAlg,
    enc: Enc,
    params: &Params,
) -> Result<(Jwk, Zeroizing<Vec<u8>>), KeyFault> {
    let curve = Curve::of(recipient).ok_or(KeyFault::Public)?;
    let ephemeral = generate(curve).ok_or(KeyFault::Inconsistent)?;
    let info = info(alg, enc, params).map_err(|_| KeyFault::Inconsistent)?;
    let agreed = agree(&ephemeral, recipient, &info)?.ok_or(KeyFault::Point(name(recipient)))?;
    Ok((ephemeral.public()?, agreed))
}

/// The receiver's side, with `epk` from the header. The inner `None` is for the caller to hide.
pub(super) fn receive(
    own: &Jwk,
    alg: KeyAlg,
    enc: Enc,
    params: &Params,
) -> Result<Option<Zeroizing<Vec<u8>>>, super::DecryptFault> {
    let epk = params.get("epk").ok_or(HeaderFault::Missing("epk"))?;
    let epk = epk
        .as_object()
        .ok_or(HeaderFault::Type { name: "epk", expected: "a JWK" })
        .and_then(|members| {
            Jwk::from_object(members)
                .map_err(|_| HeaderFault::Type { name: "epk", expected: "a public JWK" })
        })?;
    if Curve::of(&epk) != Curve::of(own) {
        return Err(HeaderFault::Type { name: "epk", expected: "on the curve of the key" }.into());
    }
    Ok(agree(own, &epk, &info(alg, enc, params)?)?)
}

/// What the derived key is for: its name, both parties, its length.
struct Info {
    bytes: Vec<u8>,
    length: usize,
}

fn info(alg: KeyAlg, enc: Enc, params: &Params) -> Result<Info, HeaderFault> {
    let (name, length) = match alg {
        KeyAlg::EcdhEs(Some(aes)) => (alg.name(), aes.length()),
        _ => (enc.name(), enc.key_length()),
    };
    let mut bytes = Vec::new();
    for part in [
        name.as_bytes(),
        &params.bytes("apu")?.unwrap_or_default(),
        &params.bytes("apv")?.unwrap_or_default(),
    ] {
        let length = u32::try_from(part.len());
        bytes.extend_from_slice(&length.unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    let bits = u32::try_from(length * 8).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&bits.to_be_bytes());
    Ok(Info { bytes, length })
}

fn agree(own: &Jwk, peer: &Jwk, info: &Info) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFault> {
    let algorithm = Curve::of(own)
        .and_then(Curve::algorithm)
        .ok_or_else(|| KeyFault::Curve(name(own).to_owned()))?;
    let (d, public) = match &own.material {
        Material::Ec(ec) => (ec.d.as_ref(), ec.point()),
        Material::Okp(okp) => (okp.d.as_ref(), okp.x.clone()),
        _ => (None, Vec::new()),
    };
    let d = d.ok_or(KeyFault::Public)?;
    let private =
        PrivateKey::from_private_key(algorithm, d.expose()).map_err(|_| KeyFault::Inconsistent)?;
    let computed = private.compute_public_key().map_err(|_| KeyFault::Inconsistent)?;
    if computed.as_ref() != public {
        return Err(KeyFault::Inconsistent);
    }
    let peer = match &peer.material {
        Material::Ec(ec) => ec.point(),
        Material::Okp(okp) => okp.x.clone(),
        _ => return Err(KeyFault::Public),
    };
    // Refuses points off the curve and, for X25519, of small order.
    let agreed = agreement::agree(
        &private,
        UnparsedPublicKey::new(algorithm, peer),
        Unspecified,
        |secret| {
            let sha =
                get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(Unspecified)?;
            let mut key = Zeroizing::new(vec![0; info.length]);
            sskdf_digest(sha, secret, &info.bytes, &mut key)?;
            Ok(key)
        },
    );
    Ok(agreed.ok())
}

fn name(jwk: &Jwk) -> &'static str {
    match &jwk.material {
        Material::Ec(ec) => ec.crv.name(),
        Material::Okp(okp) => okp.crv.name(),
        _ => jwk.kty(),
    }
}
