//! RFC 8628.

use crate::{
    apps::{text, who},
    house::{FORM, House, TEXTGEN},
};
use portcullis_directory::grant::Decision;
use portcullis_types::Ttl;
use serde_json::Value;

async fn begin(house: &House) -> Value {
    let body = format!("{}&scope=openid+generate:basic&resource={TEXTGEN}", who("desk"));
    let answer = house.form("/device_authorization", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn poll(house: &House, device: &Value) -> crate::house::Answer {
    let code = text(device, "device_code");
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let body = format!("grant_type={grant}&device_code={code}&{}", who("desk"));
    house.post(&[FORM], body).await
}

#[tokio::test]
async fn a_device_gets_what_a_person_approves() {
    let house = House::with_apps().await;
    let device = begin(&house).await;
    let user_code = text(&device, "user_code");
    assert_eq!((user_code.len(), &user_code[4..5]), (9, "-"));
    assert!(text(&device, "verification_uri").ends_with("/tenants/one/device"));
    assert!(text(&device, "verification_uri_complete").ends_with(user_code));
    assert_eq!((&device["expires_in"], &device["interval"]), (&600.into(), &5.into()));
    let pending = poll(&house, &device).await;
    assert_eq!((pending.status, pending.error().as_str()), (400, "authorization_pending"));
    let granted = house.authorization("desk", "openid generate:basic").await;
    assert!(house.decide(user_code, Decision::Approve(Box::new(granted))).await);
    let early = poll(&house, &device).await;
    assert_eq!(early.error(), "slow_down");
    house.wait(Ttl::seconds(10));
    let answer = poll(&house, &device).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.json().get("refresh_token").is_some() && answer.json().get("id_token").is_some()
    );
    house.wait(Ttl::seconds(10));
    assert_eq!(poll(&house, &device).await.error(), "invalid_grant");
}

#[tokio::test]
async fn no_and_too_late_have_words_of_their_own() {
    let house = House::with_apps().await;
    let device = begin(&house).await;
    assert!(house.decide(text(&device, "user_code"), Decision::Deny).await);
    assert_eq!(poll(&house, &device).await.error(), "access_denied");
    let device = begin(&house).await;
    house.wait(Ttl::seconds(600));
    assert_eq!(poll(&house, &device).await.error(), "expired_token");
}

#[tokio::test]
async fn a_device_that_may_not_or_asks_for_nonsense_is_told_at_once() {
    let house = House::with_apps().await;
    let secret = house.free_app().await;
    let body = format!("client_id=free-app&client_secret={secret}&scope=generate:basic");
    let answer = house.form("/device_authorization", &body).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "unauthorized_client"));
    let who = who("desk");
    for (more, error) in [
        ("&scope=no:such", "invalid_scope"),
        ("", "invalid_request"),
        ("&scope=generate:basic&resource=https://nobody.example", "invalid_target"),
        ("&scope=openid&scope=email", "invalid_request"),
        ("&scope=generate:basic", "invalid_target"),
    ] {
        let answer = house.form("/device_authorization", &format!("{who}{more}")).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, error), "{more}");
        house.record(answer.decision()).await;
    }
    let nobody = house.form("/device_authorization", "client_id=nobody&scope=openid").await;
    assert_eq!(nobody.status, 401);
    assert_eq!(house.get("/tenants/one/device_authorization").await.status, 405);
}
