use crate::house::{Answer, FORM, House, ISSUER_ID, new};
use portcullis_audit::Event;
use portcullis_directory::{AssertionAudience, ClientKeys, Fapi2, NewAuth, Registration};
use portcullis_jose::{Alg, SigningKey, b64};
use portcullis_types::{AssertionFault, Check, ClientProof, Denial, Ttl};
use serde_json::{Value, json};

const TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

async fn registered(house: &House, alg: Alg) -> SigningKey {
    let key = SigningKey::generate(alg).unwrap();
    let jwks = json!({ "keys": [key.public_jwk().unwrap()] }).to_string();
    house.client(new("robot", NewAuth::Keys(ClientKeys::parse(&jwks).unwrap()))).await;
    key
}

/// The claims of a good assertion, with `changes`; a change to null takes the claim out.
fn claims(house: &House, jti: &str, changes: &Value) -> Value {
    let now = house.now().seconds();
    let mut claims = json!({
        "iss": "robot", "sub": "robot", "aud": ISSUER_ID, "iat": now, "exp": now + 60, "jti": jti,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn signed(key: &SigningKey, claims: &Value) -> String {
    key.sign_compact(&key.header("client-authentication+jwt"), claims).unwrap()
}

async fn send(house: &House, assertion: &str, more: &str) -> Answer {
    let body = format!(
        "grant_type=client_credentials&client_assertion_type={TYPE}&client_assertion={assertion}{more}"
    );
    house.post(&[FORM], body).await
}

/// Refused as a bad client, and why.
async fn fault(house: &House, answer: Answer) -> AssertionFault {
    assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"));
    let record = house.record(answer.decision()).await;
    assert_eq!(record.trace.failed(), Some(Check::Client));
    match record.denial.as_deref() {
        Some(Denial::BadClient { proof: ClientProof::Assertion { fault }, .. }) => fault.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_good_assertion_is_accepted_with_each_algorithm_and_type() {
    for alg in [Alg::ES256, Alg::PS256, Alg::Ed25519] {
        let house = House::open().await;
        let key = registered(&house, alg).await;
        let answer = send(&house, &signed(&key, &claims(&house, "1", &json!({}))), "").await;
        assert_eq!(answer.status, 200, "{alg}: {}", answer.body);
        assert_eq!(answer.claims()["sub"], "robot");
        let one = claims(&house, "2", &json!({ "aud": [ISSUER_ID] }));
        assert_eq!(send(&house, &signed(&key, &one), "&client_id=robot").await.status, 200);
        for (jti, typ) in [("3", "JWT"), ("4", "application/client-authentication+jwt")] {
            let claims = claims(&house, jti, &json!({}));
            let assertion = key.sign_compact(&key.header(typ), &claims).unwrap();
            assert_eq!(send(&house, &assertion, "").await.status, 200, "{typ}");
        }
        let bare = json!({ "alg": alg });
        let assertion = key.sign_compact(&bare, &claims(&house, "5", &json!({}))).unwrap();
        assert_eq!(send(&house, &assertion, "").await.status, 200, "neither typ nor kid");
    }
}

#[tokio::test]
async fn the_audience_is_the_issuer_alone() {
    let house = House::open().await;
    let key = registered(&house, Alg::ES256).await;
    let token_endpoint = format!("{ISSUER_ID}/token");
    let slash = format!("{ISSUER_ID}/");
    for aud in [
        json!(token_endpoint),
        json!([ISSUER_ID, token_endpoint]),
        json!([ISSUER_ID, ISSUER_ID]),
        json!(slash),
        json!("https://other.example"),
        json!([]),
    ] {
        let bad = signed(&key, &claims(&house, "1", &json!({ "aud": aud })));
        let fault = fault(&house, send(&house, &bad, "").await).await;
        assert!(matches!(fault, AssertionFault::Audience { .. }), "{aud}: {fault:?}");
    }
}

/// A client that `change` makes another, and its key.
async fn special(house: &House, change: impl FnOnce(&mut Registration)) -> SigningKey {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let jwks = json!({ "keys": [key.public_jwk().unwrap()] }).to_string();
    let mut new = new("robot", NewAuth::Keys(ClientKeys::parse(&jwks).unwrap()));
    change(&mut new.registration);
    house.client(new).await;
    key
}

#[tokio::test]
async fn a_client_may_be_let_name_the_token_endpoint_alone() {
    let house = House::open().await;
    let key = special(&house, |registration| {
        registration.assertion_audience = AssertionAudience::TokenEndpoint;
    })
    .await;
    let token_endpoint = format!("{ISSUER_ID}/token");
    for (jti, aud) in
        [json!(ISSUER_ID), json!(token_endpoint), json!([token_endpoint])].iter().enumerate()
    {
        let good = signed(&key, &claims(&house, &jti.to_string(), &json!({ "aud": aud })));
        assert_eq!(send(&house, &good, "").await.status, 200, "{aud}");
    }
    for aud in [
        json!([ISSUER_ID, token_endpoint]),
        json!(format!("{ISSUER_ID}/par")),
        json!(format!("{token_endpoint}/")),
        json!("https://other.example/token"),
    ] {
        let bad = signed(&key, &claims(&house, "bad", &json!({ "aud": aud })));
        let fault = fault(&house, send(&house, &bad, "").await).await;
        assert!(matches!(fault, AssertionFault::Audience { .. }), "{aud}: {fault:?}");
    }
}

#[tokio::test]
async fn fapi_takes_the_issuer_as_a_string_only() {
    let house = House::open().await;
    let key = special(&house, |registration| registration.follow(Fapi2::Security)).await;
    let list = signed(&key, &claims(&house, "1", &json!({ "aud": [ISSUER_ID] })));
    let fault = fault(&house, send(&house, &list, "").await).await;
    assert!(matches!(fault, AssertionFault::Claim { .. }), "{fault:?}");
    let string = signed(&key, &claims(&house, "2", &json!({})));
    assert_ne!(
        send(&house, &string, "").await.status,
        401,
        "the client is known; a proof is not there"
    );
}

#[tokio::test]
async fn an_algorithm_is_known_by_both_of_its_names() {
    let house = House::open().await;
    let key = SigningKey::generate(Alg::Ed25519).unwrap();
    let jwks = json!({ "keys": [key.public_jwk().unwrap()] }).to_string();
    let mut new = new("robot", NewAuth::Keys(ClientKeys::parse(&jwks).unwrap()));
    new.registration.token_endpoint_auth_signing_alg = Some(Alg::EdDSA);
    house.client(new).await;
    let good = signed(&key, &claims(&house, "1", &json!({})));
    assert_eq!(send(&house, &good, "").await.status, 200);
}

#[tokio::test]
async fn wrong_claims_are_refused() {
    let house = House::open().await;
    let key = registered(&house, Alg::ES256).await;
    let now = house.now().seconds();
    let mut place = 0;
    for (changes, wanted) in [
        (json!({ "iss": "other" }), "subject"),
        (json!({ "iss": null }), "claim"),
        (json!({ "exp": null }), "claim"),
        (json!({ "exp": "1" }), "claim"),
        (json!({ "exp": now - 31 }), "time"),
        (json!({ "exp": now + 3631 }), "time"),
        (json!({ "iat": now + 31 }), "time"),
        (json!({ "nbf": now + 31 }), "time"),
        (json!({ "exp": 1e300 }), "claim"),
        (json!({ "iat": -1 }), "claim"),
        (json!({ "jti": null }), "claim"),
        (json!({ "jti": "a b" }), "claim"),
        (json!({ "jti": "x".repeat(129) }), "claim"),
        (json!({ "aud": null }), "claim"),
        (json!({ "aud": 1 }), "claim"),
    ] {
        let bad = signed(&key, &claims(&house, "1", &changes));
        let fault = fault(&house, send(&house, &bad, "").await).await;
        let name = serde_json::to_value(&fault).unwrap()["fault"].clone();
        assert_eq!(name, wanted, "{changes}");
        // Not throttled by the failures before.
        place += 1;
        let jti = format!("good-{place}");
        let good = signed(&key, &claims(&house, &jti, &json!({})));
        assert_eq!(send(&house, &good, "").await.status, 200);
    }
    for skew in
        [json!({ "iat": now + 10 }), json!({ "exp": now - 20 }), json!({ "exp": 1_800_000_005.5 })]
    {
        let good = signed(&key, &claims(&house, &skew.to_string(), &skew));
        assert_eq!(send(&house, &good, "").await.status, 200, "{skew}");
    }
}

#[tokio::test]
async fn an_assertion_for_another_client_is_refused() {
    let house = House::open().await;
    let key = registered(&house, Alg::ES256).await;
    house.free_app().await;
    let good = signed(&key, &claims(&house, "1", &json!({})));
    assert_eq!(send(&house, &good, "&client_id=free-app").await.status, 401);
    assert_eq!(send(&house, &good, "&client_id=nobody").await.status, 401);
    let foreign = claims(&house, "1", &json!({ "iss": "free-app", "sub": "free-app" }));
    assert_eq!(send(&house, &signed(&key, &foreign), "").await.status, 401);
    assert_eq!(send(&house, &signed(&key, &foreign), "&client_id=robot").await.status, 401);
    let nobody = claims(&house, "1", &json!({ "iss": "nobody", "sub": "nobody" }));
    assert_eq!(send(&house, &signed(&key, &nobody), "").await.status, 401);
    assert_eq!(send(&house, &good, "").await.status, 200, "none of that used it up");
}

#[tokio::test]
async fn hostile_headers_are_refused() {
    let house = House::open().await;
    let key = registered(&house, Alg::ES256).await;
    let payload = b64::encode(claims(&house, "1", &json!({})).to_string());
    let kid = key.kid();
    let forged = |header: Value, signature: &[u8]| {
        format!("{}.{payload}.{}", b64::encode(header.to_string()), b64::encode(signature))
    };
    // HMAC with the public key as the secret.
    let public = key.public_jwk().unwrap();
    let public = serde_json::to_string(&public).unwrap();
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
    let header = json!({ "alg": "HS256", "kid": kid });
    let input = format!("{}.{payload}", b64::encode(header.to_string()));
    let tag = aws_lc_rs::hmac::sign(&hmac, input.as_bytes());
    let hs256 = format!("{input}.{}", b64::encode(tag));
    for (name, assertion) in [
        ("none", forged(json!({ "alg": "none" }), b"")),
        ("HS256", hs256),
        ("zeros", forged(json!({ "alg": "ES256", "kid": kid }), &[0; 64])),
        ("another algorithm", forged(json!({ "alg": "RS256", "kid": kid }), &[1; 256])),
        ("no JWS", "x.y".to_owned()),
        ("JWE", "a.b.c.d.e".to_owned()),
    ] {
        fault(&house, send(&house, &assertion, "&client_id=robot").await).await;
        let good = signed(&key, &claims(&house, &name.replace(' ', "-"), &json!({})));
        assert_eq!(send(&house, &good, "").await.status, 200, "{name}");
    }
    let other = SigningKey::generate(Alg::ES256).unwrap();
    let foreign = signed(&other, &claims(&house, "f", &json!({})));
    let unknown = fault(&house, send(&house, &foreign, "").await).await;
    assert!(matches!(unknown, AssertionFault::UnknownKey { .. }));
    let foreign = signed(&other.with_kid(kid), &claims(&house, "f", &json!({})));
    assert_eq!(fault(&house, send(&house, &foreign, "").await).await, AssertionFault::Signature);
    let claims = claims(&house, "t", &json!({}));
    for typ in ["at+jwt", "dpop+jwt", "logout+jwt"] {
        let typed = key.sign_compact(&key.header(typ), &claims).unwrap();
        let fault = fault(&house, send(&house, &typed, "").await).await;
        assert!(matches!(fault, AssertionFault::Malformed { .. }), "{typ}");
    }
}

#[tokio::test]
async fn the_wrong_assertion_type_and_the_wrong_method_are_refused() {
    let house = House::open().await;
    let key = registered(&house, Alg::ES256).await;
    let good = signed(&key, &claims(&house, "1", &json!({})));
    let body =
        format!("grant_type=client_credentials&client_assertion_type=x&client_assertion={good}");
    let answer = house.post(&[FORM], body).await;
    assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"));
    assert_eq!(house.ask("robot", "pcs_secret", "").await.status, 401);
    let both = send(&house, &good, "&client_id=robot&client_secret=x").await;
    assert_eq!(both.error(), "invalid_request");
}

#[tokio::test]
async fn an_assertion_counts_once_whatever_came_of_it() {
    let house = House::open().await;
    let key = registered(&house, Alg::ES256).await;
    let once = signed(&key, &claims(&house, "1", &json!({})));
    assert_eq!(send(&house, &once, "").await.status, 200);
    let fault = fault(&house, send(&house, &once, "").await).await;
    assert_eq!(fault, AssertionFault::Replayed { jti: "1".into() });
    // Refused for its scope, and used up all the same.
    let refused = signed(&key, &claims(&house, "2", &json!({})));
    assert_eq!(send(&house, &refused, "&scope=generate:premium").await.status, 400);
    let replayed = send(&house, &refused, "").await;
    assert_eq!(replayed.status, 401);
    let Event::Grant(grant) = house.record(replayed.decision()).await.event else { panic!() };
    assert!(grant.jti.is_none() && grant.granted.is_none(), "no token came of it");
    // Another client's jti is another jti; an expired one may be forgotten.
    house.wait(Ttl::seconds(400));
    assert_eq!(house.directory.purge(house.now()).await.unwrap(), 2);
}

#[tokio::test]
async fn of_twenty_requests_with_one_assertion_one_succeeds() {
    let house = std::sync::Arc::new(House::open().await);
    let key = registered(&house, Alg::ES256).await;
    let once = signed(&key, &claims(&house, "1", &json!({})));
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (house, once) = (house.clone(), once.clone());
            tokio::spawn(async move { send(&house, &once, "").await.status })
        })
        .collect();
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status, 200 | 401)), "{answers:?}");
}

#[tokio::test]
async fn private_and_symmetric_keys_are_not_registered() {
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let private = key.private_jwk().unwrap().to_private_json();
    assert!(ClientKeys::parse(&private).is_err());
    assert!(ClientKeys::parse(r#"{"keys":[{"kty":"oct","k":"AAAA","alg":"HS256"}]}"#).is_err());
    assert!(ClientKeys::parse(r#"{"keys":[]}"#).is_err());
    assert!(ClientKeys::parse("{}").is_err());
}
