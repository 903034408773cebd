//! An authenticator in software: makes passkeys and signs with them as a browser would hand them on.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use portcullis_jose::b64;
use serde_json::{Value, json};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    pub(crate) counter: u32,
    pub(crate) origin: String,
    pub(crate) verifies: bool,
}

impl Authenticator {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: id.as_bytes().to_vec(),
            counter: 1,
            origin: "https://id.example".to_owned(),
            verifies: true,
        }
    }

    /// What `navigator.credentials.create` gives for these options.
    pub(crate) fn create(&self, options: &Value) -> String {
        let client = self.client_data("webauthn.create", options);
        let mut data = self.data(options["publicKey"]["rp"]["id"].as_str().unwrap(), ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        json!({
            "id": b64::encode(&self.id), "rawId": b64::encode(&self.id), "type": "public-key",
            "response": {
                "attestationObject": b64::encode(object), "clientDataJSON": b64::encode(client),
            },
            "clientExtensionResults": { "credProps": { "rk": true } },
        })
        .to_string()
    }

    /// What `navigator.credentials.get` gives for these options; `handle` is the user handle.
    pub(crate) fn get(&self, options: &Value, handle: &str) -> String {
        let client = self.client_data("webauthn.get", options);
        let data = self.data(options["publicKey"]["rpId"].as_str().unwrap(), 0);
        let signed = [data.as_slice(), digest(&SHA256, client.as_bytes()).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": b64::encode(&self.id), "rawId": b64::encode(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": b64::encode(data), "clientDataJSON": b64::encode(client),
                "signature": b64::encode(signature), "userHandle": handle,
            },
            "clientExtensionResults": {},
        })
        .to_string()
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = &options["publicKey"]["challenge"];
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
    }

    fn data(&self, rp: &str, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, rp.as_bytes()).as_ref().to_vec();
        data.push(flags | PRESENT | if self.verifies { VERIFIED } else { 0 });
        data.extend(self.counter.to_be_bytes());
        data
    }
}
