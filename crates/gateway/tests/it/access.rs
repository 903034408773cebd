//! Who gets in, who does not, and what they are told.

use crate::house::{House, ISSUER, NOW};
use portcullis_verify::{Heard, KnownRevocations, Revocation, RevocationKind, Revocations};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

async fn get(house: &House, path: &str, token: &str) -> reqwest::Response {
    Client::new().get(house.url(path)).bearer_auth(token).send().await.unwrap()
}

fn challenge(response: &reqwest::Response) -> String {
    response
        .headers()
        .get("www-authenticate")
        .map(|v| v.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_good_token_reaches_the_upstream() {
    let house = House::open().await;
    let response = get(&house, "/generate?q=1", &house.token()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()["x-decision-id"].to_str().unwrap().starts_with("dec_"));
    assert_eq!(house.last_seen()["uri"], "/generate?q=1");
}

#[tokio::test]
async fn without_a_token_the_challenge_says_where_to_get_one() {
    let house = House::open().await;
    let response = Client::new().get(house.url("/generate")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let metadata = house.url("/.well-known/oauth-protected-resource");
    assert_eq!(
        challenge(&response),
        format!(
            "Bearer realm=\"text\", scope=\"generate:basic\", resource_metadata=\"{metadata}\""
        )
    );
    let document: Value = serde_json::from_str(
        &Client::new().get(metadata).send().await.unwrap().text().await.unwrap(),
    )
    .unwrap();
    assert_eq!(
        document,
        json!({
            "resource": house.url(""), "authorization_servers": [ISSUER],
            "scopes_supported": ["generate:advanced", "generate:basic", "model:list"],
            "bearer_methods_supported": ["header"], "resource_name": "Text",
            "dpop_signing_alg_values_supported": [
                "ES256", "ES384", "Ed25519", "EdDSA", "PS256", "RS256",
            ],
        })
    );
}

#[tokio::test]
async fn a_weak_scope_is_refused_with_all_scopes_that_are_needed() {
    let house = House::open().await;
    let response = Client::new()
        .post(house.url("/generate/premium"))
        .bearer_auth(house.token())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let said = challenge(&response);
    assert!(said.contains("error=\"insufficient_scope\""), "{said}");
    assert!(said.contains("scope=\"generate:advanced\""), "{said}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(body["required_scopes"], serde_json::json!(["generate:advanced"]));
    assert_eq!(house.times_seen(), 0);
}

/// The same token with another character in its signature.
fn altered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{other}{}", &signature[1..])
}

#[tokio::test]
async fn every_route_refuses_every_kind_of_bad_token() {
    let house = House::open().await;
    let routes = [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/messages"),
        ("POST", "/generate/premium"),
        ("GET", "/generate"),
        ("GET", "/identified"),
        ("GET", "/stream"),
        ("GET", "/hang"),
        ("GET", "/tenants/t1/files"),
        ("GET", "/other"),
        ("GET", "/alias"),
        ("POST", "/upload"),
    ];
    let expired = NOW.seconds() - 100;
    let tokens = [
        ("none", None, 401),
        ("another audience", Some(house.token_with(json!({"aud": "https://elsewhere.example"}))), 401),
        ("an audience that begins like ours", Some(house.token_with(json!({"aud": house.url("/x")}))), 401),
        ("expired", Some(house.token_with(json!({"exp": expired}))), 401),
        ("another issuer", Some(house.token_with(json!({"iss": "https://id.example/"}))), 401),
        ("an ID token", Some(house.token_with(json!({"nonce": "n"}))), 401),
        ("no jti", Some(house.token_with(json!({"jti": null}))), 401),
        ("weak scope", Some(house.token_with(json!({"aud": [house.url(""), house.url("/other")], "scope": "embedding:create"}))), 403),
        ("a scope that looks like it", Some(house.token_with(json!({"aud": [house.url(""), house.url("/other")], "scope": "generate:basic2 xgenerate:basic model:listing"}))), 403),
        ("altered", Some(altered(&house.token())), 401),
    ];
    for (method, path) in routes {
        for (what, token, status) in &tokens {
            let mut request = Client::new().request(method.parse().unwrap(), house.url(path));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status().as_u16(), *status, "{what} at {path}");
            assert!(response.headers().contains_key("x-decision-id"));
            assert!(challenge(&response).starts_with("Bearer realm="), "{what} at {path}");
        }
    }
    assert_eq!(house.times_seen(), 0);
}

#[tokio::test]
async fn what_is_not_mapped_is_denied() {
    let house = House::open().await;
    let response = get(&house, "/admin", &house.token()).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let response = Client::new()
        .delete(house.url("/generate"))
        .bearer_auth(house.token())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "GET");
    assert_eq!(house.times_seen(), 0);
}

#[tokio::test]
async fn a_token_in_the_query_is_never_read() {
    let house = House::open().await;
    let path = format!("/generate?access_token={}", house.token());
    let response = Client::new().get(house.url(&path)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(!challenge(&response).contains("error="));
}

#[tokio::test]
async fn two_credentials_are_no_credential() {
    let house = House::open().await;
    let twice = format!("Bearer {0}, Bearer {0}", house.token());
    for request in [
        Client::new()
            .get(house.url(&format!("/generate?access_token={}", house.token())))
            .bearer_auth(house.token()),
        Client::new()
            .get(house.url("/generate"))
            .bearer_auth(house.token())
            .header("authorization", "Bearer x"),
        Client::new().get(house.url("/generate")).header("authorization", twice),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(challenge(&response).contains("error=\"invalid_request\""));
    }
}

#[tokio::test]
async fn refusals_speak_the_language_of_the_api() {
    let house = House::open().await;
    let openai = Client::new()
        .post(house.url("/v1/chat/completions"))
        .bearer_auth("sk-abc")
        .send()
        .await
        .unwrap();
    assert_eq!(openai.status(), StatusCode::UNAUTHORIZED);
    let openai: Value = serde_json::from_str(&openai.text().await.unwrap()).unwrap();
    assert_eq!(openai["error"]["code"], "invalid_api_key");
    let anthropic = Client::new()
        .post(house.url("/v1/messages"))
        .header("x-api-key", "nope")
        .send()
        .await
        .unwrap();
    let anthropic: Value = serde_json::from_str(&anthropic.text().await.unwrap()).unwrap();
    assert_eq!(anthropic["error"]["type"], "authentication_error");
    assert_eq!(anthropic["type"], "error");
}

#[tokio::test]
async fn an_object_of_another_tenant_does_not_exist() {
    let house = House::open().await;
    let own = house.token_with(json!({"scope": "model:list", "tenant": "t1"}));
    assert_eq!(get(&house, "/tenants/t1/files", &own).await.status(), StatusCode::OK);
    assert_eq!(get(&house, "/tenants/t2/files", &own).await.status(), StatusCode::NOT_FOUND);
    let cross = house.token_with(json!({"scope": "model:list:t2", "tenant": "t1"}));
    assert_eq!(get(&house, "/tenants/t2/files", &cross).await.status(), StatusCode::OK);
    assert_eq!(get(&house, "/tenants/t1/files", &cross).await.status(), StatusCode::FORBIDDEN);
    let nobody = house.token_with(json!({"scope": "model:list"}));
    assert_eq!(get(&house, "/tenants/t1/files", &nobody).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn revocation_bites_a_token_that_is_already_remembered() {
    let house = House::open().await;
    let token = house.token();
    for _ in 0..3 {
        assert_eq!(get(&house, "/generate", &token).await.status(), StatusCode::OK);
    }
    let mut list = Revocations::none_by(ISSUER.parse().unwrap());
    list.add(&Revocation {
        kind: RevocationKind::Client,
        value: "app".into(),
        since: NOW,
        until: NOW,
    });
    let known = KnownRevocations { list: Arc::new(list), heard: Heard::AsItHappens };
    house.circle.revocations.store(Arc::new(vec![known]));
    let refused = get(&house, "/generate", &token).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(challenge(&refused).contains("The access token was revoked"));
}

#[tokio::test]
async fn a_remembered_token_is_still_for_its_own_audience_and_scope_only() {
    let house = House::open().await;
    let token = house.token();
    assert_eq!(get(&house, "/generate", &token).await.status(), StatusCode::OK);
    assert_eq!(get(&house, "/other", &token).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(&house, "/tenants/t1/files", &token).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_token_of_one_megabyte_costs_nothing_but_an_answer() {
    let house = House::open().await;
    let response = get(&house, "/generate", &"a".repeat(9 * 1024)).await;
    assert_eq!(response.status().as_u16(), 431);
    let huge =
        Client::new().get(house.url("/generate")).bearer_auth("a".repeat(1 << 20)).send().await;
    // hyper answers while we still send: either its answer arrives or the connection is reset.
    assert!(huge.map_or(true, |response| response.status().as_u16() == 431));
    assert_eq!(get(&house, "/generate", &house.token()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_browser_may_ask_before_it_reads_the_metadata() {
    let house = House::open().await;
    let address = house.url("/.well-known/oauth-protected-resource");
    let request = Client::new().request(reqwest::Method::OPTIONS, address);
    let response = request.header("origin", "https://app.example").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["access-control-allow-headers"], "*");
}
