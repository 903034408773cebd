//! What a hostile token tries. Each is refused, for its own reason, by both readers.

use portcullis_jose::{
    Alg, Serialization, SigningKey, b64,
    jwe::{Encrypted, JweFault},
    jwk::{Jwk, KeyFault, KeyRing, KeySet, PublicKey},
    jws::{
        Compact, Content, Draft, HeaderFault, JwsFault, Malformed, Placement, Refusal,
        SignatureFault, Signed, Signer,
    },
};
use serde_json::{Map, Value, json};

/// A token signed for real under any header text, so that only the header can be the reason.
fn signed_under(key: &SigningKey, header: &str) -> String {
    let input = format!("{}.{}", b64::encode(header), b64::encode("{}"));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", b64::encode(signature))
}

fn ring(key: &SigningKey) -> KeyRing {
    KeyRing::one(key.public_jwk().unwrap())
}

fn verify(text: &str, ring: &KeyRing) -> Result<Vec<u8>, JwsFault> {
    Ok(Signed::parse(text)?.verify(ring, &[], Content::Attached)?.payload)
}

fn both_refuse(key: &SigningKey, token: &str) {
    let public = PublicKey::from_jwk(&key.public_jwk().unwrap(), None).unwrap();
    let fast = Compact::parse(token).map(|compact| compact.verify(&public).is_ok());
    assert!(!fast.unwrap_or(false), "the fast path took {token}");
    assert!(verify(token, &ring(key)).is_err(), "the other took {token}");
}

#[test]
fn an_unsigned_token_is_refused_in_every_spelling() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    for none in ["none", "None", "NONE", "nOnE", "nonE"] {
        let header = json!({ "alg": none }).to_string();
        for signature in ["", "AA"] {
            let token = format!("{}.{}.{signature}", b64::encode(&header), b64::encode("{}"));
            let fault = Compact::parse(&token).unwrap_err();
            assert_eq!(fault, Malformed::Header(HeaderFault::None));
            both_refuse(&key, &token);
        }
        both_refuse(&key, &signed_under(&key, &header));
    }
    for alg in ["", "none ", "\u{0}none", "es256", "ES257", "HS1", "dir"] {
        both_refuse(&key, &signed_under(&key, &json!({ "alg": alg }).to_string()));
    }
    for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["ES256"]}"#, r#"{"alg":true}"#] {
        both_refuse(&key, &signed_under(&key, header));
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    for alg in [Alg::RS256, Alg::ES256, Alg::Ed25519] {
        let key = SigningKey::generate(alg).unwrap();
        let public = key.public_jwk().unwrap();
        let secrets =
            [serde_json::to_vec(&public).unwrap(), public.thumbprint().into_bytes(), vec![0; 64]];
        for secret in secrets {
            let secret = json!({ "kty": "oct", "k": b64::encode(secret) }).to_string();
            let secret = Jwk::parse(secret.as_bytes()).unwrap();
            let signer = Signer::from_jwk(&secret, Some(Alg::HS256)).unwrap();
            let draft = Draft {
                payload: b"{}",
                placement: Placement::Attached,
                serialization: Serialization::Compact,
            };
            let token = draft.sign(&[(signer, Map::new())]).unwrap();
            both_refuse(&key, &token);
            assert!(matches!(verify(&token, &ring(&key)), Err(JwsFault::Refused(refusals))
                if matches!(refusals.as_slice(), [Refusal::NoFit { alg: Alg::HS256, .. }])));
        }
    }
}

#[test]
fn no_mac_is_accepted_from_a_set_that_mixes_secrets_and_key_pairs() {
    let secret = Jwk::generate_secret(32).unwrap().to_private_json();
    let secret: Value = serde_json::from_str(&secret).unwrap();
    let pair = json!(SigningKey::generate(Alg::ES256).unwrap().public_jwk().unwrap());
    let jwk = Jwk::parse(secret.to_string().as_bytes()).unwrap();
    let signer = || Signer::from_jwk(&jwk, Some(Alg::HS256)).unwrap();
    let draft = Draft {
        payload: b"{}",
        placement: Placement::Attached,
        serialization: Serialization::Compact,
    };
    let token = draft.sign(&[(signer(), Map::new())]).unwrap();
    let alone = KeyRing::parse(json!({ "keys": [secret] }).to_string().as_bytes()).unwrap();
    assert!(verify(&token, &alone).is_ok());
    let mixed = KeyRing::parse(json!({ "keys": [secret, pair] }).to_string().as_bytes()).unwrap();
    assert!(verify(&token, &mixed).is_err());
}

#[test]
fn a_token_does_not_choose_the_key_that_judges_it() {
    let ours = SigningKey::generate(Alg::ES256).unwrap();
    let theirs = SigningKey::generate(Alg::ES256).unwrap();
    let jwk = json!(theirs.public_jwk().unwrap());
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/cert")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": ours.kid() });
        header[name] = value;
        both_refuse(&ours, &signed_under(&theirs, &header.to_string()));
        // The same members in an honest token change nothing.
        let honest = signed_under(&ours, &header.to_string());
        assert!(verify(&honest, &ring(&ours)).is_ok());
    }
}

