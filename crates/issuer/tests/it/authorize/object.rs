//! Request objects (RFC 9101), and attacks on them.

use super::{BACK, CHALLENGE, ask, first_party};
use crate::{
    browser::{Browser, encoded},
    house::{House, ISSUER_ID, TEXTGEN},
};
use portcullis_directory::{ClientKeys, NewAuth, NewClient};
use portcullis_jose::{Alg, SigningKey, b64};
use serde_json::{Value, json};

/// The app with a key, and that key.
async fn keyed() -> (House, SigningKey) {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let key = SigningKey::generate(Alg::ES256).unwrap();
    house.client(with_key("notebook", &key)).await;
    (house, key)
}

pub(super) fn with_key(id: &str, key: &SigningKey) -> NewClient {
    let jwks = serde_json::to_string(&key.public_jwk().unwrap()).unwrap();
    let jwks = ClientKeys::parse(&jwks).unwrap();
    NewClient { id: Some(id.parse().unwrap()), auth: NewAuth::Keys(jwks), ..first_party() }
}

fn claims(house: &House) -> Value {
    let now = house.now().seconds();
    json!({
        "iss": "notebook", "aud": ISSUER_ID, "client_id": "notebook", "exp": now + 60, "nbf": now,
        "response_type": "code", "redirect_uri": BACK, "scope": "openid generate:basic",
        "resource": TEXTGEN, "state": "signed", "nonce": "n",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

fn sign(key: &SigningKey, claims: &Value) -> String {
    key.sign_compact(&key.header("oauth-authz-req+jwt"), claims).unwrap()
}

async fn send(
    browser: &Browser<'_>,
    object: &str,
    beside: &[(&str, &str)],
) -> crate::house::Answer {
    let mut pairs = vec![("client_id", "notebook"), ("request", object)];
    pairs.extend(beside);
    browser.get(&format!("/authorize?{}", encoded(&pairs))).await
}

const BESIDE: &[(&str, &str)] =
    &[("redirect_uri", BACK), ("state", "beside"), ("response_type", "code"), ("scope", "openid")];

#[tokio::test]
async fn only_what_was_signed_counts() {
    let (house, key) = keyed().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let object = sign(&key, &claims(&house));
    let fields = send(&browser, &object, &[]).await.redirect().1;
    assert!(fields.contains_key("code"), "{fields:?}");
    assert_eq!(fields["state"], "signed");
    // RFC 9101 §4: iss and aud may be left out.
    let short = with(with(claims(&house), "iss", Value::Null), "aud", Value::Null);
    let fields = send(&browser, &sign(&key, &short), &[]).await.redirect().1;
    assert!(fields.contains_key("code"), "{fields:?}");
    // Attack: parameters beside the object that were not signed.
    let beside =
        [("scope", "openid email"), ("redirect_uri", "https://evil.example"), ("state", "x")];
    let fields = send(&browser, &object, &beside).await.redirect().1;
    assert_eq!(fields["state"], "signed");
    assert_eq!(house.last_grant().await.0.identity.to_string(), "openid");
    let none = sign(&key, &with(claims(&house), "code_challenge", Value::Null));
    let beside = [("code_challenge", CHALLENGE)];
    let fields = send(&browser, &none, &beside).await.redirect().1;
    assert_eq!(fields["error"], "invalid_request", "PKCE must be signed, too");
}

#[tokio::test]
async fn an_object_that_is_not_the_clients_own_is_refused() {
    let (house, key) = keyed().await;
    let other = SigningKey::generate(Alg::ES256).unwrap();
    house.client(with_key("other", &other)).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let good = claims(&house);
    let now = house.now().seconds();
    let none = format!("{}.{}.", b64::encode(r#"{"alg":"none"}"#), b64::encode(good.to_string()));
    let hmac = {
        let header = b64::encode(r#"{"alg":"HS256"}"#);
        format!("{header}.{}.{}", b64::encode(good.to_string()), b64::encode([0; 32]))
    };
    let altered = {
        let text = sign(&key, &good);
        let (head, signature) = text.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        let evil = with(good.clone(), "scope", json!("openid email"));
        format!("{header}.{}.{signature}", b64::encode(evil.to_string()))
    };
    for (what, object) in [
        ("no signature", none),
        ("a shared secret", hmac),
        ("changed", altered),
        ("another's key", sign(&other, &good)),
        ("no JWT", "x.y".to_owned()),
        ("another issuer", sign(&key, &with(good.clone(), "iss", json!("other")))),
        ("an issuer that is no text", sign(&key, &with(good.clone(), "iss", json!(7)))),
        (
            "another audience",
            sign(&key, &with(good.clone(), "aud", json!("https://other.example"))),
        ),
        ("an audience that is no text", sign(&key, &with(good.clone(), "aud", json!(7)))),
        ("expired", sign(&key, &with(good.clone(), "exp", json!(now - 60)))),
        ("not yet", sign(&key, &with(good.clone(), "nbf", json!(now + 60)))),
        ("a subject", sign(&key, &with(good.clone(), "sub", json!("notebook")))),
        ("a date as text", sign(&key, &with(good.clone(), "exp", json!("soon")))),
        ("another type", key.sign_compact(&key.header("at+jwt"), &good).unwrap()),
        ("nested", sign(&key, &with(good.clone(), "request", json!("x")))),
        (
            "pointing elsewhere",
            sign(&key, &with(good.clone(), "request_uri", json!("https://x.example"))),
        ),
    ] {
        let fields = send(&browser, &object, BESIDE).await.redirect().1;
        assert_eq!(fields["error"], "invalid_request_object", "{what}");
    }
    let foreign = sign(&key, &with(good, "client_id", json!("other")));
    assert_eq!(send(&browser, &foreign, BESIDE).await.redirected_error(), "invalid_request");
}

#[tokio::test]
async fn a_way_back_in_the_object_must_be_registered() {
    let (house, key) = keyed().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let evil = sign(&key, &with(claims(&house), "redirect_uri", json!("https://evil.example/")));
    let answer = send(&browser, &evil, BESIDE).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""));
}

#[tokio::test]
async fn an_app_that_must_sign_is_held_to_it() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = with_key("notebook", &SigningKey::generate(Alg::ES256).unwrap());
    new.registration.require_signed_request_object = true;
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    assert_eq!(ask(&browser, &[]).await.redirected_error(), "invalid_request");
}

#[tokio::test]
async fn an_audience_may_be_one_of_several() {
    let (house, key) = keyed().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let several = with(claims(&house), "aud", json!([ISSUER_ID, "https://other.example"]));
    let fields = send(&browser, &sign(&key, &several), &[]).await.redirect().1;
    assert!(fields.contains_key("code"), "{fields:?}");
}
