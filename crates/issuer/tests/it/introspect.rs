//! `{issuer}/introspect`.

use crate::{
    apps::{claims, text, who},
    house::{BATCH, FORM, House, ISSUER_ID, TEXTGEN, new},
};
use portcullis_directory::{ClientSecret, NewAuth};
use portcullis_types::Ttl;
use serde_json::{Value, json};

const API: &str = "a-secret-of-an-api-0123456789-abcdef";

/// An API that asks about tokens for it; one that has nothing to do with them; one of another customer; and a client
/// that may have such tokens itself.
async fn apis(house: &House) {
    for (id, resource, tenant) in [
        ("the-api", TEXTGEN, None),
        ("other-api", BATCH, None),
        ("acme-api", TEXTGEN, Some("acme")),
        ("a-caller", "", None),
    ] {
        let secret = ClientSecret::chosen(API).unwrap();
        let mut api = new(id, NewAuth::Chosen(secret));
        api.resources = vec![TEXTGEN.parse().unwrap()];
        api.default_resource = None;
        api.tenant = tenant.map(|tenant| tenant.parse().unwrap());
        api.registration.introspects = resource.parse().into_iter().collect();
        house.client(api).await;
    }
}

async fn ask(house: &House, who: &str, token: &str) -> Value {
    let answer = house.form("/introspect", &format!("{who}&token={token}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

fn api(id: &str) -> String {
    format!("client_id={id}&client_secret={API}")
}

#[tokio::test]
async fn an_api_learns_what_a_token_for_it_may() {
    let house = House::with_apps().await;
    apis(&house).await;
    let body = house.tokens("desk", "openid generate:basic").await;
    let token = text(&body, "access_token");
    let told = ask(&house, &api("the-api"), token).await;
    assert_eq!(told["active"], true);
    assert_eq!((text(&told, "client_id"), text(&told, "aud")), ("desk", TEXTGEN));
    assert_eq!((text(&told, "token_type"), text(&told, "acr")), ("Bearer", "mfa"));
    assert_eq!(told["exp"], claims(&body["access_token"])["exp"]);
    let inactive = json!({ "active": false });
    for other in ["other-api", "acme-api", "a-caller"] {
        assert_eq!(ask(&house, &api(other), token).await, inactive, "{other}: not its business");
    }
    for bad in ["x", "prt_x", text(&body, "id_token"), text(&body, "refresh_token")] {
        assert_eq!(ask(&house, &api("the-api"), bad).await, inactive, "{bad}");
    }
    house.wait(Ttl::seconds(600));
    assert_eq!(ask(&house, &api("the-api"), token).await, inactive, "expired");
}

#[tokio::test]
async fn a_client_learns_of_its_own_tokens() {
    let house = House::with_apps().await;
    let body = house.tokens("server", "openid generate:basic").await;
    let own = ask(&house, &who("server"), text(&body, "refresh_token")).await;
    assert_eq!((&own["active"], text(&own, "client_id")), (&json!(true), "server"));
    assert_eq!(text(&own, "scope"), "openid generate:basic");
    assert_eq!(ask(&house, &who("server"), text(&body, "access_token")).await["active"], true);
    let id = text(&claims(&body["access_token"]), "grant").to_owned();
    let now = house.now();
    let end = move |tx: &mut portcullis_store::Tx<'_>| {
        portcullis_directory::grant::end_grant(tx, &id.parse().unwrap(), now)
    };
    assert!(house.store.write(end).await.unwrap());
    for token in ["refresh_token", "access_token"] {
        let told = ask(&house, &who("server"), text(&body, token)).await;
        assert_eq!(told, json!({ "active": false }), "{token}: at once, before it is published");
    }
}

#[tokio::test]
async fn who_asks_must_prove_it_and_say_what_about() {
    let house = House::with_apps().await;
    let public = house.form("/introspect", "client_id=desk&token=x").await;
    assert_eq!((public.status, public.error().as_str()), (401, "invalid_client"));
    house.record(public.decision()).await;
    let none = house.form("/introspect", "token=x").await;
    assert_eq!(none.status, 401);
    let wrong = house.form("/introspect", "client_id=server&client_secret=wrong&token=x").await;
    assert_eq!(wrong.status, 401);
    let who = who("server");
    for body in [who.clone(), format!("{who}&token=x&token=y"), format!("{who}&token=")] {
        let answer = house.form("/introspect", &body).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{body}");
    }
    let text = house.post_to("/introspect", &[("content-type", "text/plain")], &who).await;
    assert_eq!(text.status, 400);
    assert_eq!(house.get("/tenants/one/introspect").await.status, 405);
}

#[tokio::test]
async fn the_answer_is_a_jwt_if_that_is_asked_for() {
    let house = House::with_apps().await;
    let body = house.tokens("server", "openid generate:basic").await;
    let asked = format!("{}&token={}", who("server"), text(&body, "access_token"));
    let accept = ("accept", "application/token-introspection+jwt");
    let answer = house.post_to("/introspect", &[FORM, accept], &asked).await;
    assert_eq!(answer.header("content-type"), "application/token-introspection+jwt");
    let told = claims(&answer.body.clone().into());
    assert_eq!((text(&told, "iss"), text(&told, "aud")), (ISSUER_ID, "server"));
    assert_eq!(told["token_introspection"]["active"], true);
    assert!(told.get("sub").is_none() && told.get("exp").is_none());
    let jws = portcullis_jose::jws::Compact::parse(&answer.body).unwrap();
    assert_eq!(jws.header().typ.as_deref(), Some("token-introspection+jwt"));
}
