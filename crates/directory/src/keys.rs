//! The public keys that a client registers: to prove itself, to sign requests, to have answers encrypted.

use crate::FetchTrouble;
use portcullis_jose::{
    Alg, json,
    jwe::{Enc, KeyAlg},
    jwk::{EcCurve, Jwk, KeyFault, KeyRing, KeySet, Material, OkpCurve, PublicKey, Purpose},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use std::sync::Arc;
use url::Url;

/// Public keys that can be used now.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys {
    signing: KeySet,
    /// Those marked for encryption first.
    encryption: Vec<Jwk>,
}

impl PublicKeys {
    /// The keys that may have made a signature: of that name if there is one, and for that algorithm.
    pub fn candidates(&self, kid: Option<&str>, alg: Alg) -> impl Iterator<Item = &PublicKey> {
        self.signing.candidates(kid, alg)
    }

    /// The key to encrypt to (OpenID Connect Core §10.2).
    pub fn encryption_key(&self, alg: KeyAlg) -> Option<&Jwk> {
        self.encryption.iter().find(|jwk| encrypts(jwk, alg))
    }

    /// The RFC 7638 thumbprints of all keys, each once.
    pub fn thumbprints(&self) -> Vec<String> {
        let signing = self.signing.iter().map(|key| key.thumbprint().to_owned());
        let mut all: Vec<String> = Vec::new();
        for thumbprint in signing.chain(self.encryption.iter().map(Jwk::thumbprint)) {
            if !all.contains(&thumbprint) {
                all.push(thumbprint);
            }
        }
        all
    }

    /// A published set: what cannot be used is left out (RFC 7517 §5).
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, KeyFault> {
        let ring = KeyRing::parse(bytes)?;
        Ok(Self::of(ring.keys().iter().filter_map(|jwk| jwk.public().ok())))
    }

    fn of(keys: impl IntoIterator<Item = Jwk>) -> Self {
        let (mut signing, mut encryption) = (KeySet::default(), Vec::new());
        for jwk in keys {
            signing.push(&jwk);
            if can_encrypt(&jwk) {
                encryption.push(jwk);
            }
        }
        encryption.sort_by_key(|jwk| jwk.usage.as_deref() != Some("enc"));
        Self { signing, encryption }
    }

    const fn is_empty(&self) -> bool {
        self.signing.is_empty() && self.encryption.is_empty()
    }
}

/// Whether something can be encrypted to the key by that algorithm.
fn encrypts(jwk: &Jwk, alg: KeyAlg) -> bool {
    let kind = match (alg, &jwk.material) {
        (KeyAlg::RsaOaep(_), Material::Rsa(rsa)) => rsa.bits() >= 2048,
        (KeyAlg::EcdhEs(_), Material::Ec(ec)) => ec.crv != EcCurve::Secp256k1,
        (KeyAlg::EcdhEs(_), Material::Okp(okp)) => okp.crv == OkpCurve::X25519,
        _ => false,
    };
    kind && jwk.alg.as_deref().is_none_or(|own| own == alg.name())
        && jwk.permits(Purpose::Encrypt).is_ok()
}

fn can_encrypt(jwk: &Jwk) -> bool {
    KeyAlg::all().any(|alg| encrypts(jwk, alg))
}

/// `alg` and `enc` of a JWE to a client, if both are allowed: the key is public, the padding not broken.
pub fn encryption_algs(alg: &str, enc: Option<&str>) -> Option<(KeyAlg, Enc)> {
    let alg: KeyAlg = alg.parse().ok()?;
    // OpenID Connect Dynamic Client Registration §2: the default.
    let enc: Enc = enc.unwrap_or("A128CBC-HS256").parse().ok()?;
    matches!(alg, KeyAlg::RsaOaep(_) | KeyAlg::EcdhEs(_)).then_some((alg, enc))
}

/// What a client registered: a set of one to ten public keys, or the address where it publishes them.
#[derive(Clone, Debug)]
pub struct ClientKeys(Form);

#[derive(Clone, Debug)]
enum Form {
    Set { json: Arc<str>, keys: Arc<PublicKeys> },
    Published(Url),
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
    /// No key of the set can be used.
    #[error("no key of the set can be used here")]
    Unusable,
    /// Not an address to publish keys at.
    #[error("the address of the keys {0}")]
    Address(&'static str),
}

impl ClientKeys {
    const MOST: usize = 10;

