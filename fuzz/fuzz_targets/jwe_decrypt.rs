//! Any JWE, against one key of each kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_jose::{jwe::Encrypted, jwk::KeyRing};
use std::sync::LazyLock;

static KEYS: LazyLock<KeyRing> = LazyLock::new(|| {
    KeyRing::parse(
        br#"{"keys":[
        {"kty":"oct","k":"GawgguFyGrWKav7AX4VKUg"},
        {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
         "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
         "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}"#,
    )
    .unwrap()
});

fuzz_target!(|text: &str| {
    // A million PBES2 rounds are allowed, but not a thousand times a second.
    if !text.contains("UEJFUzI") && !text.contains("PBES2") {
        let _ = Encrypted::parse(text).map(|jwe| jwe.decrypt(&KEYS, &[]).is_ok());
    }
});
