//! A gateway with everything around it, on free ports.

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::any,
    serve::ListenerExt,
};
use http::Method;
use portcullis_audit::{Journal, JournalSettings, Record};
use portcullis_gateway::{
    Gateway, Parts, Tenants,
    settings::{
        Access, Api, Authorities, Credential, Demand, Dialect, Models, Reads, Route, Scheme,
        Settings, Timeouts, Upstream,
    },
};
use portcullis_jose::{Alg, SigningKey, jwk::KeySet};
use portcullis_keyring::{
    Act, Circle, KeyAges, KeyEncryptionKey, KeyPlan, KeySource, OurKeys, Party, RotationPolicy,
    TheirKeys,
};
use portcullis_policy::Judge;
use portcullis_store::Store;
use portcullis_types::{DecisionId, Entropy, Issuer, Registry, Timestamp, Ttl};
use portcullis_verify::{
    Apis, Heard, KnownRevocations, Profile, Revocations, Speaks, TrustedIssuer, dpop::Possession,
};
use serde_json::{Value, json};
use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub(crate) const ISSUER: &str = "https://id.example";

const ROTATION: RotationPolicy = RotationPolicy {
    rotate_every: Ttl::seconds(90 * 86_400),
    publish_before: Ttl::seconds(86_400),
    retire_after: Ttl::seconds(86_400),
};

/// Counts instead of guessing: ids differ, and that is all the tests need.
pub(crate) struct Counting(Arc<AtomicU64>);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.iter_mut().rev().zip(count.iter().rev()).for_each(|(to, from)| *to = *from);
    }
}

#[derive(Default)]
pub(crate) struct Upside {
    pub(crate) seen: Mutex<Vec<Value>>,
    pub(crate) go_on: Notify,
    pub(crate) cancelled: Notify,
    pub(crate) arrived: Notify,
    pub(crate) connections: AtomicUsize,
}

/// No wait in a test may hang the run.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.unwrap()
}