    /// Reads a JWK set, or one JWK. Every key must be usable, and an RSA key must name its `alg`
    /// (RFC 8725 §3.1: one key, one algorithm).
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
        counted(&keys)?;
        let read = |(place, key)| public(place + 1, key);
        let jwks = keys.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of(jwks))
    }

    /// Reads what an app says about itself (RFC 7591 §2, `jwks`): a key that cannot be used here is left
    /// out, a private one refused; an RSA key without `alg` serves for any algorithm of its kind.
    pub fn registered(jwks: &Value) -> Result<Self, ClientKeysFault> {
        let list = jwks.get("keys").and_then(Value::as_array).ok_or(ClientKeysFault::Set(
            KeyFault::Member { name: "keys", expected: "a list of keys" },
        ))?;
        counted(list)?;
        let mut jwks = Vec::new();
        for (place, key) in list.iter().enumerate() {
            let Some(Ok(jwk)) = key.as_object().map(Jwk::from_object) else { continue };
            if jwk.is_private() {
                return Err(ClientKeysFault::Private { place: place + 1 });
            }
            jwks.push(jwk);
        }
        let keys = Self::of(jwks);
        if keys.set().is_some_and(PublicKeys::is_empty) {
            return Err(ClientKeysFault::Unusable);
        }
        Ok(keys)
    }

    /// Keys that are fetched when they are needed (RFC 7591 §2, `jwks_uri`). Where such an address may
    /// lead, the outgoing client decides, at each fetch.
    pub fn published(uri: &str) -> Result<Self, ClientKeysFault> {
        let fault = ClientKeysFault::Address;
        let url = Url::parse(uri).map_err(|_| fault("must be an absolute URL"))?;
        let loopback = url.scheme() == "http" && portcullis_web::is_loopback(&url);
        match url.scheme() {
            _ if uri.len() > 2000 => Err(fault("must be at most 2000 bytes long")),
            _ if !url.username().is_empty() || url.password().is_some() => {
                Err(fault("must carry no user name or password"))
            }
            _ if url.fragment().is_some() => Err(fault("must have no fragment")),
            "https" => Ok(Self(Form::Published(url))),
            _ if loopback => Ok(Self(Form::Published(url))),
            _ => Err(fault("must use https (http only on a loopback host)")),
        }
    }

    fn of(jwks: Vec<Jwk>) -> Self {
        let json = json!({ "keys": jwks }).to_string().into();
        Self(Form::Set { json, keys: Arc::new(PublicKeys::of(jwks)) })
    }

    /// The registered set; `None` if it is published elsewhere.
    pub fn set(&self) -> Option<&PublicKeys> {
        match &self.0 {
            Form::Set { keys, .. } => Some(keys),
            Form::Published(_) => None,
        }
    }

    /// Where it is published; `None` if it is registered.
    pub const fn uri(&self) -> Option<&Url> {
        match &self.0 {
            Form::Set { .. } => None,
            Form::Published(url) => Some(url),
        }
    }

    pub(crate) fn shared(&self) -> Result<Arc<PublicKeys>, &Url> {
        match &self.0 {
            Form::Set { keys, .. } => Ok(keys.clone()),
            Form::Published(url) => Err(url),
        }
    }

    /// The RFC 7638 thumbprints of registered keys: which these are, in few words.
    pub fn thumbprints(&self) -> Vec<String> {
        self.set().map(PublicKeys::thumbprints).unwrap_or_default()
    }

    /// What `jwks` or `jwks_uri` would say.
    pub fn to_json(&self) -> Value {
        match &self.0 {
            Form::Set { json, .. } => serde_json::from_str(json).unwrap_or_default(),
            Form::Published(url) => Value::String(url.as_str().to_owned()),
        }
    }
}

/// In few words: thumbprints, or the address.
impl std::fmt::Display for ClientKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Form::Set { keys, .. } => f.write_str(&keys.thumbprints().join(" ")),
            Form::Published(url) => f.write_str(url.as_str()),
        }
    }
}

const fn counted(keys: &[Value]) -> Result<(), ClientKeysFault> {
    if keys.is_empty() || keys.len() > ClientKeys::MOST {
        return Err(ClientKeysFault::Count { found: keys.len() });
    }
    Ok(())
}

fn public(place: usize, key: &Value) -> Result<Jwk, ClientKeysFault> {
    let refuse = |reason| ClientKeysFault::Key { place, reason };
    let members = key.as_object().ok_or_else(|| refuse(json::JsonFault::NotAnObject.into()))?;
    let jwk = Jwk::from_object(members).map_err(refuse)?;
    match PublicKey::from_jwk(&jwk, None) {
        Err(KeyFault::Symmetric) => Err(refuse(KeyFault::Symmetric)),
        _ if jwk.is_private() => Err(ClientKeysFault::Private { place }),
        Err(_) if for_encryption_only(&jwk) => Ok(jwk),
        Err(reason) => Err(refuse(reason)),
        Ok(_) => Ok(jwk),
    }
}

/// Says so, or can do nothing else.
fn for_encryption_only(jwk: &Jwk) -> bool {
    let agrees = matches!(&jwk.material, Material::Okp(okp) if okp.crv == OkpCurve::X25519);
    let says = jwk.usage.as_deref() == Some("enc")
        || jwk.alg.as_deref().is_some_and(|alg| alg.parse::<KeyAlg>().is_ok());
    (agrees || says) && can_encrypt(jwk)
}

impl PartialEq for ClientKeys {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Set { json, .. }, Form::Set { json: other, .. }) => json == other,
            (Form::Published(url), Form::Published(other)) => url == other,
            _ => false,
        }
    }
}

impl Eq for ClientKeys {}

impl Serialize for ClientKeys {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Set { .. } => self.to_json().serialize(sink),
            Form::Published(url) => json!({ "jwks_uri": url.as_str() }).serialize(sink),
        }
    }
}

impl<'de> Deserialize<'de> for ClientKeys {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(source)?;
        let read = match value.get("jwks_uri").and_then(Value::as_str) {
            Some(uri) => Self::published(uri),
            None => Self::registered(&value),
        };
        read.map_err(serde::de::Error::custom)
    }
}

/// Why a client's keys cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysTrouble {
    /// It registered none.
    #[error("the client has registered no keys")]
    None,
    /// They could not be fetched.
    #[error("the client's keys at {url} cannot be fetched: {trouble}")]
    Unreachable {
        /// Where from.
        url: String,
        /// Why.
        trouble: FetchTrouble,
    },
}
