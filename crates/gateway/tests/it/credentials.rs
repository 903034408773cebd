//! What crosses the gateway, and what never does.

use crate::house::{House, NOW};
use portcullis_gateway::settings::Credential;
use portcullis_jose::jws::Compact;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn the_callers_token_never_reaches_the_upstream() {
    let house = House::open().await;
    for path in ["/generate", "/identified", "/alias"] {
        let token = house.token();
        let request =
            Client::new().get(house.url(path)).bearer_auth(&token).header("cookie", "s=1");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        let seen = house.last_seen().to_string();
        assert!(!seen.contains(&token), "{path}");
        assert!(!seen.contains("cookie"), "{path}");
    }
}

#[tokio::test]
async fn an_upstream_gets_its_own_key() {
    let house = House::open().await;
    Client::new().get(house.url("/generate")).bearer_auth(house.token()).send().await.unwrap();
    assert_eq!(house.last_seen()["headers"]["authorization"], "Bearer upstream-key");
}

#[tokio::test]
async fn an_identity_says_who_calls_and_is_for_that_upstream_alone() {
    let house = House::open().await;
    Client::new().get(house.url("/identified")).bearer_auth(house.token()).send().await.unwrap();
    let seen = house.last_seen();
    let bearer =
        seen["headers"]["authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap();
    let jws = Compact::parse(bearer).unwrap();
    assert_eq!(jws.header().typ.as_deref(), Some("at+jwt"));
    let set = Client::new()
        .get(house.url("/.well-known/jwks.json"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let set = portcullis_jose::jwk::KeySet::parse(set.as_bytes()).unwrap();
    let key = set.find(jws.header().kid.as_deref().unwrap(), jws.header().alg).unwrap();
    let claims: Value = serde_json::from_slice(jws.verify(key).unwrap().as_ref()).unwrap();
    assert_eq!(claims["iss"], house.url(""));
    assert_eq!(claims["aud"], "https://model.internal");
    assert_eq!(claims["client_id"], "app");
    assert_eq!(claims["scope"], "generate:basic");
    assert!(claims["exp"].as_i64().unwrap() <= NOW.seconds() + 60);
    assert!(
        house.keys.public().find(jws.header().kid.as_deref().unwrap(), jws.header().alg).is_some()
    );
}

#[tokio::test]
async fn nobody_outside_says_who_they_are_or_where_they_come_from() {
    let house = House::open().await;
    Client::new()
        .get(house.url("/generate"))
        .bearer_auth(house.token())
        .header("x-forwarded-for", "10.1.1.1")
        .header("x-forwarded-user", "root")
        .header("forwarded", "for=10.1.1.1")
        .header("x-user", "root")
        .header("connection", "x-mine")
        .header("x-mine", "1")
        .header("x-harmless", "1")
        .send()
        .await
        .unwrap();
    let headers = &house.last_seen()["headers"];
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["x-forwarded-host"], house.address.to_string());
    assert_eq!(headers["via"], "1.1 portcullis");
    assert_eq!(headers["x-harmless"], "1");
    for gone in ["x-forwarded-user", "forwarded", "x-user", "x-mine"] {
        assert_eq!(headers[gone], Value::Null, "{gone}");
    }
}

#[tokio::test]
async fn a_caller_cannot_put_a_key_of_its_own_in_the_place_of_the_gateways() {
    let house = House::with(|settings| {
        settings.upstreams[0].credential = Credential::Header {
            name: http::HeaderName::from_static("api-key"),
            value: "the-gateways".parse().unwrap(),
        };
    })
    .await;
    let request = Client::new().get(house.url("/generate")).bearer_auth(house.token());
    request.header("api-key", "the-callers").header("api-key", "twice").send().await.unwrap();
    assert_eq!(house.last_seen()["headers"]["api-key"], "the-gateways");
    assert!(!house.last_seen().to_string().contains("the-callers"));
}

#[tokio::test]
async fn a_method_is_not_overridden_on_the_way() {
    let house = House::open().await;
    let request = Client::new().get(house.url("/generate")).bearer_auth(house.token());
    request.header("x-http-method-override", "DELETE").send().await.unwrap();
    assert_eq!(house.last_seen()["headers"]["x-http-method-override"], Value::Null);
}

#[tokio::test]
async fn two_callers_with_one_sub_share_no_identity() {
    let house = House::open().await;
    let mut scopes = Vec::new();
    for claims in [
        json!({"jti": "same", "scope": "generate:basic model:list"}),
        json!({"jti": "same", "scope": "generate:basic"}),
        json!({"jti": "same", "client_id": "another"}),
    ] {
        let token = house.token_with(claims);
        Client::new().get(house.url("/identified")).bearer_auth(token).send().await.unwrap();
        let seen = house.last_seen();
        let bearer = seen["headers"]["authorization"].as_str().unwrap().to_owned();
        let claims = Compact::parse(bearer.strip_prefix("Bearer ").unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(claims.unverified_payload()).unwrap();
        scopes.push(format!("{} {}", claims["client_id"], claims["scope"]));
    }
    assert_eq!(
        scopes,
        [
            "\"app\" \"generate:basic model:list\"",
            "\"app\" \"generate:basic\"",
            "\"another\" \"generate:basic\"",
        ]
    );
}

#[tokio::test]
async fn what_a_path_captures_may_go_into_the_upstreams_path() {
    let house = House::open().await;
    Client::new().get(house.url("/a/7?x=1")).bearer_auth(house.token()).send().await.unwrap();
    assert_eq!(house.last_seen()["uri"], "/b/7?x=1");
}

#[tokio::test]
async fn an_answer_loses_its_hop_by_hop_headers_and_nothing_else() {
    let house = House::open().await;
    let response =
        Client::new().get(house.url("/generate")).bearer_auth(house.token()).send().await.unwrap();
    assert!(!response.headers().contains_key("x-hop"));
    assert_eq!(response.headers()["x-kept"], "1");
}

#[tokio::test]
async fn a_route_may_lead_to_another_path() {
    let house = House::open().await;
    Client::new().get(house.url("/alias?a=b")).bearer_auth(house.token()).send().await.unwrap();
    assert_eq!(house.last_seen()["uri"], "/renamed?a=b");
}

#[tokio::test]
async fn a_public_route_needs_no_token_and_passes_none_on() {
    let house = House::open().await;
    let token = house.token();
    let response =
        Client::new().get(house.url("/public")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!house.last_seen().to_string().contains(&token));
}

#[tokio::test]
async fn anthropics_clients_may_send_the_token_as_their_key() {
    let house = House::open().await;
    let request = Client::new().post(house.url("/v1/messages")).header("x-api-key", house.token());
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(house.last_seen()["headers"]["x-api-key"], Value::Null);
    let elsewhere = Client::new().get(house.url("/generate")).header("x-api-key", house.token());
    assert_eq!(elsewhere.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}
