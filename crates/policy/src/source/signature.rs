//! `.signatures.json`: who vouches for the files of a bundle, as OPA signs them.
//!
//! A JWS lists every file with a hash. Of JSON files what they say is hashed, not how it is spaced. Every file must be
//! in the list and every entry of the list must be a file, so that nothing is added, taken out or altered.

use super::archive::{Archive, SIGNATURES};
use crate::{Finding, Refused};
use aws_lc_rs::digest::{self, Algorithm};
use data_encoding::HEXLOWER;
use portcullis_jose::{
    Alg, Serialization,
    jwk::{Jwk, KeyRing, Material},
    jws::{Content, Draft, Placement, Signed, Signer},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, value::RawValue};
use std::collections::BTreeMap;

/// What may sign: nothing that can be checked with what signs.
const ACCEPTED: [Alg; 11] = [
    Alg::RS256,
    Alg::RS384,
    Alg::RS512,
    Alg::PS256,
    Alg::PS384,
    Alg::PS512,
    Alg::ES256,
    Alg::ES384,
    Alg::ES512,
    Alg::EdDSA,
    Alg::Ed25519,
];

/// Whose signatures count.
#[derive(Clone, Debug)]
pub struct Trusted {
    keys: Vec<Jwk>,
    scope: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Signatures {
    signatures: Vec<String>,
}

/// What is signed.
#[derive(Serialize, Deserialize)]
struct Listed {
    files: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    hash: String,
    algorithm: String,
}

impl Trusted {
    /// These public keys; if a scope is given, only signatures for it. A shared secret is no public key: whoever checks
    /// with it could sign.
    pub fn new(keys: Vec<Jwk>, scope: Option<String>) -> Result<Self, String> {
        let public = |jwk: Jwk| match jwk.material {
            Material::Oct(_) => Err("it is a shared secret, not a public key".to_owned()),
            _ => jwk.public().map_err(|fault| fault.to_string()),
        };
        let keys = keys.into_iter().map(public).collect::<Result<_, _>>()?;
        Ok(Self { keys, scope })
    }

    /// That one of these keys signed every file of the bundle, and no other.
    pub(super) fn verify(&self, archive: &Archive) -> Result<(), Refused> {
        let Some(json) = archive.content(SIGNATURES) else {
            let what = "the bundle is not signed, and verification_keys are configured".to_owned();
            return refused(what, "sign it: portcullis policy build DIR --signing-key KEY -o FILE");
        };
        let signatures: Signatures = serde_json::from_slice(json).or_else(|fault| {
            refused(format!("it cannot be read: {fault}"), "sign the bundle again")
        })?;
        // More would be tried one by one, with every key.
        let [jws] = signatures.signatures.as_slice() else {
            let what = format!("there are {} signatures", signatures.signatures.len());
            return refused(what, "sign the bundle once");
        };
        let payload = self.payload(jws)?;
        let listed: Listed = serde_json::from_slice(&payload).or_else(|fault| {
            refused(format!("what is signed is no list of files: {fault}"), "sign the bundle again")
        })?;
        if self.scope.is_some() && self.scope != listed.scope {
            let for_what = listed.scope.as_deref().unwrap_or("nothing in particular");
            let what = format!("the signature is for another scope: {for_what}");
            return refused(what, "sign the bundle with the scope of verification_scope");
        }
        compare(archive, listed.files)
    }

