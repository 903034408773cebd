//! A whole issuer on a loopback port, with a clock that tests set.

use portcullis_audit::Record;
use portcullis_directory::{
    Acting, Contracts, Directory, GrantType, MIGRATIONS as DIRECTORY, NewAuth, NewClient,
    Registration, SecretHashKey, Tier,
};
use portcullis_issuer::mail::{MailSettings, Mailer, Sink};
use portcullis_issuer::{
    Api, Certificates, Documents, DpopNonce, Guesses, Logos, MIGRATIONS as ISSUER, Partners,
    Registrations, Settings, State, SubjectKey, router,
    upstream::{Provider, Upstreams},
};
use portcullis_jose::Alg;
use portcullis_keyring::{Act, KeyEncryptionKey, KeyPlan, OurKeys, RotationPolicy};
use portcullis_policy::{Bundle, Engine, Files, Judge, Point, Surroundings, SurroundingsSettings};
use portcullis_store::{Store, testing::Database};
use portcullis_types::{
    ApiName, ClientId, DecisionId, Entropy, Issuer, Registry, Scopes, Timestamp, Ttl,
};
use portcullis_verify::dpop::Possession;
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy, csrf::CsrfKey};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

pub(crate) const ISSUER_ID: &str = "https://id.example/tenants/one";
pub(crate) const TEXTGEN: &str = "https://api.example/textgen";
pub(crate) const BATCH: &str = "https://api.example/batch";
pub(crate) const ACME: &str = "https://acme.example/";
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
const KEK: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Differs with each draw, and is the same in each run.
#[derive(Clone)]
pub(crate) struct Counted(Arc<AtomicU64>);

