//! Back-channel logout: what apps are told, by a real server that listens.

use super::logout;
use crate::{
    authorize::{first_party, house},
    browser::{Browser, field},
    house::{House, ISSUER_ID},
};
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use portcullis_directory::{Authorization, grant::begin_grant};
use portcullis_issuer::{Notified, deliver};
use portcullis_jose::jws::Compact;
use portcullis_types::{
    Acr, Authentication, GrantId, IdentityScopes, Jti, Random, Scopes, SessionId, Ttl,
};
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, Ordering},
};

/// An app that listens.
#[derive(Clone, Default)]
struct App {
    heard: Arc<Mutex<Vec<String>>>,
    status: Arc<AtomicU16>,
}

async fn hear(State(app): State<App>, body: Bytes) -> StatusCode {
    app.heard.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
    StatusCode::from_u16(app.status.load(Ordering::SeqCst)).unwrap()
}

async fn listening(house: &House) -> (App, String) {
    let app = App::default();
    app.status.store(200, Ordering::SeqCst);
    let router = Router::new().route("/logout", post(hear)).with_state(app.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/logout", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let policy = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
    house.directory.fetch_with(Outgoing::new(policy).unwrap());
    (app, url)
}

/// As if the app had redeemed a code in the browser's session.
async fn granted(house: &House, browser: &Browser<'_>, scope: &str) {
    let person = house.directory.person_by_login("ada").await.unwrap().unwrap().id;
    let mut entropy = house.entropy.clone();
    let id = GrantId::fresh(house.now(), &Random::draw(&mut entropy));
    let jti = Jti::fresh(house.now(), &Random::draw(&mut entropy));
    let authorization = Authorization {
        client_id: "notebook".parse().unwrap(),
        person,
        session: Some(SessionId::new(&super::sid(browser)).unwrap()),
        authentication: Authentication { at: house.now(), acr: Acr::Pwd, amr: Vec::new() },
        identity: IdentityScopes::part(scope).0,
        scope: Scopes::default(),
        resource: None,
        resource_named: false,
        tenant: None,
        nonce: None,
        claims: portcullis_directory::ClaimsAsked::default(),
    };
    let now = house.now();
    house.store.write(move |tx| begin_grant(tx, &id, &authorization, &jti, now)).await.unwrap();
}

async fn house_with(url: &str) -> House {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = first_party();
    new.registration.backchannel_logout_uri = Some(url.to_owned());
    house.client(new).await;
    house
}

async fn sign_out(browser: &Browser<'_>) {
    let page = logout(browser, &[]).await;
    let csrf = field(&page.body, "csrf");
    assert_eq!(browser.post("/logout", &[("csrf", &csrf)]).await.status, 200);
}

#[tokio::test]
async fn an_app_hears_that_the_session_ended() {
    for scope in ["openid", "openid offline_access"] {
        let quiet = house().await;
        let (app, url) = listening(&quiet).await;
        let house = house_with(&url).await;
        let policy = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
        house.directory.fetch_with(Outgoing::new(policy).unwrap());
        let browser = Browser::signed_in(&house, "ada").await;
        granted(&house, &browser, scope).await;
        let sid = super::sid(&browser);
        assert_eq!(deliver(&house.state).await.unwrap(), Notified::default());
        sign_out(&browser).await;
        let once = Notified { delivered: 1, failed: 0 };
        assert_eq!(deliver(&house.state).await.unwrap(), once, "{scope}");
        assert_eq!(deliver(&house.state).await.unwrap(), Notified::default(), "once");
        let heard = app.heard.lock().unwrap().clone();
        assert_eq!(heard.len(), 1);
        let token = heard[0].strip_prefix("logout_token=").unwrap();
        let jws = Compact::parse(token).unwrap();
        assert_eq!(jws.header().typ.as_deref(), Some("logout+jwt"));
        let keys = house.keys();
        let key = keys.find(jws.header().kid.as_deref().unwrap(), jws.header().alg).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(jws.verify(key).unwrap().as_ref()).unwrap();
        let ada = house.directory.person_by_login("ada").await.unwrap().unwrap().id;
        assert_eq!(claims["iss"], ISSUER_ID);
        assert_eq!(claims["aud"], "notebook");
        assert_eq!(claims["sub"], ada.as_str());
        assert_eq!(claims["sid"], sid);
        assert!(claims["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
        assert_eq!(claims["exp"].as_i64().unwrap(), house.now().seconds() + 120);
        assert!(claims["jti"].is_string() && claims.get("nonce").is_none());
    }
}

#[tokio::test]
async fn an_app_that_does_not_answer_is_told_again_and_given_up() {
    let quiet = house().await;
    let (app, url) = listening(&quiet).await;
    let house = house_with(&url).await;
    let policy = OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() };
    house.directory.fetch_with(Outgoing::new(policy).unwrap());
    let browser = Browser::signed_in(&house, "ada").await;
    granted(&house, &browser, "openid").await;
    app.status.store(500, Ordering::SeqCst);
    sign_out(&browser).await;
    let failed = Notified { delivered: 0, failed: 1 };
    assert_eq!(deliver(&house.state).await.unwrap(), failed);
    assert_eq!(deliver(&house.state).await.unwrap(), Notified::default(), "not at once");
    for _ in 1..6 {
        house.wait(Ttl::seconds(3600));
        assert_eq!(deliver(&house.state).await.unwrap(), failed);
    }
    house.wait(Ttl::seconds(3600));
    assert_eq!(deliver(&house.state).await.unwrap(), Notified::default(), "given up");
    assert_eq!(app.heard.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn an_address_inside_our_network_is_not_called() {
    let quiet = house().await;
    let (app, url) = listening(&quiet).await;
    // Without leave to call this very machine.
    let house = house_with(&url).await;
    let browser = Browser::signed_in(&house, "ada").await;
    granted(&house, &browser, "openid").await;
    sign_out(&browser).await;
    let failed = Notified { delivered: 0, failed: 1 };
    assert_eq!(deliver(&house.state).await.unwrap(), failed);
    assert!(app.heard.lock().unwrap().is_empty());
}
