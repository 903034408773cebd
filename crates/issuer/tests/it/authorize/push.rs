//! `{issuer}/par` (RFC 9126).

use super::{SECRET, first_party, house, request};
use crate::{
    apps::{proof, text},
    browser::{Browser, encoded},
    house::{Answer, House},
};
use portcullis_audit::explain::{Explanation, Surroundings};
use portcullis_jose::{Alg, SigningKey};
use portcullis_types::Ttl;
use serde_json::json;

async fn push_with(house: &House, headers: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
    let body = format!("{}&{}", request(&[]), encoded(more));
    let mut asked = house.http.post(house.at("/par")).body(body);
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    let kind = "application/x-www-form-urlencoded";
    Browser::new(house).send(asked.header("content-type", kind)).await
}

async fn push(house: &House, changes: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
    let mut body = request(changes);
    body.push('&');
    body.push_str(&encoded(more));
    let request = house.http.post(house.at("/par")).body(body);
    let kind = "application/x-www-form-urlencoded";
    Browser::new(house).send(request.header("content-type", kind)).await
}

async fn pushed(house: &House, changes: &[(&str, &str)]) -> String {
    let answer = push(house, changes, &[("client_secret", SECRET)]).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.json()["expires_in"], 60);
    answer.json()["request_uri"].as_str().unwrap().to_owned()
}

async fn bring(browser: &Browser<'_>, client_id: &str, uri: &str) -> Answer {
    let query = encoded(&[("client_id", client_id), ("request_uri", uri)]);
    browser.get(&format!("/authorize?{query}")).await
}

#[tokio::test]
async fn a_pushed_request_is_good_once_for_its_client() {
    let house = house().await;
    let mut other = first_party();
    other.id = Some("other".parse().unwrap());
    house.client(other).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let uri = pushed(&house, &[]).await;
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"));
    let stolen = bring(&browser, "other", &uri).await;
    assert_eq!((stolen.status, stolen.header("location")), (400, ""));
    let answer = bring(&browser, "notebook", &uri).await;
    assert_eq!(answer.redirect().1["state"], "s-1");
    assert!(answer.redirect().1.contains_key("code"));
    assert_eq!(bring(&browser, "notebook", &uri).await.status, 400, "used");
    assert_eq!(bring(&browser, "notebook", &format!("{uri}x")).await.status, 400);
}

#[tokio::test]
async fn a_page_may_be_loaded_again_until_the_request_is_answered() {
    let house = house().await;
    let browser = Browser::new(&house);
    let uri = pushed(&house, &[]).await;
    let flow = async || {
        let answer = bring(&browser, "notebook", &uri).await;
        answer.header("location").split_once("/sign-in?flow=").unwrap().1.to_owned()
    };
    let (first, second) = (flow().await, flow().await);
    house.wait(Ttl::seconds(120));
    browser.put("__Host-session", &house.session("ada").await);
    let answer = browser.get(&format!("/authorize/continue?flow={second}")).await;
    assert!(answer.redirect().1.contains_key("code"), "the flow has its own copy");
    let again = browser.get(&format!("/authorize/continue?flow={first}")).await;
    assert_eq!(again.status, 410, "one answer to one request");
}

#[tokio::test]
async fn it_expires_within_a_minute() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let uri = pushed(&house, &[]).await;
    house.wait(Ttl::seconds(61));
    assert_eq!(bring(&browser, "notebook", &uri).await.status, 400);
}

