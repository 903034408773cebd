//! Whatever stands in a DPoP header: no input panics. The first line is claims, or their URL, which we sign;
//! each line below it is a header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_jose::{Alg, SigningKey};
use portcullis_types::Timestamp;
use portcullis_verify::dpop::{ALGS, Expected, Header, Htu, NonceRule, Nonces, Proof, Replays};
use std::sync::LazyLock;

static KEY: LazyLock<(SigningKey, serde_json::Value)> = LazyLock::new(|| {
    let key = SigningKey::generate(Alg::Ed25519).unwrap();
    let jwk = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
    (key, jwk)
});

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fuzz_target!(|text: &str| {
    let (text, headers) = text.split_once('\n').unwrap_or((text, ""));
    let nonces = Nonces::new(&[7; 32]);
    let expected = Expected {
        htm: "POST",
        htu: Htu::url("https://gw.example/v1/chat"),
        access_token: Some("token"),
        nonce: NonceRule::Required(&nonces),
        algs: &ALGS,
    };
    if let Ok(proof) = Header::of(headers.lines().map(str::as_bytes)).only() {
        let _ = Proof::verify(proof, &expected, NOW);
    }
    let (key, jwk) = &*KEY;
    let header = serde_json::json!({ "alg": "Ed25519", "typ": "dpop+jwt", "jwk": jwk });
    let claims = serde_json::from_str(text).unwrap_or_else(
        |_| serde_json::json!({ "htm": "POST", "htu": text, "iat": NOW.seconds(), "jti": "1" }),
    );
    let signed = key.sign_compact(&header, &claims).unwrap();
    let free = Expected { access_token: None, nonce: NonceRule::Ignored, ..expected };
    if let Ok(proof) = Proof::verify(&signed, &free, NOW) {
        let replays = Replays::new(16);
        assert!(replays.first_use(&proof, NOW).is_ok());
        assert!(replays.first_use(&proof, NOW).is_err());
    }
});
