//! The access-token path.

use portcullis_jose::{
    Alg, SigningKey,
    jwk::{Jwk, KeySet, PublicKey},
    jws::Compact,
};
use serde_json::json;

#[test]
fn what_a_key_signs_its_public_half_verifies() {
    for alg in Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric()) {
        let key = SigningKey::generate(alg).unwrap();
        let token = key.sign_compact(&key.header("at+jwt"), &json!({"sub": "a"})).unwrap();
        let set = json!({ "keys": [key.public_jwk().unwrap()] }).to_string();
        let set = KeySet::parse(set.as_bytes()).unwrap();
        assert!(set.skipped().is_empty(), "{:?}", set.skipped());
        let compact = Compact::parse(&token).unwrap();
        assert_eq!(compact.header().typ.as_deref(), Some("at+jwt"));
        let public = set.find(key.kid(), compact.header().alg).unwrap();
        assert_eq!(compact.verify(public).unwrap().as_ref(), br#"{"sub":"a"}"#);
        assert_eq!(public.thumbprint(), key.kid());

        let (signed, _) = token.rsplit_once('.').unwrap();
        let zeros = portcullis_jose::b64::encode(vec![0; compact.signature().len()]);
        let forged = format!("{signed}.{zeros}");
        assert!(Compact::parse(&forged).unwrap().verify(public).is_err());
    }
}

#[test]
fn a_private_key_survives_pkcs8_and_jwk() {
    for alg in [Alg::RS256, Alg::ES256, Alg::ES384, Alg::ES512, Alg::ES256K, Alg::Ed25519] {
        let key = SigningKey::generate(alg).unwrap();
        let public = PublicKey::from_jwk(&key.public_jwk().unwrap(), None).unwrap();
        let json = key.private_jwk().unwrap().to_private_json();
        let again = [
            SigningKey::from_pkcs8(alg, &key.to_pkcs8().unwrap(), None).unwrap(),
            SigningKey::from_jwk(&Jwk::parse(json.as_bytes()).unwrap(), None).unwrap(),
        ];
        for again in again {
            assert_eq!(again.kid(), key.kid());
            let token = again.sign_compact(&again.header("JWT"), &json!({})).unwrap();
            assert!(Compact::parse(&token).unwrap().verify(&public).is_ok());
        }
        let shown = serde_json::to_string(&key.private_jwk().unwrap()).unwrap();
        assert!(!shown.contains("\"d\""), "{shown}");
    }
}
