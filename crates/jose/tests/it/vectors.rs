//! The examples of the standards: RFC 7515 A, 7516 A, 7517 A and B, 7520 §4 and §5, 7638, 7797, 8037.

use portcullis_jose::{
    b64,
    jwe::Encrypted,
    jwk::{Jwk, KeyRing, KeySet},
    jws::{Content, Signed},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Vectors {
    keys: Vec<Value>,
    jws: Vec<JwsVector>,
    jwe: Vec<JweVector>,
    thumbprints: Vec<Thumbprint>,
    sets: Vec<Set>,
}

#[derive(Deserialize)]
struct JwsVector {
    section: String,
    key: usize,
    token: String,
    payload: String,
    #[serde(default)]
    detached: bool,
}

#[derive(Deserialize)]
struct JweVector {
    section: String,
    key: usize,
    token: String,
    plaintext: String,
}

#[derive(Deserialize)]
struct Thumbprint {
    section: String,
    key: usize,
    expected: String,
}

#[derive(Deserialize)]
struct Set {
    section: String,
    set: Value,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

impl Vectors {
    fn ring(&self, key: usize) -> KeyRing {
        KeyRing::parse(self.keys[key].to_string().as_bytes()).unwrap()
    }
}

#[test]
fn every_signed_example_verifies() {
    let vectors = vectors();
    for vector in &vectors.jws {
        let payload = b64::decode(&vector.payload).unwrap();
        let content = if vector.detached { Content::Detached(&payload) } else { Content::Attached };
        let signed = Signed::parse(&vector.token).expect(&vector.section);
        let verified = signed.verify(&vectors.ring(vector.key), &[], content);
        assert_eq!(verified.expect(&vector.section).payload, payload, "{}", vector.section);
    }
}

#[test]
fn no_signed_example_verifies_with_another_payload() {
    let vectors = vectors();
    for vector in vectors.jws.iter().filter(|vector| vector.detached) {
        let signed = Signed::parse(&vector.token).unwrap();
        let other = Content::Detached(b"other");
        assert!(signed.verify(&vectors.ring(vector.key), &[], other).is_err());
    }
}

#[test]
fn every_encrypted_example_decrypts() {
    let vectors = vectors();
    for vector in &vectors.jwe {
        let encrypted = Encrypted::parse(&vector.token).expect(&vector.section);
        let decrypted = encrypted.decrypt(&vectors.ring(vector.key), &[]);
        let plaintext = decrypted.map(|decrypted| decrypted.plaintext).expect(&vector.section);
        assert_eq!(plaintext.as_slice(), vector.plaintext.as_bytes(), "{}", vector.section);
    }
}

#[test]
fn a_set_of_every_key_finds_the_right_one() {
    let vectors = vectors();
    let secret = |key: &Value| key["kty"] == "oct";
    for secrets in [true, false] {
        let keys: Vec<&Value> = vectors.keys.iter().filter(|key| secret(key) == secrets).collect();
        let ring = KeyRing::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        let named = |key: usize| vectors.keys[key].get("kid").is_some();
        for vector in vectors.jwe.iter().filter(|v| named(v.key)) {
            if secret(&vectors.keys[vector.key]) == secrets {
                let encrypted = Encrypted::parse(&vector.token).unwrap();
                let decrypted = encrypted.decrypt(&ring, &[]).map(|d| d.plaintext);
                let plaintext = decrypted.expect(&vector.section);
                assert_eq!(plaintext.as_slice(), vector.plaintext.as_bytes());
            }
        }
    }
}

#[test]
fn thumbprints_are_those_of_the_standards() {
    let vectors = vectors();
    for vector in &vectors.thumbprints {
        let jwk = Jwk::parse(vectors.keys[vector.key].to_string().as_bytes()).unwrap();
        assert_eq!(jwk.thumbprint(), vector.expected, "{}", vector.section);
    }
}

#[test]
fn the_sets_of_the_standards_are_understood() {
    for vector in vectors().sets {
        let ring = KeyRing::parse(vector.set.to_string().as_bytes()).unwrap();
        assert!(ring.skipped().is_empty(), "{}: {:?}", vector.section, ring.skipped());
        for jwk in ring.keys() {
            let again = Jwk::parse(jwk.to_private_json().as_bytes()).unwrap();
            assert_eq!(again.thumbprint(), jwk.thumbprint());
        }
        // For verification, keys for encryption and shared secrets are set aside, with the reason.
        let set = KeySet::parse(vector.set.to_string().as_bytes()).unwrap();
        assert_eq!(set.kids().len() + set.skipped().len(), ring.keys().len(), "{}", vector.section);
    }
}
