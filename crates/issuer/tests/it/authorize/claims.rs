//! `claims` (OpenID Connect Core §5.5): by its name an app learns no more than by a scope.

use super::{VERIFIER, ask, first_party, notebook, redemption};
use crate::{
    browser::{Browser, field},
    house::{FORM, House},
};
use portcullis_directory::NewClient;
use portcullis_types::{ClientId, IdentityScope};
use serde_json::Value;

const WANTED: &str = concat!(
    r#"{"id_token":{"email":null,"roles":{"essential":true}},"#,
    r#""userinfo":{"email":{"essential":true},"name":null,"groups":null}}"#,
);

async fn house(new: NewClient) -> House {
    let house = House::open().await;
    house.client(new).await;
    let person = house.person("ada", &["scientist"]).await;
    let mut entropy = house.entropy();
    let email = |person: &mut portcullis_directory::Person| {
        person.profile.email = Some("ada@example.com".to_owned());
        Ok(())
    };
    house.directory.edit_person(house.acting(&mut entropy), &person.id, email).await.unwrap();
    house
}

/// What the app learns with the code that it got: in the ID token, and at `/userinfo`.
async fn told(house: &House, code: &str) -> (Value, Value) {
    let answer = house.post(&[FORM], redemption(code, VERIFIER)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let token = body["access_token"].as_str().unwrap();
    let userinfo = house.userinfo(&format!("Bearer {token}")).await;
    (crate::apps::claims(&body["id_token"]), userinfo.json())
}

/// Signs in alone: such a token opens `/userinfo`.
const SIGNS_IN: [(&str, &str); 3] = [("scope", "openid"), ("resource", ""), ("claims", WANTED)];

#[tokio::test]
async fn a_name_gets_nothing_past_the_allow_list_of_the_app() {
    let mut new = first_party();
    new.registration.identity = [IdentityScope::Openid].into_iter().collect();
    let house = house(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    // Attack: silently, without the scope that it may not have.
    let quiet: Vec<_> = SIGNS_IN.into_iter().chain([("prompt", "none")]).collect();
    let answer = ask(&browser, &quiet).await;
    let (id_token, userinfo) = told(&house, &answer.redirect().1["code"]).await;
    for name in ["email", "roles", "name", "groups"] {
        assert!(id_token.get(name).is_none() && userinfo.get(name).is_none(), "{name}");
    }
    assert_eq!(house.last_grant().await.0.identity.to_string(), "openid");
}

#[tokio::test]
async fn a_name_counts_as_its_scope_where_a_person_must_agree() {
    let house = house(notebook()).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let asked = |changes: Vec<(&'static str, &'static str)>| {
        let browser = &browser;
        async move { ask(browser, &changes).await }
    };
    let page = async |changes| {
        let location = asked(changes).await.header("location").to_owned();
        browser.get(location.split_once("/tenants/one").expect(&location).1).await.body
    };
    let approve = async |page: &str| {
        let [csrf, flow, seal] = ["csrf", "flow", "seal"].map(|name| field(page, name));
        let form = [("csrf", &*csrf), ("flow", &flow), ("seal", &seal), ("decision", "approve")];
        browser.post("/consent", &form).await.redirect().1["code"].clone()
    };
    let plain = page(vec![("scope", "openid"), ("resource", "")]).await;
    assert!(!plain.contains("See your email address"));
    approve(&plain).await;
    // Attack: more, by name, on the ground of a consent to less.
    let quiet = SIGNS_IN.into_iter().chain([("prompt", "none")]).collect();
    assert_eq!(asked(quiet).await.redirected_error(), "consent_required");
    let more = page(SIGNS_IN.to_vec()).await;
    for shown in ["email address", "name and profile", "roles", "groups"] {
        assert!(more.contains(&format!("See your {shown}")), "{shown}");
    }
    let code = approve(&more).await;
    let recorded = house.last_grant().await.0.identity;
    assert_eq!(recorded.to_string(), "openid profile email roles groups");
    let (id_token, userinfo) = told(&house, &code).await;
    assert_eq!(id_token["email"], "ada@example.com");
    assert_eq!(id_token["roles"], serde_json::json!(["scientist"]));
    assert!(id_token.get("name").is_none(), "each goes where it was asked for");
    assert_eq!(
        (&userinfo["name"], &userinfo["email"]),
        (&"Ada Lovelace".into(), &"ada@example.com".into())
    );
    assert!(userinfo.get("roles").is_none() && userinfo.get("preferred_username").is_none());
    assert!(asked(SIGNS_IN.to_vec()).await.redirect().1.contains_key("code"), "agreed to before");
}

#[tokio::test]
async fn what_an_app_may_learn_no_more_is_told_no_more() {
    let mut new = first_party();
    new.registration.identity = portcullis_types::IdentityScopes::all();
    let house = house(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let changes = [("scope", "openid email offline_access"), ("resource", ""), ("claims", WANTED)];
    let code = ask(&browser, &changes).await.redirect().1["code"].clone();
    let tokens = house.post(&[FORM], redemption(&code, VERIFIER)).await.json();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    assert_eq!(house.userinfo(&bearer).await.json()["email"], "ada@example.com");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let id = ClientId::new("notebook").unwrap();
    let narrow = async |identity: Vec<IdentityScope>| {
        let mut entropy = house.entropy();
        let edit = |client: &mut portcullis_directory::Client| {
            client.registration.identity = identity.into_iter().collect();
        };
        house.directory.update(house.acting(&mut entropy), &id, edit).await.unwrap();
    };
    narrow(vec![IdentityScope::Openid]).await;
    let userinfo = house.userinfo(&bearer).await.json();
    for name in ["email", "name", "groups"] {
        assert!(userinfo.get(name).is_none(), "{name}");
    }
    let again = house.refresh("notebook", refresh, "").await;
    assert_eq!((again.status, again.scope().as_str()), (200, "openid"), "{}", again.body);
    let id_token = crate::apps::claims(&again.json()["id_token"]);
    assert!(id_token.get("email").is_none() && id_token.get("roles").is_none());
    narrow(Vec::new()).await;
    let nothing = house.refresh("notebook", refresh, "").await;
    assert_eq!(nothing.status, 400, "never a token with no rights: {}", nothing.body);
}
