//! What an app may have for a person: never more than the client, the API and the person's roles allow.

use super::{ask, first_party, house, stranger};
use crate::{
    browser::Browser,
    house::{BATCH, House, TEXTGEN},
};
use portcullis_types::IdentityScopes;

async fn granted(house: &House, login: &str, changes: &[(&str, &str)]) -> String {
    let browser = Browser::signed_in(house, login).await;
    let answer = ask(&browser, changes).await;
    let fields = answer.redirect().1;
    assert!(fields.contains_key("code"), "{fields:?}");
    let grant = house.last_grant().await.0;
    let api = grant.granted.unwrap_or_default();
    format!("{} | {} | {}", grant.identity, api, grant.resource.unwrap_or_default())
}

#[tokio::test]
async fn scopes_are_narrowed_by_client_api_and_role() {
    let house = house().await;
    house.person("vic", &["viewer"]).await;
    house.person("nil", &[]).await;
    for (login, scope, resource, expected) in [
        (
            "ada",
            "openid email generate:basic",
            TEXTGEN,
            format!("openid email | generate:basic | {TEXTGEN}"),
        ),
        // In no allow-list of the client.
        (
            "ada",
            "openid generate:basic model:list",
            TEXTGEN,
            format!("openid | generate:basic | {TEXTGEN}"),
        ),
        // Not this API's.
        ("ada", "generate:basic batch:read", TEXTGEN, format!(" | generate:basic | {TEXTGEN}")),
        ("ada", "batch:read", BATCH, format!(" | batch:read | {BATCH}")),
        ("vic", "batch:read batch:create", BATCH, format!(" | batch:read | {BATCH}")),
        // No API named: an app that only signs people in.
        ("nil", "openid profile", "", "openid profile |  | ".to_owned()),
        // Facts about the person need openid.
        ("ada", "email generate:basic", TEXTGEN, format!(" | generate:basic | {TEXTGEN}")),
    ] {
        let changes = [("scope", scope), ("resource", resource)];
        assert_eq!(granted(&house, login, &changes).await, expected, "{login} {scope}");
    }
}

#[tokio::test]
async fn nothing_left_is_no_grant() {
    let house = house().await;
    house.person("nil", &[]).await;
    let browser = Browser::signed_in(&house, "nil").await;
    for (scope, resource) in [
        ("generate:basic", TEXTGEN),
        ("openid generate:basic", TEXTGEN),
        ("openid", TEXTGEN),
        ("email", ""),
        ("offline_access", ""),
    ] {
        let answer = ask(&browser, &[("scope", scope), ("resource", resource)]).await;
        assert_eq!(answer.redirected_error(), "invalid_scope", "{scope} {resource}");
    }
}

#[tokio::test]
async fn an_app_that_introduced_itself_loses_words_that_are_unknown() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = stranger();
    new.registration.first_party = true;
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let answer = ask(&browser, &[("scope", "openid generate:basic no:such *")]).await;
    // It is asked about: nobody vouches for it. But it is not refused.
    assert!(answer.status == 303 && !answer.header("location").contains("error="), "{answer:?}");
}

#[tokio::test]
async fn what_the_client_may_not_learn_is_left_out() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = first_party();
    new.registration.identity = IdentityScopes::part("openid").0;
    house.client(new).await;
    let changes = [("scope", "openid email offline_access"), ("resource", "")];
    assert_eq!(granted(&house, "ada", &changes).await, "openid |  | ");
}

#[tokio::test]
async fn an_app_of_one_customer_is_for_that_customers_people() {
    let house = House::open().await;
    let mut new = first_party();
    new.tenant = Some("acme".parse().unwrap());
    house.client(new).await;
    house.person("ada", &["scientist"]).await;
    house.tenant_person("bob", &["scientist"], "beta").await;
    house.tenant_person("cid", &["scientist"], "acme").await;
    for (login, outcome) in [("ada", "access_denied"), ("bob", "access_denied"), ("cid", "")] {
        let browser = Browser::signed_in(&house, login).await;
        assert_eq!(ask(&browser, &[]).await.redirected_error(), outcome, "{login}");
    }
}
