//! `/account`.

use super::{PASSWORD, Visitor, person};
use crate::{
    apps::{claims, text},
    house::House,
    pages::visitor::field,
};
use portcullis_types::Ttl;

const PARTS: [&str; 9] = [
    "/account",
    "/account/profile",
    "/account/passkeys",
    "/account/authenticator",
    "/account/recovery-codes",
    "/account/password",
    "/account/sessions",
    "/account/apps",
    "/account/activity",
];
const CHANGES: [&str; 10] = [
    "/account/profile",
    "/account/passkeys/rename",
    "/account/passkeys/remove",
    "/account/authenticator",
    "/account/authenticator/confirm",
    "/account/authenticator/remove",
    "/account/recovery-codes",
    "/account/password",
    "/account/sessions/end-others",
    "/account/apps/revoke",
];

#[tokio::test]
async fn every_part_is_its_owners_alone() {
    let house = House::open().await;
    person(&house, "ada").await;
    let stranger = Visitor::new(&house);
    let owner = Visitor::signed_in(&house, "ada").await;
    for part in PARTS {
        let answer = stranger.get(part).await;
        assert_eq!(answer.status, 303, "{part}");
        assert!(answer.header("location").starts_with("/tenants/one/sign-in?return="), "{part}");
        let page = owner.get(part).await;
        assert_eq!(page.status, 200, "{part}");
        assert!(page.body.contains("aria-current=\"page\""), "{part}");
    }
    for change in CHANGES {
        let answer = stranger.form(change, &[]).await;
        assert!(answer.header("location").starts_with("/tenants/one/sign-in"), "{change}");
        assert_eq!(owner.post(change, &[]).await.status, 403, "{change}: no token");
    }
}

#[tokio::test]
async fn what_gives_a_way_in_needs_a_sign_in_of_the_last_ten_minutes() {
    let house = House::open().await;
    person(&house, "ada").await;
    let owner = Visitor::signed_in(&house, "ada").await;
    let csrf = field(&owner.get("/account").await.body, "csrf");
    house.wait(Ttl::seconds(601));
    for change in [
        "/account/passkeys/remove",
        "/account/authenticator",
        "/account/authenticator/confirm",
        "/account/authenticator/remove",
        "/account/recovery-codes",
        "/account/password",
        "/account/sessions/end",
        "/account/sessions/end-others",
        "/account/apps/revoke",
    ] {
        let answer = owner.post(change, &[("csrf", &csrf)]).await;
        assert_eq!(answer.status, 303, "{change}");
        assert!(answer.header("location").starts_with("/tenants/one/sign-in?return="), "{change}");
    }
    let page = owner.get("/sign-in?return=authenticator").await;
    assert!(page.body.contains("Confirm that it is you") && page.body.contains("value=\"ada\""));
    let again = [
        ("csrf", csrf.as_str()),
        ("login", "ada"),
        ("password", PASSWORD),
        ("return", "authenticator"),
    ];
    let answer = owner.post("/sign-in", &again).await;
    assert_eq!(answer.header("location"), "/tenants/one/account/authenticator");
    let page = owner.form("/account/authenticator", &[]).await;
    assert_eq!((page.status, page.body.contains("<svg xmlns")), (200, true), "{}", page.body);
}

#[tokio::test]
async fn a_session_is_ended_from_another_one_and_only_ones_own() {
    let house = House::open().await;
    person(&house, "ada").await;
    person(&house, "eve").await;
    let here = Visitor::signed_in(&house, "ada").await;
    house.wait(Ttl::seconds(5));
    let there = Visitor::signed_in(&house, "ada").await;
    let eve = Visitor::signed_in(&house, "eve").await;
    let page = here.get("/account/sessions").await;
    let other = field(&page.body, "session");
    assert!(page.body.contains("This session") && page.body.contains("127.0.0.1"));

    assert!(page.body.contains("is signed out at once. No app loses its access."), "{}", page.body);

    // Attack: the id of somebody else's session.
    // She reads the same as of one that is nobody's.
    let gone = "/tenants/one/account/sessions?done=gone";
    for id in [other.as_str(), "ses_01jzzzzzzzzzzzzzzzzzzzzzzz", "x", ""] {
        let answer = eve.form("/account/sessions/end", &[("session", id)]).await;
        assert_eq!(answer.header("location"), gone, "{id}");
    }
    let page = eve.get("/account/sessions?done=gone").await;
    assert!(page.body.contains("It is not there, or not any more."), "{}", page.body);
    assert_eq!(there.get("/account").await.status, 200);

    let answer = here.form("/account/sessions/end", &[("session", &other)]).await;
    assert_eq!(answer.header("location"), "/tenants/one/account/sessions?done=session");
    assert_eq!(there.get("/account").await.status, 303);
    assert_eq!(here.get("/account").await.status, 200);
    let again = here.form("/account/sessions/end", &[("session", &other)]).await;
    assert_eq!(again.header("location"), gone);
}

#[tokio::test]
async fn what_is_not_ones_own_is_said_not_to_be_there() {
    let house = House::with_apps().await;
    person(&house, "eve").await;
    let body = house.tokens("desk", "openid generate:basic").await;
    let grant = text(&claims(&body["access_token"]), "grant").to_owned();
    let eve = Visitor::signed_in(&house, "eve").await;
    for id in [grant.as_str(), "gra_01jzzzzzzzzzzzzzzzzzzzzzzz", "x", ""] {
        let answer = eve.form("/account/apps/revoke", &[("grant", id)]).await;
        assert_eq!(answer.header("location"), "/tenants/one/account/apps?done=gone", "{id}");
    }
    let token = format!("Bearer {}", text(&body, "access_token"));
    assert_eq!(house.userinfo(&token).await.status, 200, "nothing was ended");
    let renamed = eve.form("/account/passkeys/rename", &[("passkey", "key"), ("name", "n")]).await;
    assert_eq!(renamed.header("location"), "/tenants/one/account/passkeys?done=gone");
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions() {
    let house = House::open().await;
    person(&house, "ada").await;
    let here = Visitor::signed_in(&house, "ada").await;
    let there = Visitor::signed_in(&house, "ada").await;
    let new = "a violin under the blue umbrella";
    let wrong = here.form("/account/password", &[("current", "wrong"), ("password", new)]).await;
    assert_eq!((wrong.status, wrong.body.contains("current password is not right")), (400, true));
    let weak =
        here.form("/account/password", &[("current", PASSWORD), ("password", "12345678")]).await;
    assert_eq!((weak.status, weak.body.contains("easy to guess")), (400, true));
    let done = here.form("/account/password", &[("current", PASSWORD), ("password", new)]).await;
    assert_eq!(done.status, 303);
    assert_eq!(there.get("/account").await.status, 303);
    assert_eq!(here.get("/account").await.status, 200);
    assert_eq!(Visitor::new(&house).sign_in("ada", new).await.status, 303);
    let page = here.get("/account/activity").await;
    assert!(page.body.contains("Password changed") && page.body.contains("Sign-in"));
    assert!(!page.body.contains(new) && !page.body.contains(PASSWORD));
}
