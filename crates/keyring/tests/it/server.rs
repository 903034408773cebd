//! An issuer on a free loopback port that does as it is told, and counts what it is asked.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use portcullis_jose::{Alg, SigningKey};
use portcullis_keyring::{KeyAges, KeySource, TheirKeys};
use portcullis_types::Issuer;
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::Semaphore};

/// What the server answers at `/keys` and as metadata.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) keys: String,
    pub(crate) max_age: &'static str,
    /// The `issuer` of the metadata; `None`: the truth.
    pub(crate) claims: Option<String>,
    /// Where the metadata is.
    pub(crate) metadata_at: String,
    /// Instead of everything else.
    pub(crate) failure: Option<(u16, String)>,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// Requests wait here; plenty of places unless a test takes them away.
    pub(crate) gate: Arc<Semaphore>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let script = Script {
            keys: set(&[]),
            max_age: "max-age=600",
            claims: None,
            metadata_at: "/.well-known/openid-configuration".to_owned(),
            failure: None,
        };
        let this = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(Mutex::new(script)),
            asked: Arc::default(),
            gate: Arc::new(Semaphore::new(1000)),
        };
        let app = Router::new().fallback(answer).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        this
    }

    /// From now on it answers differently.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// The paths that were asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// How often keys were asked for since the last call.
    pub(crate) fn fetches(&self) -> usize {
        self.asked().iter().filter(|path| *path == "/keys").count()
    }

    pub(crate) fn issuer(&self, path: &str) -> Issuer {
        Issuer::new(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub(crate) fn keys_by(&self, source: KeySource) -> TheirKeys {
        TheirKeys::new(self.issuer(""), source, client(), KeyAges::default())
    }

    pub(crate) fn jwks_uri(&self) -> KeySource {
        KeySource::JwksUri(format!("http://{}/keys", self.address).parse().unwrap())
    }
}

async fn answer(State(server): State<Server>, uri: Uri) -> Response {
    server.asked.lock().unwrap().push(uri.path().to_owned());
    let _place = server.gate.acquire().await.unwrap();
    let script = server.script.lock().unwrap().clone();
    if let Some((status, body)) = script.failure {
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    let origin = format!("http://{}", server.address);
    match uri.path() {
        "/keys" => ([(header::CACHE_CONTROL, script.max_age)], script.keys).into_response(),
        path if path == script.metadata_at => {
            let issuer = script.claims.unwrap_or(origin.clone());
            format!("{{\"issuer\":\"{issuer}\",\"jwks_uri\":\"{origin}/keys\"}}").into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) fn client() -> Outgoing {
    Outgoing::new(OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() })
        .unwrap()
}

/// A fresh ES256 key under this name.
pub(crate) fn key(kid: &str) -> SigningKey {
    SigningKey::generate(Alg::ES256).unwrap().with_kid(kid)
}

/// A JWK set of these keys.
pub(crate) fn set(keys: &[&SigningKey]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.public_jwk().unwrap()).collect();
    serde_json::json!({ "keys": keys }).to_string()
}
