//! `{issuer}/authorize`, `{issuer}/consent` and `{issuer}/par`.

mod answer;
mod claims;
mod consent;
mod object;
mod parameters;
mod prompt;
mod push;
mod redirect;
mod scope;

use crate::{
    browser::{Browser, encoded},
    house::{FORM, House, TEXTGEN, new},
};
use portcullis_directory::{ClientSecret, GrantType, NewAuth, NewClient, Origin, Registration};

pub(crate) const BACK: &str = "https://notebook.example/cb?a=1";
/// Of [`VERIFIER`] (RFC 7636, appendix B).
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// The form with which the notebook redeems a code.
pub(crate) fn redemption(code: &str, verifier: &str) -> String {
    encoded(&[
        ("grant_type", "authorization_code"),
        ("client_id", "notebook"),
        ("client_secret", SECRET),
        ("redirect_uri", BACK),
        ("code", code),
        ("code_verifier", verifier),
    ])
}

/// A confidential app of the operator's, that may generate text and learn everything.
pub(crate) fn notebook() -> NewClient {
    NewClient {
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        default_scope: None,
        default_resource: None,
        registration: Registration {
            redirect_uris: vec![BACK.parse().unwrap()],
            post_logout_redirect_uris: vec!["https://notebook.example/bye".parse().unwrap()],
            identity: portcullis_types::IdentityScopes::all(),
            ..Registration::default()
        },
        ..new("notebook", NewAuth::Chosen(ClientSecret::chosen(SECRET).unwrap()))
    }
}

pub(crate) const SECRET: &str = "a-secret-of-the-notebook-0123456789abcdef";

/// The same, of the operator's own.
pub(crate) fn first_party() -> NewClient {
    let mut new = notebook();
    new.registration.first_party = true;
    new
}

/// An app that introduced itself.
pub(crate) fn stranger() -> NewClient {
    let mut new = NewClient { auth: NewAuth::Public, ..notebook() };
    new.registration.origin = Origin::Dynamic;
    new
}

/// A good request; `changes` replace parameters, or take them out if empty.
pub(crate) fn request(changes: &[(&str, &str)]) -> String {
    let usual = [
        ("response_type", "code"),
        ("client_id", "notebook"),
        ("redirect_uri", BACK),
        ("scope", "openid generate:basic"),
        ("resource", TEXTGEN),
        ("state", "s-1"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let is_changed = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let kept = usual.into_iter().filter(|(name, _)| !is_changed(name));
    let all: Vec<_> =
        kept.chain(changes.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
    encoded(&all)
}

pub(crate) async fn ask(browser: &Browser<'_>, changes: &[(&str, &str)]) -> crate::house::Answer {
    browser.get(&format!("/authorize?{}", request(changes))).await
}

/// A house with the operator's own app, and Ada, who may generate text, signed in.
pub(crate) async fn house() -> House {
    let house = House::open().await;
    house.client(first_party()).await;
    house.person("ada", &["scientist"]).await;
    house
}

#[tokio::test]
async fn a_person_who_is_signed_in_goes_straight_back_with_a_code() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let answer = ask(&browser, &[]).await;
    let (to, fields) = answer.redirect();
    assert_eq!(to, "https://notebook.example/cb");
    assert_eq!(fields["a"], "1", "what was registered stays");
    assert_eq!(
        (fields["state"].as_str(), fields["iss"].as_str()),
        ("s-1", crate::house::ISSUER_ID)
    );
    assert!(fields["code"].len() > 40);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
}

#[tokio::test]
async fn post_is_as_good_as_get_and_redirects_to_get() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let all = request(&[]);
    let pairs: Vec<_> = url::form_urlencoded::parse(all.as_bytes()).into_owned().collect();
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answer = browser.post("/authorize", &pairs).await;
    assert!(answer.redirect().1.contains_key("code"));
    let mixed = browser.post("/authorize?state=x", &pairs).await;
    assert_eq!(mixed.status, 400, "parameters in two places read two ways");
}

#[tokio::test]
async fn a_form_of_an_apps_site_finds_the_person_signed_in() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    browser.get("/sign-in").await;
    let name = browser.cookie("__Host-browser").unwrap();
    let below = |answer: &crate::house::Answer| {
        answer.header("location").split_once("/tenants/one").unwrap().1.to_owned()
    };
    let all = request(&[("state", "s 1&ä")]);
    let pairs: Vec<_> = url::form_urlencoded::parse(all.as_bytes()).into_owned().collect();
    let mut pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let again = browser.post_from_elsewhere("/authorize", &pairs).await;
    assert_eq!(again.status, 303);
    // Attack: a new name for the browser would make all its open forms worthless.
    assert_eq!(again.header("set-cookie"), "");
    let answer = browser.get(&below(&again)).await;
    assert_eq!(answer.redirect().1["state"], "s 1&ä");
    assert!(answer.redirect().1.contains_key("code"));
    // What is too long for a line comes as a form of ours.
    let long = "h".repeat(4000);
    pairs.push(("login_hint", &long));
    pairs.push(("ui_locales", &long));
    let page = browser.post_from_elsewhere("/authorize", &pairs).await;
    assert_eq!((page.status, page.header("set-cookie")), (200, ""));
    assert!(page.body.contains("action=\"/tenants/one/authorize\""));
    assert_eq!(crate::browser::field(&page.body, "ui_locales"), long);
    for path in ["/sign-in", "/consent", "/logout", "/device", "/password/reset"] {
        let answer = browser.post_from_elsewhere(path, &[("csrf", "x")]).await;
        assert_eq!(answer.header("set-cookie"), "", "{path}");
    }
    assert_eq!(browser.cookie("__Host-browser"), Some(name));
}