#[tokio::test]
async fn what_is_wrong_is_told_at_once() {
    let house = house().await;
    for (changes, more, status, error) in [
        (&[][..], &[][..], 401, "invalid_client"),
        (&[], &[("client_secret", "wrong")], 401, "invalid_client"),
        (&[("request_uri", "urn:x")], &[("client_secret", SECRET)], 400, "invalid_request"),
        (&[("scope", "no:such")], &[("client_secret", SECRET)], 400, "invalid_scope"),
        (
            &[("resource", "https://x.example/")],
            &[("client_secret", SECRET)],
            400,
            "invalid_target",
        ),
        (
            &[("redirect_uri", "https://evil.example")],
            &[("client_secret", SECRET)],
            400,
            "invalid_request",
        ),
        (
            &[("response_type", "token")],
            &[("client_secret", SECRET)],
            400,
            "unsupported_response_type",
        ),
        (&[("code_challenge", "")], &[("client_secret", SECRET)], 400, "invalid_request"),
        (&[], &[("client_secret", SECRET), ("state", "again")], 400, "invalid_request"),
        (&[("request", "x")], &[("client_secret", SECRET)], 400, "invalid_request_object"),
    ] {
        let answer = push(&house, changes, more).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (status, error),
            "{changes:?} {more:?}"
        );
        assert!(answer.header("x-decision-id").starts_with("dec_"));
    }
    for (changes, detail, remedy) in [
        (("code_challenge", ""), "code_challenge is missing", "Correct code_challenge."),
        (
            ("redirect_uri", "https://evil.example"),
            "redirect_uri https://evil.example",
            "Register the redirect_uri for the client, letter by letter as it is sent.",
        ),
        (
            ("request", "x"),
            "the token has 1 segment(s) separated by dots; a signed token has 3",
            "Correct request.",
        ),
    ] {
        let told = push(&house, &[changes], &[("client_secret", SECRET)]).await.json();
        assert_eq!((text(&told, "detail"), text(&told, "remedy")), (detail, remedy));
    }
    let unproven = push(&house, &[("code_challenge", "")], &[]).await.json();
    assert_eq!(unproven.get("detail"), None, "nothing before the client has proven itself");
    let url = house.at("/par");
    let browser = Browser::new(&house);
    assert_eq!(browser.send(house.http.get(&url)).await.status, 405);
    let large = house.http.post(&url).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(browser.send(large.body("x".repeat(70_000))).await.status, 413);
}

#[tokio::test]
async fn a_record_tells_where_it_was_asked() {
    let house = house().await;
    let pushed = push(&house, &[], &[("client_secret", "wrong")]).await;
    let unfit = push(&house, &[("scope", "no:such")], &[("client_secret", SECRET)]).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let brought = bring(&browser, "notebook", "urn:ietf:params:oauth:request_uri:none").await;
    let decision = |answer: &Answer| answer.header("x-decision-id").parse().unwrap();
    for (answer, told) in [
        (&pushed, "pushed authorization request"),
        (&unfit, "pushed authorization request"),
        (&brought, "authorization request"),
    ] {
        let record = house.record(decision(answer)).await;
        let it = Explanation::of(&record, &Surroundings::default());
        assert_eq!(it.request.split(',').next(), Some(told));
        let advised = it.remedy.and_then(|step| step.command);
        assert!(advised.is_none_or(|command| !command.contains("/token")), "{told}");
    }
}

#[tokio::test]
async fn an_app_that_must_push_is_held_to_it() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = first_party();
    new.registration.require_pushed_authorization_requests = true;
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    assert_eq!(super::ask(&browser, &[]).await.redirected_error(), "invalid_request");
    let uri = pushed(&house, &[]).await;
    assert!(bring(&browser, "notebook", &uri).await.redirect().1.contains_key("code"));
}

#[tokio::test]
async fn a_proof_with_the_request_binds_the_code_to_its_key() {
    let house = house().await;
    let [own, other] = [(); 2].map(|()| SigningKey::generate(Alg::ES256).unwrap());
    let jkt = own.public_jwk().unwrap().thumbprint();
    let url = format!("{}/par", crate::house::ISSUER_ID);
    let first = proof(&own, &house, &url, &json!({ "jti": "first" }));
    let secret = [("client_secret", SECRET)];
    let pushed = push_with(&house, &[("dpop", &first)], &secret).await;
    assert_eq!(pushed.status, 201, "{}", pushed.body);
    assert!(!pushed.header("dpop-nonce").is_empty());
    let again = push_with(&house, &[("dpop", &first)], &secret).await;
    assert_eq!((again.status, again.error().as_str()), (400, "invalid_dpop_proof"));
    let second = proof(&other, &house, &url, &json!({ "jti": "second" }));
    let named = [("client_secret", SECRET), ("dpop_jkt", jkt.as_str())];
    let differs = push_with(&house, &[("dpop", &second)], &named).await;
    assert_eq!((differs.status, differs.error().as_str()), (400, "invalid_request"));

    let browser = Browser::signed_in(&house, "ada").await;
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let code = bring(&browser, "notebook", &uri).await.redirect().1["code"].clone();
    let token_url = format!("{}/token", crate::house::ISSUER_ID);
    let form = super::redemption(&code, super::VERIFIER);
    let stolen = proof(&other, &house, &token_url, &json!({ "jti": "third" }));
    let stolen = house.post(&[crate::house::FORM, ("dpop", &stolen)], form).await;
    assert_eq!((stolen.status, stolen.error().as_str()), (400, "invalid_grant"));
}
