//! A company's own provider, as far as a sign-in needs one: what a person does there is up to the test.

use crate::{
    browser::Browser,
    house::{Answer, House},
};
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use portcullis_directory::{PeopleSettings, ProviderRoles, RoleRule};
use portcullis_issuer::upstream::{Newcomers, Preset, Provider, SecretIn};
use portcullis_jose::{Alg, SigningKey, b64};
use portcullis_types::{Acr, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

const CLIENT: &str = "portcullis";

/// What it says of whoever signs in there.
struct Conduct {
    signer: SigningKey,
    claims: Value,
    code_challenge: String,
}

#[derive(Clone)]
pub(crate) struct Company {
    pub(crate) issuer: String,
    conduct: Arc<Mutex<Conduct>>,
}

impl Company {
    pub(crate) async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let signer = SigningKey::generate(Alg::ES256).unwrap();
        let claims = json!({ "sub": "u1", "name": "Ada", "groups": ["engineers"] });
        let conduct = Conduct { signer, claims, code_challenge: String::new() };
        let company = Self { issuer, conduct: Arc::new(Mutex::new(conduct)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(company.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        company
    }

    pub(crate) fn provider(&self, newcomers: Newcomers) -> Provider {
        Provider {
            name: "company".into(),
            title: "The company".into(),
            preset: Preset::Oidc,
            issuer: self.issuer.clone(),
            client_id: CLIENT.into(),
            client_secret: None,
            secret_in: SecretIn::Header,
            scopes: vec!["openid".into()],
            conditions: Vec::new(),
            directories: Vec::new(),
            group_claims: Preset::Oidc.group_claims(CLIENT),
            roles: ProviderRoles {
                rules: vec![RoleRule {
                    theirs: "engineers".into(),
                    ours: vec!["scientist".into()],
                }],
                ..ProviderRoles::none("company".into())
            },
            login: None,
            acr: vec![("gold".into(), Acr::Mfa)],
            directory: None,
            newcomers,
            tenant: None,
        }
    }

    /// A house before it, with an app, where those from there may join.
    pub(crate) async fn house(&self) -> House {
        let house = House::behind_providers(vec![self.provider(Newcomers::Join)]).await;
        house.client(crate::authorize::first_party()).await;
        house.person("ada", &["scientist"]).await;
        Self::settle(&house, vec![self.provider(Newcomers::Join).roles]);
        house
    }

    /// What the operator says today that providers bring.
    pub(crate) fn settle(house: &House, providers: Vec<ProviderRoles>) {
        let roles = house.directory.roles();
        let settings = PeopleSettings { roles, providers, ..PeopleSettings::default() };
        house.directory.settle(settings);
    }

    /// Says this of whoever signs in; null takes a claim away.
    pub(crate) fn say(&self, name: &str, value: impl Into<Value>) {
        self.conduct.lock().unwrap().claims[name] = value.into();
    }

    /// Says when they signed in there.
    pub(crate) fn signed_in_at(&self, at: Timestamp) {
        self.say("auth_time", at.seconds());
    }

    /// What it was asked for by the address to which a browser was sent.
    pub(crate) fn asked(&self, sent: &Answer) -> BTreeMap<String, String> {
        assert_eq!(sent.status, 303, "{}", sent.body);
        let url = url::Url::parse(sent.header("location")).unwrap();
        assert!(url.as_str().starts_with(&format!("{}/authorize?", self.issuer)), "{url}");
        url.query_pairs().into_owned().collect()
    }

    /// The person does what is to be done there, and comes back.
    pub(crate) async fn back(&self, browser: &Browser<'_>, house: &House, sent: &Answer) -> Answer {
        let asked = self.asked(sent);
        {
            let mut conduct = self.conduct.lock().unwrap();
            conduct.code_challenge.clone_from(&asked["code_challenge"]);
            conduct.claims["nonce"] = asked["nonce"].clone().into();
            conduct.claims["iss"] = self.issuer.clone().into();
            conduct.claims["aud"] = CLIENT.into();
            conduct.claims["iat"] = house.now().seconds().into();
            conduct.claims["exp"] = (house.now().seconds() + 300).into();
        }
        browser
            .get(&format!("/sign-in/with/company/callback?code=c&state={}", asked["state"]))
            .await
    }
}

impl Company {
    /// Says that a session there has ended (OpenID Connect Back-Channel Logout 1.0 §2.4).
    pub(crate) fn logout_token(&self, house: &House, changes: &Value) -> String {
        let now = house.now().seconds();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "jti-1",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let signer = &self.conduct.lock().unwrap().signer;
        signer.sign_compact(&signer.header("logout+jwt"), &claims).unwrap()
    }
}

async fn discovery(State(company): State<Company>) -> Json<Value> {
    let issuer = &company.issuer;
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(State(company): State<Company>) -> Response {
    let key = company.conduct.lock().unwrap().signer.public_jwk().unwrap();
    format!("{{\"keys\":[{}]}}", serde_json::to_string(&key).unwrap()).into_response()
}

async fn token(State(company): State<Company>, body: String) -> Response {
    let conduct = company.conduct.lock().unwrap();
    let fields: BTreeMap<String, String> =
        url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let hash =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, fields["code_verifier"].as_bytes());
    assert_eq!(b64::encode(hash.as_ref()), conduct.code_challenge);
    let mut claims = conduct.claims.clone();
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let id_token = conduct.signer.sign_compact(&conduct.signer.header("JWT"), &claims).unwrap();
    Json(json!({ "access_token": "at-1", "token_type": "Bearer", "id_token": id_token }))
        .into_response()
}
