//! `{issuer}/logout` (OpenID Connect RP-Initiated Logout 1.0) and what apps hear of it.

mod notice;

use crate::{
    authorize::{first_party, house},
    browser::{Browser, encoded, field},
    house::{Answer, House, ISSUER_ID},
};
use serde_json::{Value, json};

const BYE: &str = "https://notebook.example/bye";

/// An ID token of ours, as its claims say.
fn id_token(house: &House, changes: &Value) -> String {
    let now = house.now().seconds();
    let mut claims = json!({
        "iss": ISSUER_ID, "aud": "notebook", "sub": "usr_x", "iat": now, "exp": now + 300,
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let key = house.state.keys.signer(portcullis_jose::Alg::ES256).unwrap();
    key.sign_compact(&key.header("JWT"), &claims).unwrap()
}

async fn logout(browser: &Browser<'_>, pairs: &[(&str, &str)]) -> Answer {
    browser.get(&format!("/logout?{}", encoded(pairs))).await
}

/// The session in the browser's cookie.
fn sid(browser: &Browser<'_>) -> String {
    browser.cookie("__Host-session").unwrap().split('.').next().unwrap().to_owned()
}

async fn is_signed_in(browser: &Browser<'_>) -> bool {
    let asked = crate::authorize::ask(browser, &[("prompt", "none")]).await;
    asked.redirect().1.contains_key("code")
}

#[tokio::test]
async fn an_app_with_the_sessions_id_token_signs_out_at_once() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let other = Browser::signed_in(&house, "ada").await;
    let cookie = browser.cookie("__Host-session").unwrap();
    // An ID token from long ago will do: it says who is meant, nothing else.
    let token = id_token(&house, &json!({ "sid": sid(&browser), "exp": 1_700_000_000 }));
    let pairs =
        [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s & 1")];
    let answer = logout(&browser, &pairs).await;
    let (to, fields) = answer.redirect();
    assert_eq!((to.as_str(), fields["state"].as_str()), (BYE, "s & 1"));
    assert_eq!(browser.cookie("__Host-session"), None, "the browser forgets");
    browser.put("__Host-session", &cookie);
    assert!(!is_signed_in(&browser).await, "and the cookie is worth nothing");
    assert!(is_signed_in(&other).await, "another browser stays signed in");
    let revoked = house.directory.revocations().borrow().clone();
    assert!(revoked.sessions.has(cookie.split('.').next().unwrap()));
}

#[tokio::test]
async fn without_that_the_person_is_asked() {
    let house = house().await;
    let ada = house.directory.person_by_login("ada").await.unwrap().unwrap().id;
    let browser = Browser::signed_in(&house, "ada").await;
    let stranger = id_token(&house, &json!({}));
    let elsewhere = id_token(&house, &json!({ "sub": ada.as_str(), "sid": "ses_other" }));
    for pairs in [
        &[][..],
        &[("client_id", "notebook")],
        &[("client_id", "notebook"), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", &stranger), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", &elsewhere), ("post_logout_redirect_uri", BYE)],
    ] {
        let page = logout(&browser, pairs).await;
        assert_eq!((page.status, page.header("location")), (200, ""), "{pairs:?}");
        assert!(is_signed_in(&browser).await, "{pairs:?}");
    }
    let page = logout(
        &browser,
        &[("id_token_hint", &stranger), ("post_logout_redirect_uri", BYE), ("state", "s")],
    )
    .await;
    let names = ["csrf", "id_token_hint", "post_logout_redirect_uri", "state"];
    let values = names.map(|name| field(&page.body, name));
    let form: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
    assert!(!page.header("content-security-policy").contains("form-action"), "it leads on");
    let mut forged = form.clone();
    forged[0].1 = "forged";
    assert_eq!(browser.post("/logout", &forged).await.status, 403);
    assert!(is_signed_in(&browser).await);
    let answer = browser.post("/logout", &form).await;
    assert_eq!(answer.redirect().0, BYE);
    assert_eq!(answer.redirect().1["state"], "s");
    assert!(!is_signed_in(&browser).await);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_was_not_registered() {
    let house = house().await;
    let mut other = first_party();
    other.id = Some("other".parse().unwrap());
    other.registration.post_logout_redirect_uris = vec!["https://other.example/".parse().unwrap()];
    house.client(other).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let good = id_token(&house, &json!({ "sid": sid(&browser) }));
    let mut altered = good.clone();
    altered.truncate(altered.len() - 4);
    let access = {
        let key = house.state.keys.signer(portcullis_jose::Alg::ES256).unwrap();
        let claims =
            json!({ "iss": ISSUER_ID, "aud": "notebook", "sub": "x", "sid": sid(&browser) });
        key.sign_compact(&key.header("at+jwt"), &claims).unwrap()
    };
    let foreign =
        id_token(&house, &json!({ "iss": "https://other.example", "sid": sid(&browser) }));
    for pairs in [
        &[("post_logout_redirect_uri", BYE)][..],
        &[("post_logout_redirect_uri", "https://evil.example/"), ("client_id", "notebook")],
        &[
            ("post_logout_redirect_uri", "https://notebook.example/bye?x"),
            ("client_id", "notebook"),
        ],
        &[("post_logout_redirect_uri", BYE), ("client_id", "nobody")],
        &[("post_logout_redirect_uri", BYE), ("client_id", "other"), ("id_token_hint", &good)],
        &[("post_logout_redirect_uri", "https://other.example/"), ("id_token_hint", &good)],
        &[("post_logout_redirect_uri", BYE), ("id_token_hint", &altered)],
        &[("post_logout_redirect_uri", BYE), ("id_token_hint", &access)],
        &[("post_logout_redirect_uri", BYE), ("id_token_hint", &foreign)],
        &[("post_logout_redirect_uri", BYE), ("id_token_hint", "x")],
        &[("state", "1"), ("state", "2")],
    ] {
        let answer = logout(&browser, pairs).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{pairs:?}");
        assert!(answer.header("x-decision-id").starts_with("dec_"));
        assert!(is_signed_in(&browser).await, "{pairs:?}");
    }
}

#[tokio::test]
async fn an_app_nobody_vouches_for_or_that_is_over_takes_nobody_along() {
    let house = house().await;
    let mut stranger = crate::authorize::stranger();
    stranger.id = Some("stranger".parse().unwrap());
    house.client(stranger).await;
    let nobody = Browser::new(&house);
    let pairs = [("client_id", "stranger"), ("post_logout_redirect_uri", BYE), ("state", "s 1")];
    // Attack: a link to us that ends at a place of the attacker's.
    let page = logout(&nobody, &pairs).await;
    assert_eq!((page.status, page.header("location")), (200, ""));
    assert!(page.body.contains("https://notebook.example/bye?state=s%201"), "{}", page.body);
    house.disable("notebook").await;
    let pairs = [("client_id", "notebook"), ("post_logout_redirect_uri", BYE)];
    let answer = logout(&nobody, &pairs).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""), "it is disabled");
}

#[tokio::test]
async fn who_is_signed_out_already_goes_on() {
    let house = house().await;
    let browser = Browser::new(&house);
    let pairs = [("client_id", "notebook"), ("post_logout_redirect_uri", BYE)];
    assert_eq!(logout(&browser, &pairs).await.redirect().0, BYE);
    let page = logout(&browser, &[]).await;
    assert_eq!((page.status, page.header("location")), (200, ""));
    let posted = browser.post("/logout", &pairs).await;
    assert_eq!(posted.redirect().0, BYE);
}

#[tokio::test]
async fn an_app_that_sees_other_subjects_is_understood() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = first_party();
    new.registration.subject_type = portcullis_directory::SubjectType::Pairwise;
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let ada = house.directory.person_by_login("ada").await.unwrap().unwrap().id;
    let public = id_token(&house, &json!({ "sub": ada.as_str() }));
    assert_eq!(logout(&browser, &[("id_token_hint", &public)]).await.status, 200);
    assert!(is_signed_in(&browser).await, "that is not what this app calls her");
}
