//! Keys as OpenSSL writes them: SubjectPublicKeyInfo and PKCS#8 in PEM (RFC 7468, RFC 5280, RFC 5208).

use super::{Ec, EcCurve, Jwk, KeyFault, Material, Okp, OkpCurve, Rsa};
use crate::{Alg, SigningKey, der, jwe::agreement};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const CURVES: [(EcCurve, &[u8]); 4] = [
    (EcCurve::P256, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
    (EcCurve::P384, &[0x2b, 0x81, 0x04, 0x00, 0x22]),
    (EcCurve::P521, &[0x2b, 0x81, 0x04, 0x00, 0x23]),
    (EcCurve::Secp256k1, &[0x2b, 0x81, 0x04, 0x00, 0x0a]),
];

const EXPECTED: KeyFault = KeyFault::Member {
    name: "PEM",
    expected: "one PUBLIC KEY or (unencrypted, PKCS#8) PRIVATE KEY block",
};

impl Jwk {
    /// Reads one PEM block, `PUBLIC KEY` or `PRIVATE KEY`. The key says nothing about its use.
    pub fn from_pem(text: &str) -> Result<Self, KeyFault> {
        let (_, rest) = text.split_once("-----BEGIN ").ok_or(EXPECTED)?;
        let (label, rest) = rest.split_once("-----").ok_or(EXPECTED)?;
        let (body, rest) = rest.split_once("-----END ").ok_or(EXPECTED)?;
        if rest.contains("-----BEGIN ") {
            return Err(EXPECTED);
        }
        let body: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| EXPECTED)?);
        let material = match label {
            "PUBLIC KEY" => public(&der),
            "PRIVATE KEY" => private(&der),
            _ => Err(EXPECTED),
        }?;
        // The same checks as for a JWK.
        Self::parse(Self::new(material).to_private_json().as_bytes())
    }
}

fn public(der: &[u8]) -> Result<Material, KeyFault> {
    let spki = der::spki(der).ok_or(EXPECTED)?;
    match spki.algorithm {
        RSA => {
            let [n, e] = der::rsa_public(spki.key).ok_or(EXPECTED)?;
            Ok(Material::Rsa(Rsa { n, e, private: None }))
        }
        EC => {
            let crv = curve(spki.parameters)?;
            Ec::from_point(crv, spki.key, None).map(Material::Ec).ok_or(KeyFault::Point(crv.name()))
        }
        ED25519 | X25519 => {
            let crv = if spki.algorithm == ED25519 { OkpCurve::Ed25519 } else { OkpCurve::X25519 };
            Ok(Material::Okp(Okp { crv, x: spki.key.to_vec(), d: None }))
        }
        _ => Err(EXPECTED),
    }
}

fn private(der: &[u8]) -> Result<Material, KeyFault> {
    let info = der::pkcs8(der).ok_or(EXPECTED)?;
    let alg = match info.algorithm {
        RSA => Alg::RS256,
        EC => curve(info.parameters)?.alg(),
        ED25519 => Alg::EdDSA,
        X25519 => {
            let seed = der::octets(info.key).ok_or(EXPECTED)?;
            return agreement::x25519(seed).map(Material::Okp).ok_or(KeyFault::Inconsistent);
        }
        _ => return Err(EXPECTED),
    };
    Ok(SigningKey::from_pkcs8(alg, der, None)?.private_jwk()?.material)
}

fn curve(oid: Option<&[u8]>) -> Result<EcCurve, KeyFault> {
    let known = CURVES.into_iter().find(|(_, known)| Some(*known) == oid);
    known.map(|(crv, _)| crv).ok_or_else(|| KeyFault::Curve("of this PEM file".to_owned()))
}
