//! A trusted issuer that signs anything: no payload panics, and what is admitted does say what it must.
#![no_main]

#[path = "trusted.rs"]
mod trusted;

use libfuzzer_sys::fuzz_target;
use portcullis_jose::b64;
use portcullis_types::{Stage, Trace};
use portcullis_verify::{Presented, admit};

fuzz_target!(|payload: &[u8]| {
    let key = &trusted::TRUSTED.key;
    let header = format!(r#"{{"alg":"Ed25519","typ":"at+jwt","kid":"{}"}}"#, key.kid());
    let input = format!("{}.{}", b64::encode(header.as_bytes()), b64::encode(payload));
    let token = format!("{input}.{}", b64::encode(&key.sign(input.as_bytes()).unwrap()));
    let Ok(presented) = Presented::token(&token) else { return };
    let mut trace = Trace::new(Stage::Access);
    let verdict =
        trusted::with(|target, known, now| admit(&presented, target, known, now, &mut trace));
    if let Ok(admission) = verdict {
        let claims = admission.claims();
        assert_eq!(claims.iss.as_str(), "https://id.example");
        assert!(claims.aud.iter().any(|aud| aud == "https://gw.example/v1"));
        assert!(claims.exp.seconds() > 1_800_000_000 - 31);
        let text = std::str::from_utf8(payload).unwrap();
        assert!(text.contains("generate") || text.contains("\\u"));
    }
});
