//! RFC 9449 §5, §8, §10.

use crate::{
    apps::{ath, claims, desk, proof, redemption, text, who},
    house::{FORM, House, ISSUER_ID},
};
use portcullis_directory::grant::{ProofMark, use_proof};
use portcullis_jose::{Alg, SigningKey};
use portcullis_types::Timestamp;
use serde_json::{Value, json};

fn url() -> String {
    format!("{ISSUER_ID}/token")
}

fn key() -> SigningKey {
    SigningKey::generate(Alg::ES256).unwrap()
}

async fn redeem(house: &House, code: &str, proof: &str) -> crate::house::Answer {
    house.post(&[FORM, ("dpop", proof)], redemption("desk", code)).await
}

#[tokio::test]
async fn a_proof_binds_what_comes_of_the_code_to_its_key() {
    let house = House::with_apps().await;
    let (own, other) = (key(), key());
    let code = house.code("desk", "openid generate:basic").await;
    let answer = redeem(&house, &code, &proof(&own, &house, &url(), &json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!answer.header("dpop-nonce").is_empty());
    let body = answer.json();
    assert_eq!(text(&body, "token_type"), "DPoP");
    let jkt = own.public_jwk().unwrap().thumbprint();
    assert_eq!(claims(&body["access_token"])["cnf"], json!({ "jkt": jkt }));

    let refresh = format!(
        "grant_type=refresh_token&refresh_token={}&{}",
        text(&body, "refresh_token"),
        who("desk")
    );
    let bare = house.post(&[FORM], refresh.clone()).await;
    assert_eq!((bare.status, bare.error().as_str()), (400, "invalid_request"));
    let stolen = proof(&other, &house, &url(), &json!({}));
    let stolen = house.post(&[FORM, ("dpop", &stolen)], refresh.clone()).await;
    assert_eq!(stolen.error(), "invalid_grant");
    let good = proof(&own, &house, &url(), &json!({ "jti": "again" }));
    let good = house.post(&[FORM, ("dpop", &good)], refresh).await;
    assert_eq!((good.status, good.json()["token_type"].as_str()), (200, Some("DPoP")));
}

#[tokio::test]
async fn a_proof_that_is_wrong_or_was_used_is_refused_and_the_code_stays() {
    let house = House::with_apps().await;
    let own = key();
    let code = house.code("desk", "openid generate:basic").await;
    let now = house.now().seconds();
    for changes in [
        json!({ "htm": "GET" }),
        json!({ "htu": "https://id.example/token" }),
        json!({ "iat": now - 100 }),
        json!({ "iat": now + 100 }),
        json!({ "jti": "" }),
    ] {
        let answer = redeem(&house, &code, &proof(&own, &house, &url(), &changes)).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_dpop_proof"),
            "{changes}"
        );
    }
    let proof = proof(&own, &house, &url(), &json!({}));
    assert_eq!(redeem(&house, &code, "rubbish").await.error(), "invalid_dpop_proof");
    assert_eq!(redeem(&house, &code, &proof).await.status, 200);
    let code = house.code("desk", "openid generate:basic").await;
    let replayed = redeem(&house, &code, &proof).await;
    assert_eq!(replayed.error(), "invalid_dpop_proof");
    let fresh = crate::apps::proof(&own, &house, &url(), &json!({ "jti": "fresh" }));
    assert_eq!(redeem(&house, &code, &fresh).await.status, 200, "a replay uses nothing up");
}

#[tokio::test]
async fn a_code_for_one_key_is_nothing_in_the_hands_of_another() {
    let house = House::with_apps().await;
    let (own, other) = (key(), key());
    let granted = house.authorization("desk", "openid generate:basic").await;
    let jkt = own.public_jwk().unwrap().thumbprint();
    let code = house.code_for(granted, |new| new.dpop_jkt = Some(jkt)).await;
    let stolen = redeem(&house, &code, &proof(&other, &house, &url(), &json!({}))).await;
    assert_eq!(stolen.error(), "invalid_grant");
    let owner = redeem(&house, &code, &proof(&own, &house, &url(), &json!({}))).await;
    assert_eq!(owner.error(), "invalid_grant", "it is used up");
}

