//! A provider that lies in every way it can.

use super::*;
use crate::upstream::{Preset, metadata::Cache};
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use portcullis_jose::{Alg, SigningKey};
use portcullis_web::{Loopback, OutgoingPolicy};
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ACCESS_TOKEN: &str = "at-1";

/// What the provider does today.
struct Conduct {
    issuer: String,
    /// The key that it publishes.
    published: String,
    /// The one that it signs with.
    signer: SigningKey,
    claims: Value,
    userinfo: Value,
    token: Option<fn() -> Response>,
    calls: usize,
    silent: bool,
}

#[derive(Clone)]
struct Idp(Arc<Mutex<Conduct>>);

impl Idp {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let signer = SigningKey::generate(Alg::ES256).unwrap();
        let claims = json!({
            "iss": issuer, "sub": "u1", "aud": "our-client", "nonce": "n", "name": "A", "groups": ["g"],
            "iat": NOW.seconds(), "exp": NOW.seconds() + 300,
        });
        let conduct = Conduct {
            issuer,
            published: serde_json::to_string(&signer.public_jwk().unwrap()).unwrap(),
            signer,
            claims,
            userinfo: json!({ "sub": "u1", "groups": ["more"] }),
            token: None,
            calls: 0,
            silent: false,
        };
        let idp = Self(Arc::new(Mutex::new(conduct)));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(idp.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        idp
    }

    fn set(&self, name: &str, value: Value) {
        self.0.lock().unwrap().claims[name] = value;
    }

    async fn finish(&self) -> Result<Claims, String> {
        let issuer = self.0.lock().unwrap().issuer.clone();
        let provider = Provider {
            issuer,
            group_claims: Preset::Oidc.group_claims("our-client"),
            ..Provider::plain("idp", Preset::Oidc)
        };
        let policy = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
        let talk = Talk {
            provider: &provider,
            cache: &Cache::default(),
            outgoing: &Outgoing::new(policy).unwrap(),
            redirect_uri: "http://127.0.0.1/cb",
            now: NOW,
        };
        let verifier = PkceCodeVerifier::new("v".repeat(43));
        talk.finish("code".into(), &Nonce::new("n".into()), verifier).await
    }

    async fn refuses(&self, why: &str) {
        let outcome = self.finish().await;
        let problem = outcome.expect_err(why);
        assert!(!problem.contains(ACCESS_TOKEN), "{problem}");
    }
}

