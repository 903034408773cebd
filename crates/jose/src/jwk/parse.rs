//! From JSON to a [`Jwk`] (RFC 7517 §4, RFC 7518 §6).

use super::{Ec, EcCurve, Jwk, KeyFault, Material, Okp, OkpCurve, Rsa, RsaPrivate, Secret};
use crate::{b64, json};
use serde_json::{Map, Value};

type Members = Map<String, Value>;

const STRING: &str = "a string";

impl Jwk {
    /// Reads one JWK.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        Self::from_object(&json::object(bytes)?)
    }

    /// Reads one JWK from an object that is already parsed, such as a member of a set.
    ///
    /// Checks lengths, sizes and encodings; whether a point is on its curve and whether private and
    /// public half fit is checked when the key is made ready for use.
    pub fn from_object(members: &Members) -> Result<Self, KeyFault> {
        let material = match text(members, "kty")?.ok_or(KeyFault::Missing("kty"))? {
            "RSA" => Material::Rsa(rsa(members)?),
            "EC" => Material::Ec(ec(members)?),
            "OKP" => Material::Okp(okp(members)?),
            "oct" => Material::Oct(required(members, "k")?.into()),
            other => return Err(KeyFault::Kty(crate::seen(other))),
        };
        let owned = |name| Ok::<_, KeyFault>(text(members, name)?.map(str::to_owned));
        Ok(Self {
            kid: owned("kid")?,
            alg: owned("alg")?,
            usage: owned("use")?,
            key_ops: key_ops(members)?,
            material,
        })
    }
}

fn text<'a>(members: &'a Members, name: &'static str) -> Result<Option<&'a str>, KeyFault> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyFault::Member { name, expected: STRING }),
    }
}

fn optional(members: &Members, name: &'static str) -> Result<Option<Vec<u8>>, KeyFault> {
    let Some(text) = text(members, name)? else { return Ok(None) };
    b64::decode(text).map(Some).map_err(|fault| KeyFault::Base64 { name, fault })
}

fn required(members: &Members, name: &'static str) -> Result<Vec<u8>, KeyFault> {
    optional(members, name)?.ok_or(KeyFault::Missing(name))
}

fn sized(members: &Members, name: &'static str, expected: usize) -> Result<Vec<u8>, KeyFault> {
    let bytes = required(members, name)?;
    match bytes.len() {
        seen if seen != expected => Err(KeyFault::Length { name, expected, seen }),
        _ => Ok(bytes),
    }
}

/// RFC 7518 §2: a Base64urlUInt has no leading zero octets.
fn uint(members: &Members, name: &'static str) -> Result<Vec<u8>, KeyFault> {
    let bytes = required(members, name)?;
    if bytes.first().is_none_or(|b| *b == 0) {
        return Err(KeyFault::Member { name, expected: "a positive number without leading zeros" });
    }
    Ok(bytes)
}

fn rsa(members: &Members) -> Result<Rsa, KeyFault> {
    let private = members.contains_key("d").then(|| rsa_private(members)).transpose()?;
    let rsa = Rsa { n: uint(members, "n")?, e: uint(members, "e")?, private };
    let bits = rsa.bits();
    if !(2048..=8192).contains(&bits) {
        return Err(KeyFault::Modulus { bits });
    }
    let odd = |number: &[u8]| number.last().is_some_and(|b| b & 1 == 1);
    if !odd(&rsa.e) || rsa.e == [1] || rsa.e.len() > 4 {
        return Err(KeyFault::Exponent);
    }
    if !odd(&rsa.n) {
        return Err(KeyFault::Member { name: "n", expected: "an odd number" });
    }
    if roca(&rsa.n) {
        return Err(KeyFault::Roca);
    }
    Ok(rsa)
}

/// Nemec et al., "The Return of Coppersmith's Attack": such a modulus is a power of 65537 modulo each of
/// these primes; any other is so by accident once in a hundred million.
fn roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 17] =
        [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    PRIMES.into_iter().all(|prime| {
        let residue = n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * (65537 % prime) % prime));
        powers.take(prime as usize).any(|power| power == residue)
    })
}

fn rsa_private(members: &Members) -> Result<RsaPrivate, KeyFault> {
    if members.contains_key("oth") {
        return Err(KeyFault::Crt);
    }
    let number = |name| {
        if members.contains_key(name) {
            uint(members, name).map(Secret::from)
        } else {
            Err(KeyFault::Crt)
        }
    };
    Ok(RsaPrivate {
        d: number("d")?,
        p: number("p")?,
        q: number("q")?,
        dp: number("dp")?,
        dq: number("dq")?,
        qi: number("qi")?,
    })
}

fn ec(members: &Members) -> Result<Ec, KeyFault> {
    let name = text(members, "crv")?.ok_or(KeyFault::Missing("crv"))?;
    let crv = EcCurve::named(name).ok_or_else(|| KeyFault::Curve(crate::seen(name)))?;
    let private = members.contains_key("d");
    Ok(Ec {
        crv,
        x: sized(members, "x", crv.length())?,
        y: sized(members, "y", crv.length())?,
        d: private.then(|| sized(members, "d", crv.length())).transpose()?.map(Secret::from),
    })
}

fn okp(members: &Members) -> Result<Okp, KeyFault> {
    let crv = match text(members, "crv")?.ok_or(KeyFault::Missing("crv"))? {
        "Ed25519" => OkpCurve::Ed25519,
        "X25519" => OkpCurve::X25519,
        other => return Err(KeyFault::Curve(crate::seen(other))),
    };
    let private = members.contains_key("d");
    Ok(Okp {
        crv,
        x: sized(members, "x", 32)?,
        d: private.then(|| sized(members, "d", 32)).transpose()?.map(Secret::from),
    })
}

/// RFC 7517 §4.3: strings, each once.
fn key_ops(members: &Members) -> Result<Option<Vec<String>>, KeyFault> {
    let fault = || KeyFault::Member { name: "key_ops", expected: "a list of distinct strings" };
    let Some(value) = members.get("key_ops") else { return Ok(None) };
    let mut ops: Vec<String> = Vec::new();
    for op in value.as_array().ok_or_else(fault)? {
        let op = op.as_str().ok_or_else(fault)?;
        if ops.iter().any(|seen| seen == op) {
            return Err(fault());
        }
        ops.push(op.to_owned());
    }
    Ok(Some(ops))
}
