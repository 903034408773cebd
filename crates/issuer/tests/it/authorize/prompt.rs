//! `prompt`, `max_age`, `acr_values`, `claims` and `id_token_hint` (OpenID Connect Core §3.1.2, RFC 9470).

use super::{ask, first_party, house};
use crate::{browser::Browser, house::House};
use portcullis_types::{Acr, Ttl};

/// Where it goes: `code`, an error, or a page.
async fn outcome(browser: &Browser<'_>, changes: &[(&str, &str)]) -> String {
    let answer = ask(browser, changes).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let location = answer.header("location");
    if location.starts_with("https://notebook.example/") {
        let fields = answer.redirect().1;
        return fields.get("error").cloned().unwrap_or_else(|| "code".to_owned());
    }
    location.rsplit_once('/').unwrap().1.split('?').next().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_signed_in() {
    let house = house().await;
    let browser = Browser::new(&house);
    assert_eq!(outcome(&browser, &[("prompt", "none")]).await, "login_required");
    for changes in [&[][..], &[("prompt", "login")], &[("max_age", "60")], &[("acr_values", "mfa")]]
    {
        assert_eq!(outcome(&browser, changes).await, "sign-in", "{changes:?}");
    }
}

#[tokio::test]
async fn somebody_signed_in() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    house.wait(Ttl::seconds(100));
    for (changes, expected) in [
        (&[][..], "code"),
        (&[("prompt", "none")], "code"),
        (&[("prompt", "login")], "sign-in"),
        (&[("prompt", "select_account")], "sign-in"),
        (&[("prompt", "consent")], "consent"),
        (&[("max_age", "1000")], "code"),
        (&[("max_age", "99")], "sign-in"),
        (&[("max_age", "0")], "sign-in"),
        (&[("max_age", "99"), ("prompt", "none")], "login_required"),
        (&[("acr_values", "pwd")], "code"),
        (&[("acr_values", "mfa")], "sign-in"),
        (&[("acr_values", "mfa"), ("prompt", "none")], "unmet_authentication_requirements"),
        (&[("acr_values", "urn:unknown")], "code"),
        (
            &[("claims", r#"{"id_token":{"acr":{"essential":true,"values":["urn:x"]}}}"#)],
            "unmet_authentication_requirements",
        ),
        (&[("claims", r#"{"id_token":{"acr":{"essential":true,"value":"phr"}}}"#)], "sign-in"),
        (&[("claims", r#"{"id_token":{"sub":{"value":"usr_other"}}}"#)], "sign-in"),
        (
            &[("claims", r#"{"id_token":{"sub":{"value":"usr_other"}}}"#), ("prompt", "none")],
            "login_required",
        ),
    ] {
        assert_eq!(outcome(&browser, changes).await, expected, "{changes:?}");
    }
}

#[tokio::test]
async fn the_age_of_a_sign_in_is_what_tokens_tell() {
    let house = house().await;
    house.wait(Ttl::from_millis(900));
    let browser = Browser::signed_in(&house, "ada").await;
    assert_eq!(outcome(&browser, &[("max_age", "100")]).await, "code");
    // 99.2 seconds later, and 100.1 after the second that tokens name.
    house.wait(Ttl::from_millis(99_200));
    assert_eq!(outcome(&browser, &[("max_age", "100")]).await, "sign-in");
}

#[tokio::test]
async fn a_new_sign_in_meets_what_an_old_one_does_not() {
    for changes in [("prompt", "login"), ("max_age", "0"), ("acr_values", "mfa")] {
        let house = house().await;
        let browser = Browser::signed_in(&house, "ada").await;
        house.wait(Ttl::seconds(100));
        let page = ask(&browser, &[changes]).await.header("location").to_owned();
        let flow = page.split_once("flow=").unwrap().1.to_owned();
        let go_on = format!("/authorize/continue?flow={flow}");
        // Not by coming back alone.
        assert!(browser.get(&go_on).await.header("location").contains("/sign-in?flow="));
        house.wait(Ttl::seconds(5));
        browser.put("__Host-session", &house.session_with("ada", Acr::Mfa).await);
        assert!(browser.get(&go_on).await.redirect().1.contains_key("code"), "{changes:?}");
    }
}

#[tokio::test]
async fn a_new_sign_in_that_is_too_weak_or_anothers_is_told_to_the_app() {
    let house = house().await;
    house.person("bob", &["scientist"]).await;
    for (changes, login, error) in [
        (("acr_values", "phr"), "ada", "unmet_authentication_requirements"),
        (("claims", r#"{"id_token":{"sub":{"value":"usr_other"}}}"#), "bob", "login_required"),
    ] {
        let browser = Browser::new(&house);
        let page = ask(&browser, &[changes]).await.header("location").to_owned();
        let flow = page.split_once("flow=").unwrap().1.to_owned();
        browser.put("__Host-session", &house.session_with(login, Acr::Mfa).await);
        let answer = browser.get(&format!("/authorize/continue?flow={flow}")).await;
        assert_eq!(answer.redirected_error(), error, "{changes:?}");
    }
}

#[tokio::test]
async fn an_app_is_told_the_strength_it_knows() {
    let house = house().await;
    let browser = Browser::new(&house);
    browser.put("__Host-session", &house.session_with("ada", Acr::Phr).await);
    assert_eq!(outcome(&browser, &[("acr_values", "mfa")]).await, "code");
    assert_eq!(house.last_grant().await.0.acr, Some(Acr::Mfa));
    assert_eq!(outcome(&browser, &[]).await, "code");
    assert_eq!(house.last_grant().await.0.acr, Some(Acr::Phr));
}

#[tokio::test]
async fn a_default_max_age_counts_where_none_is_asked() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = first_party();
    new.registration.default_max_age = Some(Ttl::seconds(50));
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    house.wait(Ttl::seconds(60));
    assert_eq!(outcome(&browser, &[]).await, "sign-in");
    assert_eq!(outcome(&browser, &[("max_age", "100")]).await, "code");
}

#[tokio::test]
async fn a_session_that_is_over_signs_nobody_in() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let forged = browser.cookie("__Host-session").unwrap();
    let id = forged.split('.').next().unwrap();
    for cookie in [format!("{id}.{}", "A".repeat(43)), id.to_owned(), "x.y".to_owned()] {
        let other = Browser::new(&house);
        other.put("__Host-session", &cookie);
        assert_eq!(outcome(&other, &[("prompt", "none")]).await, "login_required", "{cookie}");
    }
    house.disable_person("ada").await;
    assert_eq!(outcome(&browser, &[("prompt", "none")]).await, "login_required");
}
