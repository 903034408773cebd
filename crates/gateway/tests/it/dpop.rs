//! Bound tokens at the gateway (RFC 9449, RFC 9470): what goes on to the upstream, what comes back.

use crate::house::{House, NOW};
use portcullis_gateway::settings::{Demand, Need};
use portcullis_jose::{Alg, SigningKey, b64};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

struct Wallet(SigningKey);

impl Wallet {
    fn new() -> Self {
        Self(SigningKey::generate(Alg::ES256).unwrap())
    }

    fn token(&self, house: &House) -> String {
        house.token_with(json!({ "cnf": { "jkt": self.0.public_jwk().unwrap().thumbprint() } }))
    }

    fn proof(&self, url: &str, token: &str, jti: &str, nonce: Option<&str>) -> String {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        let jwk = serde_json::to_value(self.0.public_jwk().unwrap()).unwrap();
        let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk });
        let mut claims = json!({
            "htm": "GET", "htu": url, "iat": NOW.seconds(), "jti": jti, "ath": b64::encode(hash),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        self.0.sign_compact(&header, &claims).unwrap()
    }
}

async fn get(house: &House, scheme: &str, token: &str, proof: &str) -> Response {
    let request = Client::new().get(house.url("/generate"));
    let request = request.header("authorization", format!("{scheme} {token}"));
    request.header("dpop", proof).send().await.unwrap()
}

fn said(response: &Response, header: &str) -> String {
    response.headers().get(header).map_or_else(String::new, |v| v.to_str().unwrap().into())
}

async fn demanding(change: impl Fn(&mut Demand)) -> House {
    House::with(|settings| {
        settings.routes.iter_mut().for_each(|route| change(&mut route.demand));
    })
    .await
}

#[tokio::test]
async fn a_bound_token_passes_once_for_each_proof_and_no_proof_goes_on() {
    let (house, wallet) = (House::open().await, Wallet::new());
    let (url, token) = (house.url("/generate"), wallet.token(&house));
    let proof = wallet.proof(&url, &token, "1", None);
    assert_eq!(get(&house, "DPoP", &token, &proof).await.status(), StatusCode::OK);
    let seen = house.last_seen();
    assert!(seen["headers"].get("dpop").is_none(), "{seen}");
    assert_eq!(seen["headers"]["authorization"], "Bearer upstream-key");
    let replayed = get(&house, "DPoP", &token, &proof).await;
    assert_eq!(replayed.status(), StatusCode::UNAUTHORIZED);
    assert!(said(&replayed, "www-authenticate").contains("error=\"invalid_dpop_proof\""));
    let next = wallet.proof(&url, &token, "2", None);
    assert_eq!(get(&house, "dpop", &token, &next).await.status(), StatusCode::OK);
    assert_eq!(house.times_seen(), 2);
}

#[tokio::test]
async fn all_workers_remember_what_one_has_seen() {
    let house = House::with(|settings| settings.workers = 4).await;
    let wallet = Wallet::new();
    let token = wallet.token(&house);
    let proof = wallet.proof(&house.url("/generate"), &token, "1", None);
    let tries = (0..24).map(|_| get(&house, "DPoP", &token, &proof));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == StatusCode::OK).count(), 1);
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing() {
    let (house, wallet, thief) = (House::open().await, Wallet::new(), Wallet::new());
    let (url, token) = (house.url("/generate"), wallet.token(&house));
    let own = wallet.proof(&url, &token, "1", None);
    for (scheme, proof) in [
        ("Bearer", own.clone()),
        ("DPoP", thief.proof(&url, &token, "2", None)),
        ("DPoP", wallet.proof(&house.url("/other"), &token, "3", None)),
        ("DPoP", wallet.proof(&url, "another token", "4", None)),
        ("DPoP", String::new()),
    ] {
        let answer = get(&house, scheme, &token, &proof).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{scheme} {proof}");
        assert!(said(&answer, "www-authenticate").starts_with("DPoP realm"), "{scheme} {proof}");
    }
    assert_eq!(house.times_seen(), 0);
    assert_eq!(get(&house, "DPoP", &token, &own).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_proof_on_a_public_route_goes_no_further() {
    let house = House::open().await;
    let request = Client::new().get(house.url("/public")).header("dpop", "proof");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    assert!(house.last_seen()["headers"].get("dpop").is_none());
}

#[tokio::test]
async fn a_nonce_is_handed_out_and_taken_back() {
    let house = demanding(|demand| demand.dpop_nonce = Need::Required).await;
    let wallet = Wallet::new();
    let (url, token) = (house.url("/generate"), wallet.token(&house));
    let asked = get(&house, "DPoP", &token, &wallet.proof(&url, &token, "1", None)).await;
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    assert!(said(&asked, "www-authenticate").contains("error=\"use_dpop_nonce\""));
    let nonce = said(&asked, "dpop-nonce");
    let proof = wallet.proof(&url, &token, "2", Some(&nonce));
    let good = get(&house, "DPoP", &token, &proof).await;
    assert_eq!((good.status(), said(&good, "dpop-nonce")), (StatusCode::OK, nonce));
}

#[tokio::test]
async fn where_keys_are_demanded_the_metadata_and_the_challenge_say_so() {
    let house = House::with(|settings| {
        settings.apis[0].demand.dpop = Need::Required;
        settings.apis[0].demand.client_certificate = Need::Required;
    })
    .await;
    let nothing = Client::new().get(house.url("/generate")).send().await.unwrap();
    assert_eq!(nothing.status(), StatusCode::UNAUTHORIZED);
    let challenge = said(&nothing, "www-authenticate");
    assert!(challenge.starts_with("DPoP realm=\"text\", algs=\"ES256 "), "{challenge}");
    let address = house.url("/.well-known/oauth-protected-resource");
    let document = Client::new().get(address).send().await.unwrap().text().await.unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["dpop_bound_access_tokens_required"], true);
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let unbound = Client::new().get(house.url("/generate")).bearer_auth(house.token());
    assert_eq!(unbound.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_route_may_want_a_strong_and_recent_sign_in() {
    let house = demanding(|demand| {
        demand.acr = vec!["mfa".into(), "phr".into()];
        demand.max_age = Some(portcullis_types::Ttl::seconds(900));
    })
    .await;
    let ask = |token: String| Client::new().get(house.url("/generate")).bearer_auth(token).send();
    let now = NOW.seconds();
    let good = house.token_with(json!({ "acr": "phr", "auth_time": now - 900 }));
    assert_eq!(ask(good).await.unwrap().status(), StatusCode::OK);
    for weak in [
        json!({}),
        json!({ "acr": "pwd", "auth_time": now }),
        json!({ "acr": "mfa" }),
        json!({ "acr": "mfa", "auth_time": now - 901 }),
    ] {
        let refused = ask(house.token_with(weak)).await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let challenge = said(&refused, "www-authenticate");
        assert!(
            challenge.contains("error=\"insufficient_user_authentication\"")
                && challenge.contains("acr_values=\"mfa phr\", max_age=\"900\""),
            "{challenge}"
        );
    }
}