#[test]
fn a_critical_extension_is_refused_unless_understood() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    for header in [
        r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"ES256","crit":["https://example.com/x"],"https://example.com/x":1}"#,
        r#"{"alg":"ES256","crit":["missing"]}"#,
        r#"{"alg":"ES256","crit":["alg"]}"#,
        r#"{"alg":"ES256","crit":["kid"],"kid":"a"}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","crit":"b64","b64":true}"#,
        r#"{"alg":"ES256","crit":["b64","b64"],"b64":true}"#,
        r#"{"alg":"ES256","crit":[1]}"#,
        r#"{"alg":"ES256","crit":null}"#,
        r#"{"alg":"ES256","crit":["b64"]}"#,
        r#"{"alg":"ES256","b64":false}"#,
        r#"{"alg":"ES256","b64":"false","crit":["b64"]}"#,
    ] {
        both_refuse(&key, &signed_under(&key, header));
    }
    // The access-token path understands no extension at all.
    let public = PublicKey::from_jwk(&key.public_jwk().unwrap(), None).unwrap();
    let token = signed_under(&key, r#"{"alg":"ES256","b64":true,"crit":["b64"]}"#);
    let fault = Compact::parse(&token).unwrap().verify(&public).unwrap_err();
    assert!(matches!(fault, SignatureFault::Critical { .. }));
}

#[test]
fn a_header_with_two_meanings_is_refused() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    for header in [
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","\u0061lg":"ES256"}"#,
        r#"{"alg":"ES256","x":{"y":1,"y":2}}"#,
        r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
        r#"{"alg":"ES256"} "#,
        r#"{"alg":"ES256"}x"#,
        r#"["ES256"]"#,
        r#""ES256""#,
        "",
        "\u{feff}{\"alg\":\"ES256\"}",
    ] {
        let token = signed_under(&key, header);
        if header != r#"{"alg":"ES256"} "# {
            both_refuse(&key, &token);
        }
    }
    let deep = format!(r#"{{"alg":"ES256","x":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    both_refuse(&key, &signed_under(&key, &deep));
    let long = format!(r#"{{"alg":"ES256","x":"{}"}}"#, "x".repeat(1 << 20));
    both_refuse(&key, &signed_under(&key, &long));
}

#[test]
fn a_signature_has_one_spelling() {
    for alg in [Alg::ES256, Alg::ES384, Alg::ES512, Alg::ES256K, Alg::Ed25519, Alg::RS256] {
        let key = SigningKey::generate(alg).unwrap();
        let token = signed_under(&key, &json!({ "alg": alg }).to_string());
        assert!(verify(&token, &ring(&key)).is_ok());
        let (input, signature) = token.rsplit_once('.').unwrap();
        let bytes = b64::decode(signature).unwrap();
        let (r, s) = bytes.split_at(bytes.len() / 2);
        let der = [&[0x30, 70, 2, 33, 0], r, &[2, 33, 0], s].concat();
        let zeros = vec![0; bytes.len()];
        let half_zero = [r, &vec![0; s.len()]].concat();
        for forged in [
            der,
            zeros,
            half_zero,
            Vec::new(),
            bytes[1..].to_vec(),
            [&[0], bytes.as_slice()].concat(),
            [bytes.as_slice(), &[0]].concat(),
        ] {
            both_refuse(&key, &format!("{input}.{}", b64::encode(forged)));
        }
        for suffix in ["=", "==", "\n", " ", "."] {
            both_refuse(&key, &format!("{token}{suffix}"));
        }
        both_refuse(&key, &format!(" {token}"));
        if !signature.len().is_multiple_of(4) {
            // The last character again, with an unused bit set.
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let last = token.as_bytes()[token.len() - 1];
            let place = alphabet.iter().position(|c| *c == last).unwrap();
            let other = char::from(alphabet[place + 1]);
            both_refuse(&key, &format!("{}{other}", &token[..token.len() - 1]));
        }
    }
}

#[test]
fn a_token_has_three_segments_and_a_limit() {
    assert_eq!(Compact::parse("a.b").unwrap_err(), Malformed::Segments { seen: 2 });
    assert_eq!(Compact::parse("a.b.c.d").unwrap_err(), Malformed::Segments { seen: 4 });
    assert_eq!(Compact::parse("").unwrap_err(), Malformed::Segments { seen: 1 });
    assert_eq!(Compact::parse("a.b.c.d.e").unwrap_err(), Malformed::Encrypted);
    let long = "a".repeat(20_000);
    assert_eq!(Compact::parse(&long).unwrap_err(), Malformed::TooLong { length: 20_000 });
    assert!(matches!(Encrypted::parse("a.b.c").unwrap_err(), JweFault::Signed));
}

#[test]
fn a_key_serves_its_own_algorithm_and_purpose_only() {
    let key = SigningKey::generate(Alg::RS256).unwrap();
    let token = signed_under(&key, r#"{"alg":"PS256"}"#);
    both_refuse(&key, &token);
    let public = json!(key.public_jwk().unwrap());
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!("SIG")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!(["verify", "verify"])),
        ("key_ops", json!("verify")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("ES256")),
        ("alg", json!(7)),
        ("e", json!("AQ")),
        ("e", json!("Ag")),
        ("kty", json!("rsa")),
        ("n", json!("AQAB")),
    ] {
        let mut changed = public.clone();
        changed[name] = value;
        let set = KeySet::parse(json!({ "keys": [changed] }).to_string().as_bytes()).unwrap();
        assert!(set.is_empty() && set.skipped().len() == 1, "{name}");
    }
}

