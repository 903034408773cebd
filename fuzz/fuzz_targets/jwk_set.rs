//! Key sets come from other people's servers: any bytes, no panic, and what was read can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_jose::jwk::{Jwk, KeyRing, KeySet};

fuzz_target!(|bytes: &[u8]| {
    let _ = KeySet::parse(bytes);
    if let Ok(ring) = KeyRing::parse(bytes) {
        for jwk in ring.keys() {
            let again = Jwk::parse(jwk.to_private_json().as_bytes()).unwrap();
            assert_eq!(again.thumbprint(), jwk.thumbprint());
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Jwk::from_pem(text);
    }
});