impl Entropy for Counted {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) struct House {
    pub(crate) base: String,
    pub(crate) store: Store,
    pub(crate) directory: Directory,
    pub(crate) database: Database,
    pub(crate) http: reqwest::Client,
    pub(crate) state: State,
    clock: Arc<AtomicI64>,
    pub(crate) entropy: Counted,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl House {
    pub(crate) async fn open() -> Self {
        // RSA keys take half a second to make: only where they matter.
        Self::signing_batches_with(Alg::ES384).await
    }

    pub(crate) async fn signing_batches_with(alg: Alg) -> Self {
        Self::of(settings(alg)).await
    }

    /// Whatever comes from this machine comes from a proxy.
    pub(crate) async fn behind_a_proxy() -> Self {
        Self::of(settings(Alg::ES384).behind(vec!["127.0.0.0/8".parse().unwrap()])).await
    }

    /// DPoP proofs must hold a nonce; with the apps of most tests.
    pub(crate) async fn with_required_nonces() -> Self {
        let settings = settings(Alg::ES384).with_dpop_nonce(DpopNonce::Required);
        let house = Self::of(settings).await;
        house.settled().await;
        house
    }

    /// With the management API, and a tier, behind a proxy.
    pub(crate) async fn managed() -> Self {
        let manages = "tenant:admin client:read client:write audit:read";
        let own = api("admin", &format!("{ISSUER_ID}/admin/v1"), manages, Alg::ES256);
        let apis = [apis(Alg::ES384), vec![own]].concat();
        let issuer = Issuer::new(ISSUER_ID).unwrap();
        let settings = Settings::new(issuer, apis, Registry::standard(), Ttl::seconds(600));
        let settings = settings.unwrap().behind(vec!["127.0.0.0/8".parse().unwrap()]);
        let house = Self::of(settings).await;
        let scopes = ["generate:basic", "batch:read", "client:read", "exchange:impersonate"];
        let tier = Tier {
            title: "Standard".to_owned(),
            scopes: scopes.map(|scope| scope.parse().unwrap()).to_vec(),
            ..Tier::default()
        };
        let tiers = [("standard".to_owned(), tier)].into();
        let contracts = Contracts { tiers, registry: Registry::standard() };
        house.directory.contract(contracts).await.unwrap();
        house
    }

    /// Clients can show certificates.
    pub(crate) async fn with_certificates(certificates: Certificates) -> Self {
        Self::of(settings(Alg::ES384).with_certificates(certificates)).await
    }

    /// Both.
    pub(crate) async fn behind_a_proxy_with(certificates: Certificates) -> Self {
        let settings = settings(Alg::ES384).behind(vec!["127.0.0.0/8".parse().unwrap()]);
        Self::of(settings.with_certificates(certificates)).await
    }

    /// With apps that nobody registered by hand.
    pub(crate) async fn admitting(
        registrations: Option<Registrations>,
        documents: Option<Documents>,
    ) -> Self {
        let settings = settings(Alg::ES384);
        Self::of(settings.with_registrations(registrations).with_documents(documents)).await
    }

    /// The same for whoever is let in by documents alone.
    pub(crate) async fn behind_a_proxy_admitting(documents: Documents) -> Self {
        let settings = settings(Alg::ES384).behind(vec!["127.0.0.0/8".parse().unwrap()]);
        Self::of(settings.with_documents(Some(documents))).await
    }

    /// The operator, now.
    pub(crate) fn acting<'a>(&self, entropy: &'a mut Counted) -> Acting<'a> {
        Acting { actor: "test", now: self.now(), entropy }
    }

    async fn of(settings: Settings) -> Self {
        Self::before(settings, (Vec::new(), None)).await
    }

    /// Where people may sign in with these providers, too.
    pub(crate) async fn behind_providers(providers: Vec<Provider>) -> Self {
        Self::before(settings(Alg::ES384), (providers, None)).await
    }

    /// Where these policies are asked, at all points; with the apps of most tests.
    pub(crate) async fn ruled_by(files: &[(&str, &str)]) -> Self {
        let house = Self::before(
            settings(Alg::ES384),
            (Vec::new(), Some(judge(files, Point::ALL.to_vec()))),
        )
        .await;
        house.settled().await;
        house
    }

    /// That answers what these policies say of requests, for tenants too, behind a proxy.
    pub(crate) async fn asked_about(rego: &str) -> Self {
        let own = api("pdp", &format!("{ISSUER_ID}/access/v1"), "policy:evaluate", Alg::ES256);
        let apis = [apis(Alg::ES384), vec![own]].concat();
        let issuer = Issuer::new(ISSUER_ID).unwrap();
        let settings = Settings::new(issuer, apis, Registry::standard(), Ttl::seconds(600));
        let settings = settings.unwrap().behind(vec!["127.0.0.0/8".parse().unwrap()]);
        let house = Self::before(
            settings,
            (Vec::new(), Some(judge(&[("request.rego", rego)], vec![Point::Request]))),
        )
        .await;
        let tier = Tier { title: "Standard".to_owned(), ..Tier::default() };
        let tiers = [("standard".to_owned(), tier)].into();
        let contracts = Contracts { tiers, registry: Registry::standard() };
        house.directory.contract(contracts).await.unwrap();
        house
    }

    async fn before(
        settings: Settings,
        (providers, judge): (Vec<Provider>, Option<Judge>),
    ) -> Self {
        let database = Database::fresh();
        let migrations =
            [portcullis_audit::MIGRATIONS, DIRECTORY, portcullis_keyring::MIGRATIONS, ISSUER];
        let store = database.open(&migrations.concat());
        let clock = Arc::new(AtomicI64::new(1_800_000_000_000));
        let mut entropy = Counted(Arc::default());
        let now = Timestamp::from_millis(clock.load(Ordering::SeqCst));

        let key = SecretHashKey::new(&[7; 32]);
        let directory =
            Directory::open(store.clone(), key, settings.issuer().clone()).await.unwrap();
        let policy = rotation();
        let plan = KeyPlan { purpose: "issuer", algs: settings.signing_algs(), policy };
        let kek = KeyEncryptionKey::parse(KEK).unwrap();
        let act = Act::new("test", now, &mut entropy);
        let keys = OurKeys::open(store.clone(), kek, plan, act).await.unwrap();

        let (hand, source) = (clock.clone(), entropy.clone());
        let hand = move || Timestamp::from_millis(hand.load(Ordering::SeqCst));
        let time: portcullis_issuer::Clock = Arc::new(hand);
        let source: portcullis_issuer::EntropySource = Arc::new(move || Box::new(source.clone()));
        let sink = Sink::Folder(database.folder().join("mail"));
        let letters = MailSettings { from: "Portcullis <no-reply@id.example>".to_owned(), sink };
        let sources = (time.clone(), source.clone());
        let (mail, task) =
            Mailer::new(letters, directory.clone(), settings.issuer().clone(), sources);
        tokio::spawn(task.run());
        let outgoing = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
        let state = State {
            settings,
            directory: directory.clone(),
            keys,
            store: store.clone(),
            clock: time,
            entropy: source,
            mail,
            csrf: CsrfKey::new(&[9; 32]),
            judge,
            partners: Partners::new(Outgoing::new(outgoing.clone()).unwrap()),
            upstreams: Upstreams::new(providers, Outgoing::new(outgoing).unwrap()),
            subjects: SubjectKey::new(&[11; 32]),
            logos: Logos::default(),
            guesses: Guesses::default(),
            possession: Arc::new(Possession::new(&[12; 32], 1000)),
        };
        let base = serve(&state).await;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { base, store, directory, database, http, state, clock, entropy }
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.database.folder()
    }

    pub(crate) fn entropy(&self) -> Counted {
        self.entropy.clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn wait(&self, ttl: Ttl) {
        let later = self.now().plus(ttl).millis();
        self.clock.store(later, Ordering::SeqCst);
    }

    /// Registers a client; gives its secret, if it has one.
    pub(crate) async fn client(&self, new: NewClient) -> String {
        let mut entropy = self.entropy.clone();
        let by = Acting { actor: "test", now: self.now(), entropy: &mut entropy };
        let added = self.directory.add(by, new).await.unwrap();
        added.secret.map(|secret| secret.expose().to_owned()).unwrap_or_default()
    }

    /// The client of most tests: `free-app`, with a secret.
    pub(crate) async fn free_app(&self) -> String {
        self.client(new("free-app", NewAuth::Generated)).await
    }

    pub(crate) async fn disable(&self, id: &str) {
        let mut entropy = self.entropy.clone();
        let by = Acting { actor: "test", now: self.now(), entropy: &mut entropy };
        self.directory.disable(by, &ClientId::new(id).unwrap()).await.unwrap();
    }

    pub(crate) async fn rotate(&self, id: &str, overlap: Ttl) -> String {
        let mut entropy = self.entropy.clone();
        let by = Acting { actor: "test", now: self.now(), entropy: &mut entropy };
        let id = ClientId::new(id).unwrap();
        let added = self.directory.rotate_secret(by, &id, overlap).await.unwrap();
        added.secret.unwrap().expose().to_owned()
    }

    pub(crate) fn token_url(&self) -> String {
        format!("{}/tenants/one/token", self.base)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.base));
        Answer::of(request.send().await.unwrap()).await
    }

    /// Sends `request`, with a JSON body if there is one.
    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        token: Option<&str>,
        body: Option<&str>,
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        // The issuer's own name leads here.
        let url = url.replace("https://id.example", &self.base);
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(JSON.0, JSON.1).body(body.to_owned());
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: impl Into<String>) -> Answer {
        let mut request = self.http.post(self.token_url()).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// With `client_secret_post`; `more` starts with `&` or is empty.
    pub(crate) async fn ask(&self, id: &str, secret: &str, more: &str) -> Answer {
        let body =
            format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{more}");
        self.post(&[FORM], body).await
    }

    pub(crate) async fn record(&self, id: DecisionId) -> Record<'static> {
        let found = self.store.read(move |tx| portcullis_audit::find(tx, id)).await;
        found.unwrap().expect("the decision is in the audit log")
    }
}

