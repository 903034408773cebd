//! `{issuer}/revoke`.

use crate::{
    apps::{claims, text, who},
    house::House,
};
use portcullis_audit::Event;
use serde_json::Value;

async fn revoke(house: &House, client: &str, token: &str) -> u16 {
    let answer = house.form("/revoke", &format!("{}&token={token}", who(client))).await;
    answer.status
}

async fn opens(house: &House, body: &Value) -> bool {
    house.userinfo(&format!("Bearer {}", text(body, "access_token"))).await.status == 200
}

#[tokio::test]
async fn a_refresh_token_ends_its_whole_family() {
    let house = House::with_apps().await;
    let first = house.tokens("desk", "openid generate:basic").await;
    let second = house.refresh("desk", text(&first, "refresh_token"), "").await.json();
    assert!(opens(&house, &first).await && opens(&house, &second).await);
    assert_eq!(revoke(&house, "desk", text(&second, "refresh_token")).await, 200);
    assert!(!opens(&house, &first).await && !opens(&house, &second).await);
    let again = house.refresh("desk", text(&second, "refresh_token"), "").await;
    assert_eq!(again.error(), "invalid_grant");
    let grant = text(&claims(&first["access_token"]), "grant").to_owned();
    assert!(house.directory.revocations().borrow().grants.has(&grant), "at once");
    let records = house.store.read(|tx| portcullis_audit::tail(tx, 0, 1000)).await.unwrap();
    let ended = records.into_iter().any(|(_, record)| {
        matches!(record.event, Event::Admin(admin)
            if admin.action == "grant.end" && admin.actor == "desk" && admin.target == grant)
    });
    assert!(ended);
}

#[tokio::test]
async fn an_access_token_ends_alone() {
    let house = House::with_apps().await;
    let body = house.tokens("server", "openid generate:basic").await;
    let other = house.refresh("server", text(&body, "refresh_token"), "").await.json();
    assert_eq!(revoke(&house, "server", text(&body, "access_token")).await, 200);
    assert!(!opens(&house, &body).await && opens(&house, &other).await);
    let jti = text(&claims(&body["access_token"]), "jti").to_owned();
    assert!(house.directory.revocations().borrow().tokens.has(jti.as_str()));
}

#[tokio::test]
async fn the_tokens_of_others_and_what_is_none_are_left_alone() {
    let house = House::with_apps().await;
    let body = house.tokens("desk", "openid generate:basic").await;
    for token in ["access_token", "refresh_token"] {
        assert_eq!(revoke(&house, "server", text(&body, token)).await, 200);
        assert!(opens(&house, &body).await, "{token}");
    }
    for unknown in ["x", "prt_x.y", "a.b.c"] {
        assert_eq!(revoke(&house, "desk", unknown).await, 200, "{unknown}");
    }
    let hinted = format!("{}&token=x&token_type_hint=nonsense", who("desk"));
    assert_eq!(house.form("/revoke", &hinted).await.status, 200);
    let id_token = format!("{}&token={}", who("desk"), text(&body, "id_token"));
    let answer = house.form("/revoke", &id_token).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "unsupported_token_type"));
    assert_eq!(house.refresh("desk", text(&body, "refresh_token"), "").await.status, 200);
}

#[tokio::test]
async fn who_asks_must_prove_it_and_say_what_to_end() {
    let house = House::with_apps().await;
    let body = house.tokens("server", "openid generate:basic").await;
    let token = text(&body, "refresh_token");
    for who in ["", "client_id=server&", "client_id=server&client_secret=wrong&", "client_id=x&"] {
        let answer = house.form("/revoke", &format!("{who}token={token}")).await;
        assert_eq!(answer.status, 401, "{who}");
        house.record(answer.decision()).await;
    }
    let who = who("server");
    for body in [who.clone(), format!("{who}&token=x&token=y"), format!("{who}&token=")] {
        let answer = house.form("/revoke", &body).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{body}");
    }
    assert_eq!(house.get("/tenants/one/revoke").await.status, 405);
    assert!(opens(&house, &body).await);
}