pub(crate) struct House {
    pub(crate) gateway: Option<Gateway>,
    pub(crate) address: SocketAddr,
    pub(crate) upside: Arc<Upside>,
    pub(crate) key: SigningKey,
    pub(crate) circle: Arc<Circle>,
    pub(crate) keys: OurKeys,
    pub(crate) journal: Journal,
    store: Store,
    _dir: tempfile::TempDir,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::speaking(None, change).await
    }

    /// Over TLS, if there is a certificate for it.
    pub(crate) async fn speaking(
        tls: Option<Arc<rustls::ServerConfig>>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::built(tls, (None, Arc::new(|_, _| None)), change).await
    }

    /// With policies that are asked.
    pub(crate) async fn ruled(
        judge: Judge,
        tenants: Tenants,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::built(None, (Some(judge), tenants), change).await
    }

    async fn built(
        tls: Option<Arc<rustls::ServerConfig>>,
        (judge, tenants): (Option<Judge>, Tenants),
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let upside = Arc::new(Upside::default());
        let upstream = upstream(upside.clone()).await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut settings = settings(address, upstream);
        change(&mut settings);

        let dir = tempfile::tempdir().unwrap();
        let migrations = [portcullis_audit::MIGRATIONS, portcullis_keyring::MIGRATIONS].concat();
        let store = Store::open(&dir.path().join("gateway.db"), &migrations).unwrap();
        let keep = JournalSettings { capacity_bytes: 1 << 20, flush_interval: Ttl::from_millis(5) };
        let (journal, task) = Journal::open(store.clone(), keep);
        tokio::spawn(task);

        let counter = Arc::new(AtomicU64::new(1));
        let kek = KeyEncryptionKey::parse(
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        )
        .unwrap();
        let plan = KeyPlan { purpose: "gateway", algs: vec![Alg::ES256], policy: ROTATION };
        let by = Act::new("schedule", NOW, &mut Counting(counter.clone()));
        let keys = OurKeys::open(store.clone(), kek, plan, by).await.unwrap();

        let key = SigningKey::generate(Alg::ES256).unwrap();
        let circle = Arc::new(circle(&key, &settings));
        let parts = Parts {
            settings,
            listener,
            tls,
            circle: circle.clone(),
            keys: Some(keys.clone()),
            journal: journal.clone(),
            judge,
            tenants,
            clock: Arc::new(|| NOW),
            entropy: Arc::new(move || Box::new(Counting(counter.clone()))),
        };
        let gateway =
            Gateway::start(parts, &mut prometheus_client::registry::Registry::default()).unwrap();
        Self {
            gateway: Some(gateway),
            address,
            upside,
            key,
            circle,
            keys,
            journal,
            store,
            _dir: dir,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The claims of a token that may do the basic thing.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": ISSUER, "sub": "app", "client_id": "app", "aud": self.url(""),
            "iat": NOW.seconds(), "exp": NOW.seconds() + 300, "jti": "j1", "scope": "generate:basic",
        })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.key.sign_compact(&self.key.header("at+jwt"), claims).unwrap()
    }

    pub(crate) fn token(&self) -> String {
        self.sign(&self.claims())
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better with json! at the call")]
    pub(crate) fn token_with(&self, changes: Value) -> String {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        self.sign(&claims)
    }

    /// What the upstream saw last.
    pub(crate) fn last_seen(&self) -> Value {
        self.upside.seen.lock().unwrap().last().cloned().unwrap()
    }

    pub(crate) fn times_seen(&self) -> usize {
        self.upside.seen.lock().unwrap().len()
    }

    pub(crate) async fn record(&self, id: &str) -> Record<'static> {
        let id: DecisionId = id.parse().unwrap();
        self.journal.close().await;
        self.store.read(move |tx| portcullis_audit::find(tx, id)).await.unwrap().unwrap()
    }

    /// Stops the gateway and waits for its threads.
    pub(crate) async fn stop(&mut self) {
        let gateway = self.gateway.take().unwrap();
        tokio::task::spawn_blocking(move || gateway.stop()).await.unwrap();
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one route a line")]
fn settings(address: SocketAddr, upstream: SocketAddr) -> Settings {
    let url = format!("http://{address}");
    let api = |name: &str, resource: String, scopes: &str| Api {
        name: name.parse().unwrap(),
        resource: resource.parse().unwrap(),
        title: Some("Text".into()),
        scopes: scopes.parse().unwrap(),
        tenant: None,
        demand: Demand::default(),
        issuers: vec![ISSUER.into()],
    };
    let to = |name: &str, credential| Upstream {
        name: name.parse().unwrap(),
        scheme: Scheme::Http,
        authority: upstream.to_string().parse().unwrap(),
        base_path: String::new(),
        credential,
        authorities: Authorities::System,
    };
    let key = "Bearer upstream-key".parse().unwrap();
    let route = |method: Method, path: &str, scopes: &str| Route {
        name: path.into(),
        methods: vec![method],
        path: path.into(),
        api: 0,
        access: Access::Scoped(scopes.parse().unwrap()),
        demand: Demand::default(),
        upstream: 0,
        upstream_path: None,
        dialect: Dialect::Problem,
        reads: Reads::Nothing,
    };
    Settings {
        url: url.clone(),
        workers: 1,
        token_cache: 1000,
        trusted_proxies: Vec::new(),
        client_certificate_header: None,
        timeouts: Timeouts { drain: Ttl::seconds(5), ..Timeouts::default() },
        apis: vec![
            api("text", url.clone(), "generate:basic generate:advanced model:list"),
            api("other", format!("{url}/other"), "model:list"),
        ],
        upstreams: vec![
            to("keyed", Credential::Header { name: http::header::AUTHORIZATION, value: key }),
            to("identified", Credential::Identity { audience: "https://model.internal".into() }),
            to("bare", Credential::None),
        ],
        routes: vec![
            Route {
                dialect: Dialect::OpenAi,
                ..route(Method::POST, "/v1/chat/completions", "generate:basic")
            },
            Route {
                dialect: Dialect::Anthropic,
                ..route(Method::POST, "/v1/messages", "generate:basic")
            },
            route(Method::POST, "/generate/premium", "generate:advanced"),
            route(Method::GET, "/generate", "generate:basic"),
            Route { upstream: 1, ..route(Method::GET, "/identified", "generate:basic") },
            Route { access: Access::Public, ..route(Method::GET, "/public", "generate:basic") },
            Route { upstream: 2, ..route(Method::GET, "/stream", "generate:basic") },
            route(Method::GET, "/hang", "generate:basic"),
            route(Method::GET, "/tenants/{tenant}/files", "model:list"),
            Route { api: 1, ..route(Method::GET, "/other", "model:list") },
            Route {
                upstream_path: Some("/b/{id}".into()),
                ..route(Method::GET, "/a/{id}", "generate:basic")
            },
            Route {
                upstream_path: Some("/renamed".into()),
                ..route(Method::GET, "/alias", "generate:basic")
            },
            route(Method::POST, "/upload", "generate:basic"),
        ],
        models: Models::default(),
        body_limit: 64 * 1024,
    }
}

fn circle(key: &SigningKey, settings: &Settings) -> Circle {
    let issuer: Issuer = ISSUER.parse().unwrap();
    let public = json!({"keys": [serde_json::to_value(key.public_jwk().unwrap()).unwrap()]});
    let set = Arc::new(KeySet::parse(public.to_string().as_bytes()).unwrap());
    let client = portcullis_web::Outgoing::new(portcullis_web::OutgoingPolicy::default()).unwrap();
    let trusted = TrustedIssuer {
        issuer: issuer.clone(),
        algs: vec![Alg::ES256, Alg::RS256],
        typ: vec!["at+jwt".into()],
        profile: Profile::AccessToken,
        apis: Apis::All,
        speaks: Speaks::ForAnyTenant,
        max_lifetime: Ttl::seconds(86_400),
        leeway: Ttl::seconds(30),
    };
    let keys = TheirKeys::new(issuer.clone(), KeySource::Inline(set), client, KeyAges::default());
    Circle {
        parties: vec![Party { trusted, keys }],
        registry: Registry::standard(),
        apis: settings.apis.iter().map(|api| (api.name.clone(), api.resource.clone())).collect(),
        revocations: arc_swap::ArcSwap::from_pointee(vec![KnownRevocations {
            list: Arc::new(Revocations::none_by(issuer)),
            heard: Heard::AsItHappens,
        }]),
        possession: Arc::new(Possession::new(&[7; 32], 1000)),
    }
}

/// Says back what it was asked, and remembers it.
async fn upstream(upside: Arc<Upside>) -> SocketAddr {
    let counted = upside.clone();
    let app = Router::new()
        .route("/stream", any(stream))
        .route("/hang", any(hang))
        .fallback(echo)
        .with_state(upside);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(move |_| {
        counted.connections.fetch_add(1, Ordering::Relaxed);
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn echo(State(upside): State<Arc<Upside>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    let headers: serde_json::Map<String, Value> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    let seen = json!({
        "method": head.method.as_str(), "uri": head.uri.to_string(), "headers": headers, "bytes": body.len(),
        "body": String::from_utf8_lossy(&body[..body.len().min(4096)]),
    });
    upside.seen.lock().unwrap().push(seen.clone());
    let mut response = axum::response::IntoResponse::into_response(Json(seen));
    response.headers_mut().insert("connection", "x-hop".parse().unwrap());
    response.headers_mut().insert("x-hop", "1".parse().unwrap());
    response.headers_mut().insert("x-kept", "1".parse().unwrap());
    response
}

/// One line at once, the next when the test says so.
async fn stream(State(upside): State<Arc<Upside>>) -> Response {
    let lines = futures_util::stream::unfold(0, move |line| {
        let upside = upside.clone();
        async move {
            match line {
                0 => Some((Ok::<_, std::io::Error>("data: one\n\n"), 1)),
                1 => {
                    upside.go_on.notified().await;
                    Some((Ok("data: two\n\n"), 2))
                }
                _ => None,
            }
        }
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(lines))
        .unwrap()
}

/// Never answers; tells when it was given up.
async fn hang(State(upside): State<Arc<Upside>>) -> Response {
    struct OnDrop(Arc<Upside>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.cancelled.notify_one();
        }
    }
    let given_up = OnDrop(upside.clone());
    upside.arrived.notify_one();
    std::future::pending::<()>().await;
    drop(given_up);
    Response::new(Body::empty())
}
