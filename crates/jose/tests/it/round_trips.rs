//! What goes in comes out: every algorithm, every serialization; and garbage never panics.

use portcullis_jose::{
    Alg, Serialization, SigningKey, b64,
    jwe::{Enc, Encrypted, Envelope, KeyAlg, MAX_INFLATED, Recipient, Zip},
    jwk::{AgreementCurve, Jwk, KeyRing, KeySet, Material},
    jws::{Compact, Content, Draft, Placement, Signed, Signer},
};
use proptest::prelude::*;
use serde_json::{Map, json};

const SERIALIZATIONS: [Serialization; 3] =
    [Serialization::Compact, Serialization::Flattened, Serialization::General];

fn signing_jwk(alg: Alg) -> Jwk {
    let mut jwk = if alg.is_symmetric() {
        Jwk::generate_secret(64).unwrap()
    } else {
        SigningKey::generate(alg).unwrap().private_jwk().unwrap()
    };
    jwk.alg = Some(alg.name().to_owned());
    jwk
}

#[test]
fn every_signature_algorithm_verifies_what_it_signs_in_every_form() {
    for alg in Alg::ALL {
        let jwk = signing_jwk(alg);
        let ring = KeyRing::one(jwk.clone());
        for serialization in SERIALIZATIONS {
            for placement in [Placement::Attached, Placement::Detached] {
                for header in [json!({}), json!({ "b64": false })] {
                    let signer = Signer::from_jwk(&jwk, None).unwrap();
                    let header = header.as_object().unwrap().clone();
                    let payload = b"hello";
                    let draft = Draft { payload, placement, serialization };
                    let text = draft.sign(&[(signer, header)]).unwrap();
                    let content = match placement {
                        Placement::Attached => Content::Attached,
                        Placement::Detached => Content::Detached(payload),
                    };
                    let verified = Signed::parse(&text).unwrap().verify(&ring, &[], content);
                    assert_eq!(verified.unwrap().payload, payload, "{text}");
                }
            }
        }
    }
}

fn encryption_jwk(alg: KeyAlg, enc: Enc) -> Jwk {
    match alg {
        KeyAlg::Dir => Jwk::generate_secret(enc.key_length()).unwrap(),
        KeyAlg::Rsa15 | KeyAlg::RsaOaep(_) => unreachable!("RSA keys are shared"),
        KeyAlg::Kw(aes) | KeyAlg::GcmKw(aes) | KeyAlg::Pbes2(aes) => {
            Jwk::generate_secret(aes.length()).unwrap()
        }
        KeyAlg::EcdhEs(_) => {
            let curve = match enc {
                Enc::Gcm(portcullis_jose::jwe::Aes::A128) => AgreementCurve::P256,
                Enc::Gcm(_) => AgreementCurve::P384,
                Enc::CbcHmac(portcullis_jose::jwe::Aes::A128) => AgreementCurve::P521,
                Enc::CbcHmac(_) => AgreementCurve::X25519,
            };
            Jwk::generate_agreement(curve).unwrap()
        }
    }
}

fn envelope(enc: Enc, serialization: Serialization, zip: Zip) -> Envelope<'static> {
    let mut protected = Map::new();
    protected.insert("p2c".to_owned(), 1000.into());
    Envelope { enc, protected, zip, aad: None, serialization }
}

#[test]
fn every_pair_of_encryption_algorithms_decrypts_what_it_encrypts() {
    let rsa = Jwk::generate_rsa(portcullis_jose::RsaBits::B2048).unwrap();
    for alg in KeyAlg::all().filter(|alg| *alg != KeyAlg::Rsa15) {
        for enc in Enc::all() {
            let own = if matches!(alg, KeyAlg::RsaOaep(_)) {
                rsa.clone()
            } else {
                encryption_jwk(alg, enc)
            };
            for (serialization, zip) in
                SERIALIZATIONS.into_iter().zip([Zip::None, Zip::Deflate, Zip::None])
            {
                let jwk = own.public().unwrap_or_else(|_| own.clone());
                let recipient = Recipient { jwk: &jwk, alg };
                let text = envelope(enc, serialization, zip).seal(b"hello", &[recipient]).unwrap();
                let ring = KeyRing::one(own.clone());
                let decrypted = Encrypted::parse(&text).unwrap().decrypt(&ring, &[]);
                let decrypted = decrypted.map(|d| d.plaintext);
                assert_eq!(decrypted.unwrap().as_slice(), b"hello", "{alg} {enc} {text}");
            }
        }
    }
}

#[test]
fn any_change_to_a_compact_jwe_is_noticed() {
    let jwk = Jwk::generate_secret(32).unwrap();
    let recipient = || Recipient { jwk: &jwk, alg: "A256KW".parse().unwrap() };
    for enc in Enc::all() {
        let text = envelope(enc, Serialization::Compact, Zip::None)
            .seal(b"attack at dawn", &[recipient()])
            .unwrap();
        let ring = KeyRing::one(jwk.clone());
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let opened = Encrypted::parse(&changed).and_then(|jwe| jwe.decrypt(&ring, &[]));
            assert!(opened.is_err(), "{position} of {text}");
        }
    }
}

#[test]
fn a_decompression_bomb_stops_at_the_limit() {
    let jwk = Jwk::generate_secret(32).unwrap();
    let ring = KeyRing::one(jwk.clone());
    for (length, fine) in [(MAX_INFLATED, true), (MAX_INFLATED + 1, false), (50_000_000, false)] {
        let text = inflated(&jwk, length);
        assert_eq!(Encrypted::parse(&text).unwrap().decrypt(&ring, &[]).is_ok(), fine);
    }
}

