//! How the answer travels: query, form_post and JARM.

use super::{ask, house};
use crate::{
    browser::{Browser, field},
    house::{House, ISSUER_ID},
};
use portcullis_directory::Fapi2;
use portcullis_jose::{Alg, SigningKey, jws::Compact};

#[tokio::test]
async fn form_post_is_a_form_that_leads_to_the_app() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let state = "<&\"'>";
    let answer = ask(&browser, &[("response_mode", "form_post"), ("state", state)]).await;
    assert_eq!(answer.status, 200);
    let policy = answer.header("content-security-policy");
    // Browsers would hold the app's own redirects against it.
    assert!(!policy.contains("form-action"), "{policy}");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(answer.body.contains("action=\"https://notebook.example/cb?a=1\""), "{}", answer.body);
    assert!(answer.body.contains("<button"), "it works without a script");
    assert!(!answer.body.contains(state), "escaped");
    assert!(field(&answer.body, "code").len() > 40);
    assert_eq!(field(&answer.body, "iss"), ISSUER_ID);
    let refused = ask(&browser, &[("response_mode", "form_post"), ("scope", "no:such")]).await;
    assert_eq!(field(&refused.body, "error"), "invalid_scope");
}

#[tokio::test]
async fn a_signed_answer_is_for_the_app_and_holds_everything() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    for (mode, error) in [("jwt", None), ("query.jwt", Some("invalid_scope"))] {
        let scope = if error.is_some() { "no:such" } else { "openid" };
        let changes = [("response_mode", mode), ("scope", scope), ("resource", "")];
        let (_, fields) = ask(&browser, &changes).await.redirect();
        assert!(!fields.contains_key("code") && !fields.contains_key("state"), "{fields:?}");
        let jws = Compact::parse(&fields["response"]).unwrap();
        let keys = house.keys();
        let key = keys.find(jws.header().kid.as_deref().unwrap(), jws.header().alg).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(jws.verify(key).unwrap().as_ref()).unwrap();
        assert_eq!(
            (claims["iss"].as_str(), claims["aud"].as_str()),
            (Some(ISSUER_ID), Some("notebook"))
        );
        assert_eq!(claims["exp"].as_i64().unwrap(), house.now().seconds() + 300);
        assert_eq!(claims["state"], "s-1");
        assert_eq!(claims["error"].as_str(), error);
        assert_eq!(claims["code"].is_string(), error.is_none());
    }
    let form = ask(&browser, &[("response_mode", "form_post.jwt")]).await;
    assert!(Compact::parse(&field(&form.body, "response")).is_ok());
}

#[tokio::test]
async fn under_message_signing_even_a_mistake_comes_signed() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let key = SigningKey::generate(Alg::ES256).unwrap();
    let mut new = super::object::with_key("notebook", &key);
    new.registration.fapi2 = Fapi2::MessageSigning;
    new.registration.dpop_bound_access_tokens = true;
    new.registration.require_pushed_authorization_requests = true;
    new.registration.require_signed_request_object = true;
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    // Not pushed, not signed.
    let (_, fields) = ask(&browser, &[]).await.redirect();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["a", "response"]);
}

#[tokio::test]
async fn under_fapi_a_request_names_its_way_back_even_if_there_is_one_alone() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = super::object::with_key("notebook", &SigningKey::generate(Alg::ES256).unwrap());
    new.registration.fapi2 = Fapi2::Security;
    new.registration.require_pushed_authorization_requests = true;
    new.registration.dpop_bound_access_tokens = true;
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let asked = ask(&browser, &[("redirect_uri", ""), ("scope", "generate:basic")]).await;
    let (_, fields) = asked.redirect();
    assert_eq!(fields["error"], "invalid_request");
    assert!(fields["error_description"].contains("redirect_uri"), "{fields:?}");
}
