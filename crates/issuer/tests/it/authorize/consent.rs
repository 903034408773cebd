//! When a person is asked, and what their answer does.

use super::{ask, house, notebook, stranger};
use crate::{
    browser::{Browser, field},
    house::{Answer, House},
};
use portcullis_directory::{NewAuth, NewClient};

/// A house whose app must ask.
async fn asking() -> House {
    let house = House::open().await;
    house.client(notebook()).await;
    house.person("ada", &["scientist"]).await;
    house
}

/// Follows to the question and answers it.
async fn answer(browser: &Browser<'_>, changes: &[(&str, &str)], decision: &str) -> Answer {
    let page = question(browser, changes).await;
    decide(browser, &page, decision).await
}

/// Presses a button of that page.
async fn decide(browser: &Browser<'_>, page: &str, decision: &str) -> Answer {
    let names = ["csrf", "flow", "seal"];
    let values = names.map(|name| field(page, name));
    let mut form: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
    form.push(("decision", decision));
    browser.post("/consent", &form).await
}

async fn question(browser: &Browser<'_>, changes: &[(&str, &str)]) -> String {
    let asked = ask(browser, changes).await;
    let location = asked.header("location").to_owned();
    assert!(location.contains("/consent?flow="), "{location}");
    let page = browser.get(location.split_once("/tenants/one").unwrap().1).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.body
}

async fn is_asked(browser: &Browser<'_>, changes: &[(&str, &str)]) -> bool {
    ask(browser, changes).await.header("location").contains("/consent?flow=")
}

#[tokio::test]
async fn a_person_is_asked_once_for_the_same_and_again_for_more() {
    let house = asking().await;
    let browser = Browser::signed_in(&house, "ada").await;
    assert_eq!(ask(&browser, &[("prompt", "none")]).await.redirected_error(), "consent_required");
    let approved = answer(&browser, &[], "approve").await;
    assert!(approved.redirect().1.contains_key("code"));
    assert_eq!(approved.redirect().1["state"], "s-1");
    assert!(!is_asked(&browser, &[]).await);
    assert!(is_asked(&browser, &[("scope", "openid email generate:basic")]).await, "more");
    assert!(is_asked(&browser, &[("prompt", "consent")]).await, "the app wants it");
    assert!(
        answer(&browser, &[("prompt", "consent")], "approve")
            .await
            .redirect()
            .1
            .contains_key("code")
    );
    let other = ask(&browser, &[("scope", "batch:read"), ("resource", crate::house::BATCH)]).await;
    assert!(other.header("location").contains("/consent?flow="), "another API");
}

#[tokio::test]
async fn no_means_no_and_is_not_remembered() {
    let house = asking().await;
    let browser = Browser::signed_in(&house, "ada").await;
    assert_eq!(answer(&browser, &[], "deny").await.redirected_error(), "access_denied");
    assert!(is_asked(&browser, &[]).await);
    assert_eq!(house.codes().await, 0);
}

#[tokio::test]
async fn the_page_hides_nothing() {
    let house = asking().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let scope = "openid email offline_access generate:basic model:list";
    let page = question(&browser, &[("scope", scope)]).await;
    for shown in ["notebook", "notebook.example", "ada", "textgen"] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("<script"), "no script runs here");
}