async fn discovery(State(idp): State<Idp>) -> Json<Value> {
    if idp.0.lock().unwrap().silent {
        std::future::pending::<()>().await;
    }
    let issuer = idp.0.lock().unwrap().issuer.clone();
    let at = |path: &str| format!("{issuer}{path}");
    Json(json!({
        "issuer": issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"), "userinfo_endpoint": at("/userinfo"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(State(idp): State<Idp>) -> Response {
    let mut conduct = idp.0.lock().unwrap();
    conduct.calls += 1;
    format!("{{\"keys\":[{}]}}", conduct.published).into_response()
}

async fn token(State(idp): State<Idp>) -> Response {
    let conduct = idp.0.lock().unwrap();
    if let Some(answer) = conduct.token {
        return answer();
    }
    let id_token =
        conduct.signer.sign_compact(&conduct.signer.header("JWT"), &conduct.claims).unwrap();
    Json(json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token }))
        .into_response()
}

async fn userinfo(State(idp): State<Idp>) -> Json<Value> {
    Json(idp.0.lock().unwrap().userinfo.clone())
}

#[tokio::test]
async fn an_honest_answer_is_believed_and_completed_from_userinfo() {
    let idp = Idp::start().await;
    assert_eq!(idp.finish().await.unwrap()["sub"], "u1");
    idp.set("groups", Value::Null);
    idp.0.lock().unwrap().claims.as_object_mut().unwrap().remove("groups");
    let claims = idp.finish().await.unwrap();
    assert_eq!(claims["groups"], json!(["more"]));
    assert_eq!(claims["name"], "A");
}

#[tokio::test]
async fn a_claim_that_is_not_for_us_ends_it() {
    let idp = Idp::start().await;
    let honest = idp.0.lock().unwrap().claims.clone();
    for (name, value) in [
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("aud", json!("another")),
        ("aud", json!(["our-client", "another"])),
        ("iss", json!("https://evil.example")),
        ("exp", json!(NOW.seconds() - 1)),
        ("azp", json!("another")),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("sub", Value::Null),
    ] {
        idp.set(name, value.clone());
        idp.refuses(&format!("{name} = {value}")).await;
        idp.0.lock().unwrap().claims = honest.clone();
    }
}

#[tokio::test]
async fn a_signature_by_another_key_ends_it() {
    let idp = Idp::start().await;
    idp.0.lock().unwrap().signer = SigningKey::generate(Alg::ES256).unwrap();
    idp.refuses("another key").await;
    let nobody = || {
        let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let (header, claims) = (encode(r#"{"alg":"none"}"#), encode(r#"{"sub":"u1"}"#));
        let id_token = format!("{header}.{claims}.");
        Json(json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token }))
            .into_response()
    };
    idp.0.lock().unwrap().token = Some(nobody);
    idp.refuses("alg none").await;
}

#[tokio::test]
async fn an_answer_without_end_or_elsewhere_ends_it() {
    let idp = Idp::start().await;
    for answer in [
        (|| Redirect::temporary("http://169.254.169.254/").into_response()) as fn() -> Response,
        || "x".repeat(1024 * 1024).into_response(),
        || Json(json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer" })).into_response(),
        || "{".into_response(),
    ] {
        idp.0.lock().unwrap().token = Some(answer);
        idp.refuses("a bad answer").await;
    }
}

#[tokio::test]
async fn userinfo_of_somebody_else_ends_it() {
    let idp = Idp::start().await;
    idp.0.lock().unwrap().claims.as_object_mut().unwrap().remove("groups");
    idp.0.lock().unwrap().userinfo = json!({ "sub": "u2", "groups": ["admins"] });
    idp.refuses("token substitution").await;
}

#[tokio::test]
async fn a_provider_that_calls_itself_otherwise_is_not_asked_further() {
    let idp = Idp::start().await;
    let real = idp.0.lock().unwrap().issuer.clone();
    let provider = Provider { issuer: real, ..Provider::plain("idp", Preset::Oidc) };
    idp.0.lock().unwrap().issuer = "https://evil.example".into();
    let policy = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
    let outgoing = Outgoing::new(policy).unwrap();
    let cache = Cache::default();
    let got = cache.get(&provider, &outgoing, Want::Fresh, NOW).await;
    assert!(matches!(got, Err(crate::upstream::MetadataFault::Issuer { .. })));
    assert_eq!(idp.0.lock().unwrap().calls, 0, "its keys were not even fetched");
}

#[tokio::test]
async fn an_old_word_serves_while_a_provider_is_silent_and_nobody_waits_for_it() {
    let idp = Idp::start().await;
    let issuer = idp.0.lock().unwrap().issuer.clone();
    let provider = Provider { issuer, ..Provider::plain("idp", Preset::Oidc) };
    let policy = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
    let (outgoing, cache) = (Outgoing::new(policy).unwrap(), Cache::default());
    let get = async |want, seconds| {
        let now = NOW.plus(Ttl::seconds(seconds));
        cache.get(&provider, &outgoing, want, now).await.map(drop)
    };
    get(Want::Fresh, 0).await.unwrap();
    // From here on it takes connections, and never answers.
    idp.0.lock().unwrap().silent = true;
    for seconds in [601, 602, 700] {
        let asked = tokio::time::timeout(Duration::from_millis(500), get(Want::Fresh, seconds));
        asked.await.expect("nobody waits").unwrap();
    }
}

#[tokio::test]
async fn who_failed_to_answer_is_not_asked_again_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let down = Router::new().fallback(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { http::StatusCode::BAD_GATEWAY }
    });
    tokio::spawn(async move { axum::serve(listener, down).await });
    let provider = Provider { issuer, ..Provider::plain("idp", Preset::Oidc) };
    let policy = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
    let (outgoing, cache) = (Outgoing::new(policy).unwrap(), Cache::default());
    for (seconds, asked) in [(0, 1), (1, 1), (29, 1), (30, 2)] {
        let now = NOW.plus(Ttl::seconds(seconds));
        assert!(cache.get(&provider, &outgoing, Want::Fresh, now).await.is_err());
        assert_eq!(calls.load(Ordering::SeqCst), asked, "after {seconds} s");
    }
}