#[tokio::test]
async fn a_client_that_registered_for_it_must() {
    let house = House::open().await;
    let mut new = desk();
    new.registration.dpop_bound_access_tokens = true;
    house.client(new).await;
    house.person("ada", &["scientist"]).await;
    let code = house.code("desk", "openid generate:basic").await;
    let answer = house.redeem("desk", &code).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"));
    let proof = proof(&key(), &house, &url(), &json!({}));
    assert_eq!(redeem(&house, &code, &proof).await.status, 200);
}

#[tokio::test]
async fn a_required_nonce_is_given_and_then_accepted() {
    let house = House::with_required_nonces().await;
    let own = key();
    let code = house.code("desk", "openid generate:basic").await;
    let answer = redeem(&house, &code, &proof(&own, &house, &url(), &json!({}))).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "use_dpop_nonce"));
    let nonce = answer.header("dpop-nonce").to_owned();
    let bad = redeem(&house, &code, &proof(&own, &house, &url(), &json!({ "nonce": "x" }))).await;
    assert_eq!(bad.error(), "use_dpop_nonce");
    let good =
        redeem(&house, &code, &proof(&own, &house, &url(), &json!({ "nonce": nonce }))).await;
    assert_eq!(good.status, 200, "{}", good.body);
}

#[tokio::test]
async fn client_credentials_are_bound_as_well() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let own = key();
    let proof = proof(&own, &house, &url(), &json!({}));
    let body = format!("grant_type=client_credentials&client_id=free-app&client_secret={secret}");
    let answer = house.post(&[FORM, ("dpop", &proof)], body.clone()).await;
    assert_eq!(answer.json()["token_type"], "DPoP");
    assert!(answer.claims()["cnf"]["jkt"].is_string());
    let replayed = house.post(&[FORM, ("dpop", &proof)], body).await;
    assert_eq!(replayed.error(), "invalid_dpop_proof");
}

#[tokio::test]
async fn userinfo_asks_for_a_proof_of_the_tokens_holder() {
    let house = House::with_apps().await;
    let own = key();
    let code = house.code("desk", "openid generate:basic").await;
    let body = redeem(&house, &code, &proof(&own, &house, &url(), &json!({}))).await.json();
    let token = text(&body, "access_token");
    let userinfo = format!("{ISSUER_ID}/userinfo");
    let right = json!({ "htm": "GET", "ath": ath(token), "jti": "u" });
    let ask = async |scheme: &str, changes: Value| {
        let proof = proof(&own, &house, &userinfo, &changes);
        let request = house.http.get(house.at("/userinfo"));
        let request = request.header("authorization", format!("{scheme} {token}"));
        request.header("dpop", proof).send().await.unwrap()
    };
    assert_eq!(ask("Bearer", right.clone()).await.status(), 401, "a downgrade");
    assert_eq!(ask("DPoP", json!({ "htm": "GET", "ath": ath("x") })).await.status(), 401);
    let bare = house.userinfo(&format!("DPoP {token}")).await;
    assert_eq!(bare.status, 401);
    assert!(bare.header("www-authenticate").starts_with("DPoP "), "{bare:?}");
    assert_eq!(ask("DPoP", right.clone()).await.status(), 200);
    assert_eq!(ask("DPoP", right).await.status(), 401, "a replay");
    // Another node, which shares nothing but the database, has seen it.
    let elsewhere = ProofMark {
        iat: Timestamp::from_seconds(house.now().seconds()),
        jkt: own.public_jwk().unwrap().thumbprint(),
        jti: "elsewhere".into(),
    };
    house.store.write(move |tx| use_proof(tx, &elsewhere)).await.unwrap();
    let again = json!({ "htm": "GET", "ath": ath(token), "jti": "elsewhere" });
    assert_eq!(ask("DPoP", again).await.status(), 401, "a replay");
}
