//! Each parameter: missing, doubled, over-long, of a wrong kind (RFC 6749 §4.1.2.1).

use super::{ask, house, notebook, request};
use crate::{browser::Browser, house::House};
use portcullis_directory::{Pkce, Registration};

#[tokio::test]
async fn each_mistake_has_its_error_and_goes_back_with_state_and_iss() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let long = "x".repeat(4097);
    let longer = "n".repeat(513);
    for (change, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "code id_token"), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "create"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("max_age", "soon"), "invalid_request"),
        (("claims", "{"), "invalid_request"),
        (("claims", "[]"), "invalid_request"),
        (("claims", r#"{"id_token":{"acr":1}}"#), "invalid_request"),
        (("id_token_hint", "x"), "invalid_request"),
        (("dpop_jkt", "x"), "invalid_request"),
        (("nonce", &longer), "invalid_request"),
        (("login_hint", &longer), "invalid_request"),
        (("scope", ""), "invalid_scope"),
        (("scope", "openid no:such"), "invalid_scope"),
        (("scope", "openid  \u{1}"), "invalid_request"),
        (("resource", "https://elsewhere.example/"), "invalid_target"),
        (("registration", "{}"), "registration_not_supported"),
        (("authorization_details", "[]"), "invalid_authorization_details"),
        (("request_uri", "https://evil.example/object"), "request_uri_not_supported"),
        (("request", "not-a-jwt"), "invalid_request_object"),
        (("ui_locales", &long), "invalid_request"),
    ] {
        let answer = ask(&browser, &[change]).await;
        let (to, fields) = answer.redirect();
        assert_eq!(to, "https://notebook.example/cb", "{change:?}");
        assert_eq!(fields["error"], error, "{change:?}: {fields:?}");
        assert_eq!(fields["state"], "s-1", "{change:?}");
        assert_eq!(fields["iss"], crate::house::ISSUER_ID, "{change:?}");
        let told = &fields["error_description"];
        let fits = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '"' && c != '\\';
        assert!(told.chars().all(fits), "{told}");
        assert!(!fields.contains_key("code"));
    }
    assert_eq!(house.codes().await, 0, "nothing was written");
}

#[tokio::test]
async fn what_is_there_twice_is_refused_even_if_nobody_reads_it() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    for (twice, error) in [
        ("scope=openid", "invalid_request"),
        ("nonce=2", "invalid_request"),
        ("response_type=code", "invalid_request"),
        ("code_challenge=2", "invalid_request"),
        ("resource=https%3A%2F%2Fapi.example%2Fbatch", "invalid_target"),
        ("state=2", "invalid_request"),
        ("x=1&x=2", "invalid_request"),
        ("x=%00", "invalid_request"),
        ("x=%ff", "invalid_request"),
    ] {
        let answer = browser.get(&format!("/authorize?{}&{twice}", request(&[]))).await;
        let (_, fields) = answer.redirect();
        assert_eq!(fields["error"], error, "{twice}");
        let state = fields.get("state").map(String::as_str);
        assert_eq!(state, (!twice.starts_with("state")).then_some("s-1"), "{twice}");
    }
}

#[tokio::test]
async fn state_comes_back_byte_for_byte() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let state = "a b+c%20d&e=f#g\"'<>/?;,ä中\u{1f980}";
    assert_eq!(ask(&browser, &[("state", state)]).await.redirect().1["state"], state);
    assert!(!ask(&browser, &[("state", "")]).await.redirect().1.contains_key("state"));
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let more = [
        ("display", "popup"),
        ("foo", "bar"),
        ("acr_values", "urn:x urn:y"),
        ("ui_locales", "de en"),
    ];
    assert!(ask(&browser, &more).await.redirect().1.contains_key("code"));
}

#[tokio::test]
async fn a_nonce_stands_for_a_challenge_where_the_operator_says_so() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = notebook();
    new.registration = Registration { pkce: Pkce::OrNonce, first_party: true, ..new.registration };
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    assert!(ask(&browser, &without).await.redirect().1.contains_key("code"));
    let neither = [without[0], without[1], ("nonce", "")];
    assert_eq!(ask(&browser, &neither).await.redirected_error(), "invalid_request");
    let plain = [("code_challenge_method", "plain")];
    assert_eq!(ask(&browser, &plain).await.redirected_error(), "invalid_request");
}

#[tokio::test]
async fn other_methods_and_bodies_are_refused() {
    let house = house().await;
    let browser = Browser::new(&house);
    let url = house.at("/authorize");
    assert_eq!(browser.send(house.http.put(&url)).await.status, 405);
    let json = house.http.post(&url).header("content-type", "application/json").body("{}");
    assert_eq!(browser.send(json).await.status, 400);
    let large = "x".repeat(70_000);
    assert_eq!(browser.post("/authorize", &[("x", &large)]).await.status, 400);
}