fn judge(files: &[(&str, &str)], points: Vec<Point>) -> Judge {
    let mut bundle = Files::default();
    for (name, text) in files {
        bundle.add(name, (*text).to_owned()).unwrap();
    }
    let engine = Engine::new(Bundle::of(bundle, &Registry::standard()).unwrap());
    let surroundings = Surroundings::new(SurroundingsSettings::default()).unwrap();
    Judge::new(Arc::new(engine), points, surroundings)
}

async fn serve(state: &State) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let service = router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    base
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `error`, or nothing.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn scope(&self) -> String {
        self.json()["scope"].as_str().unwrap_or_default().to_owned()
    }

    /// The same in header and body.
    pub(crate) fn decision(&self) -> DecisionId {
        let id = self.header("x-decision-id");
        if self.status != 200 {
            assert_eq!(self.json()["decision_id"], id);
        }
        id.parse().unwrap()
    }

    /// The claims of the access token, not verified.
    pub(crate) fn claims(&self) -> serde_json::Value {
        let body = self.json();
        let token = body["access_token"].as_str().expect("a token");
        let jws = portcullis_jose::jws::Compact::parse(token).unwrap();
        serde_json::from_slice(jws.unverified_payload()).unwrap()
    }
}

/// A client that may generate text and run batches, by default the first.
pub(crate) fn new(id: &str, auth: NewAuth) -> NewClient {
    NewClient {
        id: Some(ClientId::new(id).unwrap()),
        name: id.to_owned(),
        auth,
        grant_types: vec![GrantType::ClientCredentials],
        scopes: vec!["generate:basic".parse().unwrap(), "batch:*".parse().unwrap()],
        default_scope: Some("generate:basic".parse().unwrap()),
        resources: vec![TEXTGEN.parse().unwrap(), BATCH.parse().unwrap()],
        default_resource: Some(TEXTGEN.parse().unwrap()),
        tenant: None,
        registration: Registration::default(),
        expires: None,
    }
}

fn rotation() -> RotationPolicy {
    let days = |days: u64| Ttl::seconds(days * 24 * 3600);
    RotationPolicy { rotate_every: days(30), publish_before: days(1), retire_after: days(2) }
}

fn api(name: &str, resource: &str, scopes: &str, signing_alg: Alg) -> Api {
    Api {
        name: ApiName::new(name).unwrap(),
        resource: resource.parse().unwrap(),
        scopes: Scopes::parse(scopes).unwrap(),
        signing_alg,
        token_ttl: None,
        tenant: None,
    }
}

fn apis(batch: Alg) -> Vec<Api> {
    vec![
        api("textgen", TEXTGEN, "generate:premium model:list", Alg::ES256),
        Api {
            token_ttl: Some(Ttl::seconds(60)),
            ..api("batch", BATCH, "batch:create batch:read", batch)
        },
        Api {
            tenant: Some("acme".parse().unwrap()),
            ..api("acme", ACME, "model:list analytics:read", Alg::Ed25519)
        },
    ]
}

fn settings(batch: Alg) -> Settings {
    let issuer = Issuer::new(ISSUER_ID).unwrap();
    Settings::new(issuer, apis(batch), Registry::standard(), Ttl::seconds(600)).unwrap()
}