#[test]
fn a_point_off_the_curve_is_no_key() {
    for alg in [Alg::ES256, Alg::ES384, Alg::ES512, Alg::ES256K] {
        let mut jwk = json!(SigningKey::generate(alg).unwrap().public_jwk().unwrap());
        let y = b64::decode(jwk["y"].as_str().unwrap()).unwrap();
        let off: Vec<u8> = y[..y.len() - 1].iter().copied().chain([y[y.len() - 1] ^ 1]).collect();
        jwk["y"] = json!(b64::encode(off));
        let jwk = Jwk::parse(jwk.to_string().as_bytes()).unwrap();
        let fault = PublicKey::from_jwk(&jwk, None).unwrap_err();
        assert!(matches!(fault, KeyFault::Point(_)), "{fault}");
    }
}

#[test]
fn halves_of_different_keys_are_no_pair() {
    for alg in [Alg::RS256, Alg::ES256, Alg::Ed25519] {
        let [one, other] = [alg, alg].map(|alg| {
            let jwk = SigningKey::generate(alg).unwrap().private_jwk().unwrap();
            serde_json::from_str::<Value>(&jwk.to_private_json()).unwrap()
        });
        let mut mixed = one;
        mixed["d"] = other["d"].clone();
        let mixed = Jwk::parse(mixed.to_string().as_bytes()).unwrap();
        assert!(matches!(SigningKey::from_jwk(&mixed, None), Err(KeyFault::Inconsistent)));
    }
}

#[test]
fn headers_may_not_overlap_nor_leave_their_place() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let token = signed_under(&key, r#"{"alg":"ES256"}"#);
    let [protected, payload, signature] =
        <[&str; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    let flattened = json!({ "protected": protected, "payload": payload, "signature": signature });
    assert!(verify(&flattened.to_string(), &ring(&key)).is_ok());
    for (name, value) in [
        ("header", json!({ "alg": "ES256" })),
        ("header", json!({ "crit": ["x"], "x": 1 })),
        ("header", json!({ "b64": false })),
        ("header", json!("x")),
        ("signatures", json!([])),
        ("signatures", json!([{ "signature": signature, "protected": protected }])),
        ("payload", json!(null)),
        ("protected", json!({})),
        ("ciphertext", json!("")),
    ] {
        let mut changed = flattened.clone();
        changed[name] = value;
        assert!(verify(&changed.to_string(), &ring(&key)).is_err(), "{changed}");
    }
}

#[test]
fn two_keys_of_one_name_judge_nothing() {
    let keys: Vec<Value> = (0..2)
        .map(|_| {
            let key = SigningKey::generate(Alg::ES256).unwrap().with_kid("a");
            json!(key.public_jwk().unwrap())
        })
        .collect();
    let signer = SigningKey::generate(Alg::ES256).unwrap().with_kid("a");
    let token = signed_under(&signer, r#"{"alg":"ES256","kid":"a"}"#);
    let ring = KeyRing::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    assert!(matches!(verify(&token, &ring), Err(JwsFault::Refused(refusals))
        if matches!(refusals.as_slice(), [Refusal::Ambiguous { .. }])));
}

#[test]
fn password_encryption_has_bounds_in_both_directions() {
    let key = KeyRing::one(Jwk::generate_secret(16).unwrap());
    for count in [json!(1), json!(999), json!(1_000_001), json!(u64::MAX), json!(-1), json!("1000")]
    {
        let header = json!({
            "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAAAAAAAAAAAAAA", "p2c": count
        });
        let header = b64::encode(header.to_string());
        let text =
            format!("{header}.{}.AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA", "A".repeat(32));
        let fault = Encrypted::parse(&text).unwrap().decrypt(&key, &[]).err().unwrap().to_string();
        assert!(fault.contains("p2c"), "{fault}");
    }
}

#[test]
fn a_modulus_that_can_be_factored_is_no_key() {
    // From the Wycheproof project: made by a chip with the ROCA defect (CVE-2017-15361).
    let jwk = json!({ "kty": "RSA", "alg": "RS256", "e": "AQAB", "n": concat!(
        "AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPr",
        "Id7fe4r11CqRw09yBFuW79V8sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_",
        "MPsp7n0zs3Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGuRh7Y",
        "XsX3iMUSP_wSyHQg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE") });
    assert_eq!(Jwk::parse(jwk.to_string().as_bytes()).unwrap_err(), KeyFault::Roca);
}
