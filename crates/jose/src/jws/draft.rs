//! Writing a JWS in any serialization (RFC 7515 §5.1, RFC 7797).

use super::{HeaderFault, MacKey};
use crate::{
    Alg, Serialization, SigningFault, SigningKey, b64,
    jwk::{Jwk, KeyFault, Material, Purpose},
    params::{Members, Params},
};
use serde_json::{Value, json};

/// A key that signs, of either kind.
#[derive(Debug)]
pub enum Signer {
    /// A private key.
    Key(SigningKey),
    /// A shared secret.
    Mac(Box<MacKey>),
}

impl Signer {
    /// Makes a private key or shared secret ready to sign. `alg` may be left out if the key implies it.
    pub fn from_jwk(jwk: &Jwk, alg: Option<Alg>) -> Result<Self, KeyFault> {
        match jwk.material {
            Material::Oct(_) => {
                MacKey::from_jwk(jwk, alg, Purpose::Sign).map(|key| Self::Mac(Box::new(key)))
            }
            _ => SigningKey::from_jwk(jwk, alg).map(Self::Key),
        }
    }

    /// The one algorithm.
    pub const fn alg(&self) -> Alg {
        match self {
            Self::Key(key) => key.alg(),
            Self::Mac(key) => key.alg(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFault> {
        match self {
            Self::Key(key) => key.sign(message),
            Self::Mac(key) => Ok(key.sign(message)),
        }
    }
}

/// Where the payload goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Into the JWS.
    Attached,
    /// Nowhere: the receiver has it already (RFC 7515 appendix F).
    Detached,
}

/// What is to be signed, and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The payload.
    pub payload: &'a [u8],
    /// Where it goes.
    pub placement: Placement,
    /// How the result is written.
    pub serialization: Serialization,
}

impl Draft<'_> {
    /// Signs with each signer under its protected header, to which `alg` is added. `b64: false` in a
    /// header is honoured and made critical.
    pub fn sign(&self, signers: &[(Signer, Members)]) -> Result<String, SigningFault> {
        if signers.is_empty() || (signers.len() > 1 && self.serialization != Serialization::General)
        {
            return Err(SigningFault::Shape(
                "only the general serialization takes several signers",
            ));
        }
        let mut plain = None;
        let mut signatures = Vec::new();
        for (signer, header) in signers {
            let (header, unencoded) = completed(signer, header)?;
            if *plain.get_or_insert(unencoded) != unencoded {
                return Err(SigningFault::Shape("\"b64\" must be the same in every header"));
            }
            let encoded = b64::encode(serde_json::to_vec(&header)?);
            let payload = self.payload_text(unencoded)?;
            let message = [encoded.as_bytes(), b".", payload.as_bytes()].concat();
            signatures.push((encoded, b64::encode(signer.sign(&message)?)));
        }
        let payload = self.payload_text(plain.unwrap_or(false))?;
        self.write(&payload, &signatures)
    }

    /// The payload as it is signed. Unencoded payloads must be text here, since JSON and the command line
    /// carry text.
    fn payload_text(&self, unencoded: bool) -> Result<String, SigningFault> {
        if unencoded {
            let text = std::str::from_utf8(self.payload);
            let fault = SigningFault::Shape("an unencoded payload must be UTF-8 text");
            text.map(str::to_owned).map_err(|_| fault)
        } else {
            Ok(b64::encode(self.payload))
        }
    }

    fn write(&self, payload: &str, signed: &[(String, String)]) -> Result<String, SigningFault> {
        let attached = (self.placement == Placement::Attached).then_some(payload);
        let mut object = Members::new();
        if let Some(payload) = attached {
            object.insert("payload".to_owned(), payload.into());
        }
        match (self.serialization, signed) {
            (Serialization::Compact, [(header, signature)]) => {
                let payload = attached.unwrap_or_default();
                // RFC 7797 §5.2: what would not survive a URL or would add a segment.
                if payload.bytes().any(|b| b == b'.' || !(b' '..=b'~').contains(&b)) {
                    return Err(SigningFault::Shape(
                        "this unencoded payload can only be detached in the compact serialization",
                    ));
                }
                return Ok([header, ".", payload, ".", signature].concat());
            }
            (Serialization::Flattened, [(header, signature)]) => {
                object.insert("protected".to_owned(), header.as_str().into());
                object.insert("signature".to_owned(), signature.as_str().into());
            }
            (_, list) => {
                let list = list.iter().map(|(p, s)| json!({ "protected": p, "signature": s }));
                object.insert("signatures".to_owned(), Value::Array(list.collect()));
            }
        }
        Ok(Value::Object(object).to_string())
    }
}

/// Adds `alg`; says whether the payload stays unencoded.
fn completed(signer: &Signer, header: &Members) -> Result<(Members, bool), SigningFault> {
    let mut header = header.clone();
    let alg = signer.alg();
    match header.get("alg") {
        Some(name) if name != alg.name() => {
            return Err(SigningFault::Shape("the header's \"alg\" is not the key's"));
        }
        _ => header.insert("alg".to_owned(), alg.name().into()),
    };
    let unencoded = match header.get("b64") {
        None => false,
        Some(Value::Bool(b64)) => !b64,
        Some(_) => {
            let fault = HeaderFault::Type { name: "b64", expected: "true or false" };
            return Err(fault.into());
        }
    };
    if unencoded && !header.contains_key("crit") {
        header.insert("crit".to_owned(), json!(["b64"]));
    }
    let critical = Params::join(&header, &[])?.critical(&["b64"])?;
    if unencoded && !critical.iter().any(|name| name == "b64") {
        return Err(SigningFault::Shape("\"crit\" must name \"b64\""));
    }
    Ok((header, unencoded))
}