#[tokio::test]
async fn somebody_who_is_not_signed_in_is_asked_to_and_comes_back() {
    let house = house().await;
    let browser = Browser::new(&house);
    let answer = ask(&browser, &[]).await;
    assert_eq!(answer.status, 303);
    let page = answer.header("location").to_owned();
    let flow = page.split_once("/sign-in?flow=").unwrap().1.to_owned();
    let session = house.session("ada").await;
    browser.put("__Host-session", &session);
    let path = format!("/authorize/continue?flow={flow}");
    assert!(browser.get(&path).await.redirect().1.contains_key("code"));
    let again = browser.get(&path).await;
    assert_eq!(again.status, 410, "a flow is answered once");
}

#[tokio::test]
async fn a_flow_is_good_in_its_own_browser_alone() {
    let house = house().await;
    let attacker = Browser::new(&house);
    let flow =
        ask(&attacker, &[]).await.header("location").split_once("flow=").unwrap().1.to_owned();
    let victim = Browser::signed_in(&house, "ada").await;
    for path in ["/authorize/continue?flow=", "/consent?flow="] {
        let answer = victim.get(&format!("{path}{flow}")).await;
        assert_eq!(answer.status, 410, "{path}");
        assert_eq!(answer.header("location"), "");
    }
    let changed = format!("/authorize/continue?flow={}A", &flow[..flow.len() - 1]);
    assert_eq!(attacker.get(&changed).await.status, 410);
    house.wait(portcullis_types::Ttl::seconds(1801));
    assert_eq!(attacker.get(&format!("/authorize/continue?flow={flow}")).await.status, 410);
}

#[tokio::test]
async fn every_decision_is_recorded_with_its_person_and_no_code() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let code = ask(&browser, &[]).await.redirect().1["code"].clone();
    let grant = house.last_grant().await;
    assert!(grant.1.denial.is_none());
    assert_eq!(grant.0.client_id.as_deref(), Some("notebook"));
    assert_eq!(grant.0.granted.unwrap().to_string(), "generate:basic");
    assert!(grant.0.person.is_some() && grant.0.session.is_some());
    let refused = ask(&browser, &[("scope", "openid no:such")]).await;
    let told = refused.redirect().1["error_description"].clone();
    let id = told.rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned();
    let record = house.record(id.parse().unwrap()).await;
    assert_eq!(record.trace.failed(), Some(portcullis_types::Check::Offer));
    let (_, secret) = code.split_once('.').unwrap();
    assert!(!house.database.holds(secret.as_bytes()), "the store has only the hash of a code");
}

#[tokio::test]
async fn a_code_is_redeemed_with_the_verifier_of_its_own_request_alone() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let code = async || ask(&browser, &[]).await.redirect().1["code"].clone();
    let good = house.post(&[FORM], redemption(&code().await, VERIFIER)).await;
    assert_eq!(good.status, 200, "{}", good.body);
    assert!(good.json()["id_token"].is_string());
    assert_eq!(good.claims()["aud"], TEXTGEN);
    // Attack: somebody else's code, injected into a flow of one's own.
    let other = "x".repeat(43);
    let injected = house.post(&[FORM], redemption(&code().await, &other)).await;
    assert_eq!((injected.status, injected.error().as_str()), (400, "invalid_grant"));
    let stale = code().await;
    house.wait(portcullis_types::Ttl::seconds(61));
    let late = house.post(&[FORM], redemption(&stale, VERIFIER)).await;
    assert_eq!((late.status, late.error().as_str()), (400, "invalid_grant"));
}
