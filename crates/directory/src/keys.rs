//! The public keys that a client registers for `private_key_jwt`.

use portcullis_jose::{
    Alg, json,
    jwk::{Jwk, KeyFault, KeySet, PublicKey},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::sync::Arc;

/// A set of one to ten public keys, each bound to one asymmetric algorithm.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    json: Arc<str>,
    set: Arc<KeySet>,
}

/// Why a key set is not registered. Never carries key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeysFault {
    /// Not a JWK set.
    #[error("this is no JWK set: {0}")]
    Set(KeyFault),
    /// One of the keys cannot be used.
    #[error("key {place} of the set cannot be used: {reason}")]
    Key {
        /// Counted from one.
        place: usize,
        /// Why.
        reason: KeyFault,
    },
    /// A private key: whoever reads our store could sign as the client.
    #[error("key {place} of the set is a private key; register its public half only")]
    Private {
        /// Counted from one.
        place: usize,
    },
    /// A certificate whose key cannot be used.
    #[error("certificate {place} cannot be used: {reason}")]
    Certificate {
        /// Counted from one.
        place: usize,
        /// Why.
        reason: String,
    },
    /// Not one to ten keys.
    #[error("the set has {found} keys; register 1 to {}", ClientKeys::MOST)]
    Count {
        /// How many there are.
        found: usize,
    },
}

impl ClientKeys {
    const MOST: usize = 10;

    /// Reads a JWK set, or one JWK. An RSA key must name its `alg` (RFC 8725 §3.1: one key, one algorithm).
    pub fn parse(text: &str) -> Result<Self, ClientKeysFault> {
        let object =
            json::object(text.as_bytes()).map_err(|fault| ClientKeysFault::Set(fault.into()))?;
        let keys = match object.get("keys") {
            Some(Value::Array(keys)) => keys.clone(),
            Some(_) => {
                let fault = KeyFault::Member { name: "keys", expected: "a list of keys" };
                return Err(ClientKeysFault::Set(fault));
            }
            None => vec![Value::Object(object)],
        };
        if keys.is_empty() || keys.len() > Self::MOST {
            return Err(ClientKeysFault::Count { found: keys.len() });
        }
        let read = |(place, key)| public(place + 1, key);
        let read = keys.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        let (jwks, keys): (Vec<Jwk>, Vec<PublicKey>) = read.into_iter().unzip();
        let json = serde_json::json!({ "keys": jwks }).to_string().into();
        Ok(Self { json, set: Arc::new(KeySet::new(keys)) })
    }

    /// The RFC 7638 thumbprints: which keys these are, in few words.
    pub fn thumbprints(&self) -> Vec<String> {
        self.set.iter().map(|key| key.thumbprint().to_owned()).collect()
    }

    /// The keys that may have made a signature.
    pub(crate) fn candidates(
        &self,
        kid: Option<&str>,
        alg: Alg,
    ) -> impl Iterator<Item = &PublicKey> {
        self.set.candidates(kid, alg)
    }
}

fn public(place: usize, key: &Value) -> Result<(Jwk, PublicKey), ClientKeysFault> {
    let refuse = |reason| ClientKeysFault::Key { place, reason };
    let members = key.as_object().ok_or_else(|| refuse(json::JsonFault::NotAnObject.into()))?;
    let jwk = Jwk::from_object(members).map_err(refuse)?;
    let key = PublicKey::from_jwk(&jwk, None);
    match key {
        Err(KeyFault::Symmetric) => Err(refuse(KeyFault::Symmetric)),
        _ if jwk.is_private() => Err(ClientKeysFault::Private { place }),
        Err(reason) => Err(refuse(reason)),
        Ok(key) => Ok((jwk, key)),
    }
}

impl PartialEq for ClientKeys {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Serialize for ClientKeys {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.json).map_err(serde::ser::Error::custom)?;
        value.serialize(sink)
    }
}

impl<'de> Deserialize<'de> for ClientKeys {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(source)?;
        Self::parse(&value.to_string()).map_err(serde::de::Error::custom)
    }
}