/// What somebody else could make: `length` zeros, compressed and encrypted directly with A256GCM.
fn inflated(jwk: &Jwk, length: usize) -> String {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use std::io::Write as _;

    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; length]).unwrap();
    let mut content = encoder.finish().unwrap();
    let Material::Oct(secret) = &jwk.material else { unreachable!() };
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, secret.expose()).unwrap());
    let header = b64::encode(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#);
    let (iv, aad) = ([7; 12], Aad::from(header.as_bytes()));
    let nonce = Nonce::assume_unique_for_key(iv);
    let tag = key.seal_in_place_separate_tag(nonce, aad, &mut content).unwrap();
    let [iv, content, tag] = [&iv[..], &content, tag.as_ref()].map(b64::encode);
    format!("{header}..{iv}.{content}.{tag}")
}

#[test]
fn nothing_is_compressed_that_would_be_refused_as_a_bomb() {
    let jwk = Jwk::generate_secret(32).unwrap();
    let seal = |length, zip| {
        let recipient = Recipient { jwk: &jwk, alg: KeyAlg::Dir };
        let envelope = envelope("A256GCM".parse().unwrap(), Serialization::Compact, zip);
        envelope.seal(&vec![0; length], &[recipient])
    };
    let whole = seal(MAX_INFLATED, Zip::Deflate).unwrap();
    let ring = KeyRing::one(jwk.clone());
    assert!(Encrypted::parse(&whole).unwrap().decrypt(&ring, &[]).is_ok());
    assert!(seal(MAX_INFLATED + 1, Zip::None).is_ok());
    let refused = seal(MAX_INFLATED + 1, Zip::Deflate).unwrap_err().to_string();
    assert!(refused.contains("256001") && refused.contains("256000"), "{refused}");
}

#[test]
fn a_key_of_another_kind_is_told_with_both_algorithms() {
    let ec = SigningKey::generate(Alg::ES256).unwrap().private_jwk().unwrap();
    let bare = Jwk { alg: None, ..ec.clone() };
    let secret = Jwk::generate_secret(32).unwrap();
    let draft = Draft {
        payload: b"x",
        placement: Placement::Attached,
        serialization: Serialization::Compact,
    };
    let signer = Signer::from_jwk(&secret, Some(Alg::HS256)).unwrap();
    let text = draft.sign(&[(signer, Map::new())]).unwrap();
    for jwk in [ec, bare] {
        let verified =
            Signed::parse(&text).unwrap().verify(&KeyRing::one(jwk), &[], Content::Attached);
        let said = verified.unwrap_err().to_string();
        assert!(said.contains("for ES256, not for HS256"), "{said}");
    }
}

proptest! {
    #[test]
    fn any_payload_survives_signing(payload: Vec<u8>, typ in "[ -~]{0,40}") {
        let key = SigningKey::generate(Alg::Ed25519).unwrap();
        let ring = KeyRing::one(key.private_jwk().unwrap());
        let mut header = Map::new();
        header.insert("typ".to_owned(), typ.into());
        let draft = Draft {
            payload: &payload,
            placement: Placement::Attached,
            serialization: Serialization::Compact,
        };
        let text = draft.sign(&[(Signer::Key(key), header)]).unwrap();
        let verified = Signed::parse(&text).unwrap().verify(&ring, &[], Content::Attached);
        prop_assert_eq!(verified.unwrap().payload, payload);
    }

    #[test]
    fn any_plaintext_survives_encryption(plaintext: Vec<u8>, aad: Vec<u8>) {
        let jwk = Jwk::generate_secret(32).unwrap();
        let envelope = Envelope {
            aad: Some(&aad),
            ..envelope("A128CBC-HS256".parse().unwrap(), Serialization::Flattened, Zip::Deflate)
        };
        let alg = "A256GCMKW".parse().unwrap();
        let text = envelope.seal(&plaintext, &[Recipient { jwk: &jwk, alg }]).unwrap();
        let opened = Encrypted::parse(&text).unwrap().decrypt(&KeyRing::one(jwk), &[]);
        prop_assert_eq!(opened.map(|opened| opened.plaintext.to_vec()).unwrap(), plaintext);
    }

    #[test]
    fn base64url_has_one_spelling(bytes: Vec<u8>, text in "[A-Za-z0-9_=+/ -]{0,24}") {
        prop_assert_eq!(b64::decode(b64::encode(&bytes)).unwrap(), bytes);
        if let Ok(decoded) = b64::decode(&text) {
            prop_assert_eq!(b64::encode(decoded), text);
        }
    }

    #[test]
    fn nothing_panics_on_garbage(text in ".{0,200}", header in ".{0,60}", bytes: Vec<u8>) {
        let _ = Compact::parse(&text);
        let _ = Signed::parse(&text);
        let _ = Encrypted::parse(&text);
        let _ = KeySet::parse(text.as_bytes());
        let _ = Jwk::parse(&bytes);
        let _ = Jwk::from_pem(&text);
        let compact = format!("{}.{}.{}", b64::encode(&header), b64::encode(&bytes), "AA");
        let _ = Compact::parse(&compact);
        let _ = Encrypted::parse(&format!("{}.AA.AA.AA.AA", b64::encode(&header)));
    }
}
