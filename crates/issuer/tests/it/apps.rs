//! Apps that people sign in to, and what they were granted: made by the functions of the directory, as the
//! authorization endpoint does.

use crate::house::{Answer, FORM, House, TEXTGEN, new};
use portcullis_directory::{
    Authorization, ClaimsAsked, ClientSecret, GrantType, NewAuth, NewClient, NewSession,
    Registration, Session,
    grant::{self, Decision, NewCode},
};
use portcullis_jose::{SigningKey, b64};
use portcullis_types::{Acr, Amr, Authentication, ClientId, IdentityScopes, Random, Scopes, Ttl};
use serde_json::{Value, json};

pub(crate) const WAY_BACK: &str = "https://desk.example/back";
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const SECRET: &str = "a-secret-of-the-notebook-0123456789abcdef";

/// A public client, and with a secret of its own a confidential one.
fn app(id: &str, auth: NewAuth) -> NewClient {
    NewClient {
        grant_types: vec![
            GrantType::AuthorizationCode,
            GrantType::RefreshToken,
            GrantType::DeviceCode,
        ],
        default_scope: None,
        default_resource: None,
        registration: Registration {
            redirect_uris: vec![WAY_BACK.parse().unwrap()],
            identity: IdentityScopes::all(),
            ..Registration::default()
        },
        ..new(id, auth)
    }
}

pub(crate) fn desk() -> NewClient {
    app("desk", NewAuth::Public)
}

pub(crate) fn server() -> NewClient {
    app("server", NewAuth::Chosen(ClientSecret::chosen(SECRET).unwrap()))
}

/// How a client says who it is.
pub(crate) fn who(client: &str) -> String {
    match client {
        "desk" => "client_id=desk".to_owned(),
        other => format!("client_id={other}&client_secret={SECRET}"),
    }
}

impl House {
    /// A house with both apps, and Ada, who may generate text.
    pub(crate) async fn with_apps() -> Self {
        let house = Self::open().await;
        house.settled().await;
        house
    }

    pub(crate) async fn settled(&self) {
        self.client(desk()).await;
        self.client(server()).await;
        self.person("ada", &["scientist"]).await;
    }

    /// Ada signs in.
    pub(crate) async fn signed_in(&self) -> Session {
        let person = self.directory.person_by_login("ada").await.unwrap().unwrap();
        let new = NewSession {
            person: person.id,
            authentication: Authentication {
                at: self.now(),
                acr: Acr::Mfa,
                amr: vec![Amr::Pwd, Amr::Otp],
            },
            device: "a test".to_owned(),
            remote: None,
            upstream: None,
        };
        let mut entropy = self.entropy.clone();
        self.directory.signed_in(new, None, self.now(), &mut entropy).await.unwrap().0
    }

    /// What Ada grants to an app in a new session.
    pub(crate) async fn authorization(&self, client: &str, words: &str) -> Authorization {
        let session = self.signed_in().await;
        let (identity, scope) = IdentityScopes::part(words);
        let scope = Scopes::parse(&scope.join(" ")).unwrap();
        Authorization {
            client_id: ClientId::new(client).unwrap(),
            person: session.person,
            session: Some(session.id),
            authentication: session.authentication,
            identity,
            resource: (!scope.is_empty()).then(|| TEXTGEN.parse().unwrap()),
            scope,
            resource_named: false,
            tenant: None,
            nonce: Some("n-1".to_owned()),
            claims: ClaimsAsked::default(),
        }
    }

    /// A code for it; `change` may make it another.
    pub(crate) async fn code_for(
        &self,
        authorization: Authorization,
        change: impl FnOnce(&mut NewCode),
    ) -> String {
        let now = self.now();
        let mut new = NewCode {
            authorization,
            redirect_uri: Some(WAY_BACK.to_owned()),
            code_challenge: Some(CHALLENGE.to_owned()),
            dpop_jkt: None,
            expires: now.plus(Ttl::seconds(60)),
        };
        change(&mut new);
        let random = Random::draw(&mut self.entropy.clone());
        let code = self.store.write(move |tx| grant::issue_code(tx, new, now, &random)).await;
        code.unwrap().expose().to_owned()
    }

    pub(crate) async fn code(&self, client: &str, words: &str) -> String {
        let authorization = self.authorization(client, words).await;
        self.code_for(authorization, |_| ()).await
    }

    /// Redeems it as it should be.
    pub(crate) async fn redeem(&self, client: &str, code: &str) -> Answer {
        self.post(&[FORM], redemption(client, code)).await
    }

    /// All of it: tokens for an app on behalf of Ada.
    pub(crate) async fn tokens(&self, client: &str, words: &str) -> Value {
        let answer = self.redeem(client, &self.code(client, words).await).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    pub(crate) async fn refresh(&self, client: &str, token: &str, more: &str) -> Answer {
        let who = who(client);
        let body = format!("grant_type=refresh_token&refresh_token={token}&{who}{more}");
        self.post(&[FORM], body).await
    }

    /// A form to another endpoint of ours.
    pub(crate) async fn form(&self, path: &str, body: &str) -> Answer {
        self.post_to(path, &[FORM], body).await
    }

    pub(crate) async fn post_to(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = format!("{}/tenants/one{path}", self.base);
        let mut request = self.http.post(url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// `GET /userinfo` with this credential.
    pub(crate) async fn userinfo(&self, authorization: &str) -> Answer {
        let url = format!("{}/tenants/one/userinfo", self.base);
        let request = self.http.get(url).header("authorization", authorization);
        Answer::of(request.send().await.unwrap()).await
    }

    /// What Ada decides about a device.
    pub(crate) async fn decide(&self, user_code: &str, decision: Decision) -> bool {
        let (typed, now) = (user_code.to_owned(), self.now());
        let decided =
            self.store.write(move |tx| grant::decide_device(tx, &typed, &decision, now)).await;
        decided.unwrap()
    }
}

pub(crate) fn redemption(client: &str, code: &str) -> String {
    let who = who(client);
    format!(
        "grant_type=authorization_code&code={code}&redirect_uri={WAY_BACK}&code_verifier={VERIFIER}&{who}"
    )
}

/// The claims of a JWT, not verified.
pub(crate) fn claims(token: &Value) -> Value {
    let jws = portcullis_jose::jws::Compact::parse(token.as_str().unwrap()).unwrap();
    serde_json::from_slice(jws.unverified_payload()).unwrap()
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// A DPoP proof; `changes` replace claims.
pub(crate) fn proof(key: &SigningKey, house: &House, url: &str, changes: &Value) -> String {
    let mut jwk = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
    jwk.as_object_mut()
        .unwrap()
        .retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
    let header = json!({ "alg": key.alg().name(), "typ": "dpop+jwt", "jwk": jwk });
    let mut claims = json!({
        "htm": "POST", "htu": url, "iat": house.now().seconds(),
        "jti": format!("p-{}", house.now().millis()),
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    key.sign_compact(&header, &claims).unwrap()
}

pub(crate) fn ath(token: &str) -> String {
    b64::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()))
}