    fn payload(&self, jws: &str) -> Result<Vec<u8>, Refused> {
        let signed = Signed::parse(jws).or_else(|fault| {
            refused(format!("the signature is none: {fault}"), "sign the bundle again")
        })?;
        let mut reasons = Vec::new();
        for key in &self.keys {
            // One at a time: a key is trusted for what it is, whatever the signature calls it.
            match signed.verify(&KeyRing::one(key.clone()), &ACCEPTED, Content::Attached) {
                Ok(verified) => return Ok(verified.payload),
                Err(fault) => reasons.push(fault.to_string()),
            }
        }
        reasons.dedup();
        let what =
            format!("no key of verification_keys has made the signature: {}", reasons.join("; "));
        refused(what, "sign the bundle with a key whose public half is configured")
    }
}

/// That the list and the files are the same.
fn compare(archive: &Archive, listed: Vec<Entry>) -> Result<(), Refused> {
    let mut listed: BTreeMap<String, Entry> = listed
        .into_iter()
        .map(|entry| (entry.name.trim_start_matches('/').to_owned(), entry))
        .collect();
    for (name, content) in archive.entries().filter(|(name, _)| *name != SIGNATURES) {
        let Some(entry) = listed.remove(name) else {
            return refused(
                format!("the file '{name}' is not among those that were signed"),
                AGAIN,
            );
        };
        let algorithm: &Algorithm = match entry.algorithm.as_str() {
            "SHA-256" => &digest::SHA256,
            "SHA-384" => &digest::SHA384,
            "SHA-512" => &digest::SHA512,
            other => {
                let what = format!("the file '{name}' is hashed with '{other}'");
                return refused(what, "use SHA-256, SHA-384 or SHA-512");
            }
        };
        if hash(name, content, algorithm)? != entry.hash {
            return refused(format!("the file '{name}' was altered after it was signed"), AGAIN);
        }
    }
    match listed.into_keys().next() {
        None => Ok(()),
        Some(name) => refused(format!("the file '{name}' was signed and is not there"), AGAIN),
    }
}

const AGAIN: &str = "take the bundle as it was built, or build and sign it again";

/// Signs every file of a bundle, in place of any signature that there was.
pub fn sign(
    archive: &mut Archive,
    key: &Jwk,
    (keyid, scope): (Option<String>, Option<String>),
) -> Result<(), Refused> {
    let others = archive.entries().filter(|(name, _)| *name != SIGNATURES);
    let entry = |(name, content): (&str, &[u8])| {
        let hash = hash(name, content, &digest::SHA256)?;
        Ok(Entry { name: name.to_owned(), hash, algorithm: "SHA-256".to_owned() })
    };
    let files = others.map(entry).collect::<Result<_, Refused>>()?;
    let keyid = keyid.or_else(|| key.kid.clone());
    let mut header = Map::new();
    header.insert("typ".to_owned(), "JWT".into());
    if let Some(kid) = &keyid {
        header.insert("kid".to_owned(), kid.as_str().into());
    }
    let payload = serde_json::to_vec(&Listed { files, keyid, scope }).unwrap_or_default();
    let remedy = "give a private RSA, EC or Ed25519 key";
    let alg = match key.material {
        Material::Oct(_) => {
            return refused(
                "a shared secret signs no bundle: whoever checks could sign".into(),
                remedy,
            );
        }
        // As OPA does, if the key leaves a choice.
        Material::Rsa(_) if key.alg.is_none() => Some(Alg::RS256),
        _ => None,
    };
    let signer = Signer::from_jwk(key, alg)
        .or_else(|fault| refused(format!("the key cannot sign: {fault}"), remedy))?;
    if !ACCEPTED.iter().any(|alg| alg.is(signer.alg())) {
        return refused(format!("a bundle is not signed with {}", signer.alg()), remedy);
    }
    let (placement, serialization) = (Placement::Attached, Serialization::Compact);
    let draft = Draft { payload: &payload, placement, serialization };
    let jws = draft
        .sign(&[(signer, header)])
        .or_else(|fault| refused(format!("the bundle cannot be signed: {fault}"), remedy))?;
    let json = serde_json::to_vec(&Signatures { signatures: vec![jws] }).unwrap_or_default();
    archive.put(SIGNATURES, json);
    Ok(())
}

/// The hash of a file, in hex: of JSON, of what it says.
fn hash(name: &str, content: &[u8], algorithm: &'static Algorithm) -> Result<String, Refused> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let structured = matches!(last, "data.json" | ".manifest");
    let mut hash = digest::Context::new(algorithm);
    if structured {
        let text = std::str::from_utf8(content).ok();
        let value = text.and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        let walked = value.and_then(|value| walk(value, &mut hash, 0));
        if walked.is_none() {
            return refused(format!("the file '{name}' is no JSON"), "write it as JSON");
        }
    } else {
        hash.update(content);
    }
    Ok(HEXLOWER.encode(hash.finish().as_ref()))
}

/// Deeper than any data that a person writes.
const DEEPEST: usize = 100;

/// Objects in the order of their keys, nothing between words, numbers as they are written.
fn walk(value: &RawValue, hash: &mut digest::Context, depth: usize) -> Option<()> {
    let text = value.get();
    if depth > DEEPEST {
        return None;
    }
    match text.as_bytes().first()? {
        b'{' => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            hash.update(b"{");
            for (place, (key, value)) in members.iter().enumerate() {
                if place > 0 {
                    hash.update(b",");
                }
                hash.update(word(key).as_bytes());
                hash.update(b":");
                walk(value, hash, depth + 1)?;
            }
            hash.update(b"}");
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            hash.update(b"[");
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    hash.update(b",");
                }
                walk(item, hash, depth + 1)?;
            }
            hash.update(b"]");
        }
        b'"' => hash.update(word(&serde_json::from_str::<String>(text).ok()?).as_bytes()),
        _ => hash.update(text.as_bytes()),
    }
    Some(())
}

/// A text as OPA writes it in JSON: as everybody does, but for two signs that break lines in JavaScript.
fn word(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    json.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn refused<T>(what: String, remedy: &str) -> Result<T, Refused> {
    Err(Finding::error((SIGNATURES, 0), what, remedy).into())
}
