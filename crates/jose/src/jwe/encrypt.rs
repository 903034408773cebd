//! Encryption (RFC 7516 §5.1).

use super::{
    alg::{Enc, KeyAlg},
    content, management,
    zip::{self, MAX_INFLATED},
};
use crate::{
    Serialization, b64,
    jwk::{Jwk, KeyFault},
    jws::HeaderFault,
    params::{Members, Params},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Who shall be able to decrypt, and how the content key reaches them.
#[derive(Debug)]
pub struct Recipient<'a> {
    /// The public key or shared secret.
    pub jwk: &'a Jwk,
    /// How.
    pub alg: KeyAlg,
}

/// Whether the plaintext is compressed first. Compression of what an attacker can influence reveals the
/// rest (RFC 8725 §3.6), so it is never the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Zip {
    /// Not.
    #[default]
    None,
    /// DEFLATE.
    Deflate,
}

/// How something is encrypted and written.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// Content encryption.
    pub enc: Enc,
    /// Additional protected header members, such as `typ`, `cty`, `apu`, or `p2c` for fewer PBES2
    /// iterations than the 600 000 that many receivers refuse.
    pub protected: Members,
    /// Compression.
    pub zip: Zip,
    /// Additional authenticated data; JSON serializations only.
    pub aad: Option<&'a [u8]>,
    /// How the result is written.
    pub serialization: Serialization,
}

/// Nothing was encrypted.
#[derive(Debug, thiserror::Error)]
pub enum EncryptFault {
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// A header that must not be written.
    #[error(transparent)]
    Header(#[from] HeaderFault),
    /// The parts do not go together.
    #[error("{0}")]
    Shape(&'static str),
    /// Compressed, it would look like a bomb to whoever decrypts it.
    #[error(
        "the plaintext has {seen} bytes; compressed, at most {MAX_INFLATED} are accepted when it is decrypted"
    )]
    Inflated {
        /// In bytes.
        seen: usize,
    },
    /// The library failed, which happens when memory or entropy does.
    #[error("the cryptographic library could not encrypt")]
    Library,
}

/// One recipient's part, ready to be written.
struct Part {
    header: Members,
    encrypted_key: Vec<u8>,
}

impl Envelope<'_> {
    /// Encrypts for each recipient.
    pub fn seal(
        &self,
        plaintext: &[u8],
        recipients: &[Recipient<'_>],
    ) -> Result<String, EncryptFault> {
        self.check(recipients)?;
        let mut protected = self.protected.clone();
        protected.insert("enc".to_owned(), self.enc.name().into());
        let packed = match self.zip {
            Zip::None => None,
            Zip::Deflate if plaintext.len() > MAX_INFLATED => {
                return Err(EncryptFault::Inflated { seen: plaintext.len() });
            }
            Zip::Deflate => {
                protected.insert("zip".to_owned(), "DEF".into());
                Some(Zeroizing::new(zip::deflate(plaintext).map_err(|_| EncryptFault::Library)?))
            }
        };
        let mut key = Zeroizing::new(vec![0; self.enc.key_length()]);
        aws_lc_rs::rand::fill(&mut key).map_err(|_| EncryptFault::Library)?;
        let mut parts = self.parts(&protected, recipients, &mut key)?;
        if let [only] = parts.as_mut_slice() {
            protected.append(&mut only.header);
        }
        Params::join(&protected, &[])?.critical(&[])?;
        let encoded = b64::encode(Value::Object(protected).to_string());
        let mut aad = encoded.clone();
        if let Some(extra) = self.aad {
            aad.push('.');
            b64::encode_into(extra, &mut aad);
        }
        let plaintext = packed.as_ref().map_or(plaintext, |packed| packed.as_slice());
        let sealed = content::seal(self.enc, &key, aad.as_bytes(), plaintext)
            .ok_or(EncryptFault::Library)?;
        Ok(self.write(&encoded, &parts, &sealed))
    }

    fn check(&self, recipients: &[Recipient<'_>]) -> Result<(), EncryptFault> {
        let general = self.serialization == Serialization::General;
        let several = recipients.len() > 1;
        let problem = if recipients.is_empty() {
            "there is no recipient"
        } else if several && !general {
            "only the general serialization takes several recipients"
        } else if several && recipients.iter().any(|r| r.alg.is_direct()) {
            "dir and ECDH-ES can have one recipient only; use a key wrapping algorithm"
        } else if self.aad.is_some() && self.serialization == Serialization::Compact {
            "the compact serialization has no place for additional authenticated data"
        } else if ["alg", "enc", "zip", "epk", "iv", "tag", "p2s"]
            .into_iter()
            .any(|name| self.protected.contains_key(name))
        {
            "the header must not set what the encryption sets itself (alg, enc, zip, epk, iv, tag, p2s)"
        } else {
            return Ok(());
        };
        Err(EncryptFault::Shape(problem))
    }

    /// Each recipient's header and encrypted key. A direct algorithm replaces `key`.
    fn parts(
        &self,
        protected: &Members,
        recipients: &[Recipient<'_>],
        key: &mut Zeroizing<Vec<u8>>,
    ) -> Result<Vec<Part>, EncryptFault> {
        let params = Params::join(protected, &[])?;
        let mut parts = Vec::new();
        for Recipient { jwk, alg } in recipients {
            let sent = management::send(jwk, *alg, self.enc, &params, key)?;
            if let Some(dictated) = sent.dictated {
                *key = dictated;
            }
            let mut header = sent.members;
            header.insert("alg".to_owned(), alg.name().into());
            if let Some(kid) = jwk.kid.as_deref().filter(|_| !protected.contains_key("kid")) {
                header.insert("kid".to_owned(), kid.into());
            }
            parts.push(Part { header, encrypted_key: sent.encrypted_key });
        }
        Ok(parts)
    }

    fn write(&self, protected: &str, parts: &[Part], sealed: &content::Sealed) -> String {
        let [iv, ciphertext, tag] = [&sealed.iv, &sealed.ciphertext, &sealed.tag].map(b64::encode);
        if let (Serialization::Compact, [part]) = (self.serialization, parts) {
            let encrypted_key = b64::encode(&part.encrypted_key);
            return [protected, &encrypted_key, &iv, &ciphertext, &tag].join(".");
        }
        let mut object = Members::new();
        if let (Serialization::Flattened, [part]) = (self.serialization, parts) {
            object.append(&mut written(part));
        } else {
            let list = parts.iter().map(|part| Value::Object(written(part)));
            object.insert("recipients".to_owned(), Value::Array(list.collect()));
        }
        if let Some(aad) = self.aad {
            object.insert("aad".to_owned(), b64::encode(aad).into());
        }
        for (name, value) in
            [("protected", protected), ("iv", &iv), ("ciphertext", &ciphertext), ("tag", &tag)]
        {
            object.insert(name.to_owned(), json!(value));
        }
        Value::Object(object).to_string()
    }
}

fn written(part: &Part) -> Members {
    let mut object = Members::new();
    if !part.header.is_empty() {
        object.insert("header".to_owned(), Value::Object(part.header.clone()));
    }
    if !part.encrypted_key.is_empty() {
        object.insert("encrypted_key".to_owned(), b64::encode(&part.encrypted_key).into());
    }
    object
}
