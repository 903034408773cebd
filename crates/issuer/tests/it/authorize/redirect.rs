//! Nobody is sent to an address that was not registered (RFC 9700 §4.1).

use super::{ask, house, notebook};
use crate::{browser::Browser, house::House};
use portcullis_directory::{NewAuth, NewClient, Registration};

#[tokio::test]
async fn whatever_is_wrong_with_client_or_way_back_is_told_here() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    for changes in [
        &[("client_id", "")][..],
        &[("client_id", "nobody")],
        &[("client_id", "usr_x y")],
        &[("client_id", "https://unknown.example/client.json")],
        &[("redirect_uri", "")],
        &[("redirect_uri", "https://evil.example/cb")],
        &[("redirect_uri", "https://notebook.example/cb")],
        &[("redirect_uri", "https://notebook.example/cb?a=1&b=2")],
        &[("redirect_uri", "https://notebook.example/cb?a=1#x")],
        &[("redirect_uri", "https://notebook.example.evil.example/cb?a=1")],
        &[("redirect_uri", "//notebook.example/cb?a=1")],
        &[("redirect_uri", "javascript:alert(1)")],
        &[("redirect_uri", "https://notebook.example/cb?a=1\r\nx: y")],
    ] {
        let answer = ask(&browser, changes).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{changes:?}");
        assert!(answer.header("x-decision-id").starts_with("dec_"), "{changes:?}");
        assert!(!answer.body.contains("javascript:alert(1)\""), "never a link");
    }
}

#[tokio::test]
async fn a_client_or_way_back_that_is_there_twice_is_told_here() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    for twice in ["&client_id=notebook", "&redirect_uri=https%3A%2F%2Fevil.example", "&%ff=1"] {
        let answer = browser.get(&format!("/authorize?{}{twice}", super::request(&[]))).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{twice}");
    }
}

#[tokio::test]
async fn on_a_loopback_address_any_port_will_do() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let registration = Registration {
        redirect_uris: vec!["http://127.0.0.1/cb".parse().unwrap()],
        ..notebook().registration
    };
    house.client(NewClient { auth: NewAuth::Public, registration, ..notebook() }).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let answer =
        ask(&browser, &[("redirect_uri", "http://127.0.0.1:51004/cb"), ("prompt", "none")]).await;
    let (to, fields) = answer.redirect();
    assert_eq!(to, "http://127.0.0.1:51004/cb");
    assert_eq!(fields["error"], "consent_required");
    let other = ask(&browser, &[("redirect_uri", "http://127.0.0.2:51004/cb")]).await;
    assert_eq!(other.status, 400);
}

#[tokio::test]
async fn without_openid_the_only_way_back_needs_no_name() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let unnamed = ask(&browser, &[("redirect_uri", ""), ("scope", "generate:basic")]).await;
    assert!(unnamed.redirect().1.contains_key("code"));
    let openid = ask(&browser, &[("redirect_uri", "")]).await;
    assert_eq!(openid.status, 400);
}

#[tokio::test]
async fn a_disabled_app_gets_nothing() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    house.disable("notebook").await;
    let answer = ask(&browser, &[]).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""));
}

#[tokio::test]
async fn an_app_nobody_vouches_for_sends_nobody_on_who_is_not_signed_in() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    house.client(super::stranger()).await;
    let nobody = Browser::new(&house);
    // Attack: a link to us that is wrong on purpose, and ends at a place of the attacker's.
    for wrong in [
        [("scope", "batch:read"), ("prompt", "")],
        [("response_type", "token"), ("prompt", "")],
        [("code_challenge", ""), ("code_challenge_method", "")],
        [("request", "x.y.z"), ("prompt", "")],
        [("max_age", "x"), ("response_mode", "form_post")],
    ] {
        let page = ask(&nobody, &wrong).await;
        assert_eq!((page.status, page.header("location")), (400, ""), "{wrong:?} {}", page.body);
        assert!(page.header("x-decision-id").starts_with("dec_"));
        assert!(!page.body.contains("<script"), "nothing goes by itself");
        let in_a_link = !wrong.iter().any(|(name, _)| *name == "response_mode");
        assert_eq!(page.body.contains("href=\"https://notebook.example/cb?a=1"), in_a_link);
    }
    let silent = [("response_type", "token"), ("prompt", "none")];
    assert_eq!(ask(&nobody, &silent).await.redirected_error(), "unsupported_response_type");
    let ada = Browser::signed_in(&house, "ada").await;
    let wrong = [("response_type", "token")];
    assert_eq!(ask(&ada, &wrong).await.redirected_error(), "unsupported_response_type");
}