#[tokio::test]
async fn the_answer_must_come_from_our_page_in_this_browser() {
    let house = asking().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let other = Browser::signed_in(&house, "ada").await;
    let page = question(&browser, &[]).await;
    let [csrf, flow, seal] = ["csrf", "flow", "seal"].map(|name| field(&page, name));
    let foreign = field(&question(&other, &[]).await, "csrf");
    for token in ["", "x", &foreign] {
        let form = [("csrf", token), ("flow", flow.as_str()), ("decision", "approve")];
        let answer = browser.post("/consent", &form).await;
        assert_eq!((answer.status, answer.header("location")), (403, ""), "{token}");
    }
    let form = [("csrf", &*csrf), ("flow", &*flow), ("seal", &*seal), ("decision", "approve")];
    let cross = house.http.post(house.at("/consent")).header("origin", "https://evil.example");
    let cross = cross.header("content-type", "application/x-www-form-urlencoded");
    let cross = browser.send(cross.body(crate::browser::encoded(&form))).await;
    assert_eq!(cross.status, 403, "a page elsewhere posted it");
    assert_eq!(browser.post("/consent", &[("csrf", &csrf), ("flow", &flow)]).await.status, 400);
    assert!(browser.post("/consent", &form).await.redirect().1.contains_key("code"));
    assert_eq!(browser.post("/consent", &form).await.status, 410, "once");
    assert_eq!(house.codes().await, 1);
}

#[tokio::test]
async fn consent_of_one_person_is_not_anothers() {
    let house = asking().await;
    house.person("bob", &["scientist"]).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let page = question(&browser, &[]).await;
    // Attack: the session changes under the page that is open.
    browser.put("__Host-session", &house.session("bob").await);
    let answer = decide(&browser, &page, "approve").await;
    let location = answer.header("location").to_owned();
    assert!(location.contains("/consent?flow="), "bob has not seen that page: {location}");
    // Nor does it count once his own was shown, in another tab.
    let own = browser.get(location.split_once("/tenants/one").unwrap().1).await.body;
    assert_eq!(field(&own, "flow"), field(&page, "flow"));
    let answer = decide(&browser, &page, "approve").await;
    assert!(answer.header("location").contains("/consent?flow="), "it asked ada");
    assert_eq!(house.codes().await, 0);
    assert!(decide(&browser, &own, "approve").await.redirect().1.contains_key("code"));
}

#[tokio::test]
async fn a_new_way_back_of_an_app_nobody_vouches_for_is_asked_about() {
    let house = House::open().await;
    house.person("ada", &["scientist"]).await;
    let mut new = stranger();
    new.auth = NewAuth::Public;
    new.registration.redirect_uris.push("https://other.example/cb".parse().unwrap());
    house.client(new).await;
    let browser = Browser::signed_in(&house, "ada").await;
    assert!(answer(&browser, &[], "approve").await.redirect().1.contains_key("code"));
    assert!(!is_asked(&browser, &[]).await);
    assert!(is_asked(&browser, &[("redirect_uri", "https://other.example/cb")]).await);
}

#[tokio::test]
async fn the_operators_own_app_asks_nobody() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    assert!(!is_asked(&browser, &[]).await);
}

#[tokio::test]
async fn what_any_program_could_ask_is_asked_each_time() {
    const HERE: &str = "http://127.0.0.1:51004/cb";
    for vouched in [true, false] {
        let house = House::open().await;
        house.person("ada", &["scientist"]).await;
        let mut new = NewClient { auth: NewAuth::Public, ..super::first_party() };
        new.registration.redirect_uris =
            ["http://127.0.0.1/cb", "com.example.app:/cb", "https://notebook.example/cb"]
                .map(|uri| uri.parse().unwrap())
                .to_vec();
        new.registration.first_party = vouched;
        house.client(new).await;
        let browser = Browser::signed_in(&house, "ada").await;
        for uri in [HERE, "com.example.app:/cb"] {
            let there = [("redirect_uri", uri)];
            assert!(answer(&browser, &there, "approve").await.redirect().1.contains_key("code"));
            // Attack: another program opens the browser in the name of this one.
            assert!(is_asked(&browser, &there).await, "{uri}");
            let quiet = [("redirect_uri", uri), ("prompt", "none")];
            assert_eq!(ask(&browser, &quiet).await.redirected_error(), "consent_required");
        }
        // A site is who it is.
        assert!(!is_asked(&browser, &[("redirect_uri", "https://notebook.example/cb")]).await);
    }
}
