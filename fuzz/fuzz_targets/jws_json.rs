//! Any JWS in any serialization, against a set of keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_jose::{
    jwk::KeyRing,
    jws::{Content, Signed},
};
use std::sync::LazyLock;

static KEYS: LazyLock<KeyRing> = LazyLock::new(|| {
    KeyRing::parse(
        br#"{"keys":[
        {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
    )
    .unwrap()
});

fuzz_target!(|text: &str| {
    if let Ok(signed) = Signed::parse(text) {
        let _ = signed.verify(&KEYS, &[], Content::Attached);
        let _ = signed.verify(&KEYS, &[], Content::Detached(b"x"));
    }
});
