//! The access-token path: no input panics, and nothing but a signed token yields a payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_jose::{
    jwk::{Jwk, PublicKey},
    jws::Compact,
};
use std::sync::LazyLock;

/// RFC 8037 A.2. Its private half is public, but the fuzzer does not know how to sign.
static KEY: LazyLock<PublicKey> = LazyLock::new(|| {
    let jwk = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    PublicKey::from_jwk(&Jwk::parse(jwk).unwrap(), None).unwrap()
});

fuzz_target!(|token: &str| {
    if let Ok(compact) = Compact::parse(token) {
        // One spelling: what was parsed is what would be written.
        assert!(token.starts_with(compact.signing_input()));
        let _ = compact.verify(&KEY);
    }
});
