use crate::house::{BATCH, House, ISSUER_ID, TEXTGEN, new};
use portcullis_directory::NewAuth;
use portcullis_types::Ttl;
use serde_json::json;

#[tokio::test]
async fn the_answer_is_rfc_6749_and_the_token_is_rfc_9068() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let answer = house.ask("free-app", &secret, "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(answer.header("content-type"), "application/json");
    let mut body = answer.json();
    body["access_token"].take();
    let wanted = json!({
        "access_token": null, "token_type": "Bearer", "expires_in": 600, "scope": "generate:basic",
    });
    assert_eq!(body, wanted);
    let mut claims = answer.claims();
    let jti = claims["jti"].take();
    assert_eq!(jti.as_str().unwrap().len(), 26);
    let now = house.now().seconds();
    let wanted = json!({
        "iss": ISSUER_ID, "sub": "free-app", "aud": TEXTGEN, "client_id": "free-app", "iat": now,
        "exp": now + 600, "jti": null, "scope": "generate:basic",
    });
    assert_eq!(claims, wanted);
}

#[tokio::test]
async fn an_api_has_its_own_lifetime_and_a_client_its_tenant() {
    let house = House::open().await;
    let mut client = new("acme-app", NewAuth::Generated);
    client.tenant = Some("acme".parse().unwrap());
    let secret = house.client(client).await;
    let answer =
        house.ask("acme-app", &secret, &format!("&resource={BATCH}&scope=batch:read")).await;
    let claims = answer.claims();
    assert_eq!(
        (claims["tenant"].as_str(), answer.json()["expires_in"].as_u64()),
        (Some("acme"), Some(60))
    );
}

#[tokio::test]
async fn two_tokens_differ() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let jti = async || house.ask("free-app", &secret, "").await.claims()["jti"].clone();
    assert_ne!(jti().await, jti().await);
}

#[tokio::test]
async fn a_token_of_the_second_of_a_rotation_is_alive() {
    let house = House::open().await;
    house.free_app().await;
    house.wait(Ttl::from_millis(300));
    let secret = house.rotate("free-app", Ttl::seconds(0)).await;
    let before = house.directory.revocations().borrow().not_before.since("free-app").unwrap();
    let issued = house.ask("free-app", &secret, "").await.claims()["iat"].as_i64().unwrap();
    assert!(issued * 1000 >= before.millis(), "the gateway ends what was issued before");
}
