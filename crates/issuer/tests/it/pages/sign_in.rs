//! `/sign-in`.

use super::{PASSWORD, Visitor, person};
use crate::{house::House, pages::visitor::field};
use portcullis_directory::LinkKind;
use portcullis_types::Ttl;
use secrecy::ExposeSecret as _;

#[tokio::test]
async fn a_password_opens_the_account_and_the_cookies_are_for_this_host_alone() {
    let house = House::open().await;
    person(&house, "ada@example.com").await;
    let visitor = Visitor::new(&house);
    let answer = visitor.sign_in(" Ada@Example.com", PASSWORD).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/tenants/one/account"));
    for cookie in answer.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for wanted in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(cookie.contains(wanted), "{cookie}");
        }
    }
    let page = visitor.get("/account").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Ada Lovelace") && page.body.contains("ada@example.com"));
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src"));
}

#[tokio::test]
async fn who_is_unknown_and_who_is_wrong_read_the_same() {
    let house = House::open().await;
    person(&house, "ada").await;
    let mut pages = Vec::new();
    for login in ["ada", "nobody"] {
        let visitor = Visitor::new(&house);
        let answer = visitor.sign_in(login, "no such pass").await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.body.contains("do not fit together") && !answer.body.contains("no such pass")
        );
        assert!(visitor.cookie("__Host-session").is_none());
        assert!(answer.body.contains(&format!("value=\"{login}\"")), "what was typed is kept");
        let csrf = field(&answer.body, "csrf");
        pages.push(answer.body.replace(login, "LOGIN").replace(&csrf, "CSRF"));
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn what_was_typed_is_text_on_the_page() {
    let house = House::open().await;
    let answer = Visitor::new(&house).sign_in("\"><script>alert(1)</script>", "x").await;
    assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
}

#[tokio::test]
async fn a_form_from_elsewhere_signs_nobody_in() {
    let house = House::open().await;
    person(&house, "ada").await;
    let form = [("login", "ada"), ("password", PASSWORD)];

    let without = Visitor::new(&house);
    without.get("/sign-in").await;
    let answer = without.post("/sign-in", &form).await;
    assert_eq!((answer.status, answer.body.contains("did not come from here")), (403, true));

    // Attack: the attacker's own token in the victim's browser.
    let attacker = Visitor::new(&house);
    let csrf = field(&attacker.get("/sign-in").await.body, "csrf");
    let planted = [&[("csrf", csrf.as_str())], &form[..]].concat();
    assert_eq!(without.post("/sign-in", &planted).await.status, 403);

    // Attack: in a browser that has no name yet.
    assert_eq!(Visitor::new(&house).post("/sign-in", &planted).await.status, 403);

    for headers in [
        vec![("origin", "https://evil.example")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("origin", "https://id.example")],
    ] {
        let mut visitor = Visitor::new(&house);
        let csrf = field(&visitor.get("/sign-in").await.body, "csrf");
        visitor.headers = headers;
        let good = [&[("csrf", csrf.as_str())], &form[..]].concat();
        assert_eq!(visitor.post("/sign-in", &good).await.status, 403);
        visitor.headers = vec![("origin", "null"), ("sec-fetch-site", "same-origin")];
        assert_eq!(visitor.post("/sign-in", &good).await.status, 303);
    }
}

#[tokio::test]
async fn a_session_planted_before_is_worth_nothing_after() {
    let house = House::open().await;
    person(&house, "ada").await;
    let visitor = Visitor::signed_in(&house, "ada").await;
    let before = visitor.cookie("__Host-session").unwrap();
    visitor.get("/sign-in?return=passkeys").await;
    let again = [("login", "ada"), ("password", PASSWORD), ("return", "passkeys")];
    let answer = visitor.form("/sign-in", &again).await;
    assert_eq!(answer.header("location"), "/tenants/one/account/passkeys");
    let planted = Visitor::new(&house);
    planted.put("__Host-session", &before);
    assert_eq!(planted.get("/account").await.status, 303);
    assert_eq!(visitor.get("/account").await.status, 200);
}

#[tokio::test]
async fn nobody_is_led_to_an_address_from_outside() {
    let house = House::open().await;
    person(&house, "ada").await;
    for outside in ["https://evil.example", "//evil.example", "/\\evil.example", "account/../x"] {
        let visitor = Visitor::new(&house);
        visitor.get("/sign-in").await;
        let form = [("login", "ada"), ("password", PASSWORD), ("return", outside)];
        let answer = visitor.form("/sign-in", &form).await;
        assert_eq!(answer.header("location"), "/tenants/one/account", "{outside}");
    }
    let visitor = Visitor::new(&house);
    let answer = visitor.get("/sign-in?flow=made.up").await;
    assert_eq!((answer.status, answer.body.contains("began in another browser")), (410, true));
}

#[tokio::test]
async fn after_many_failures_a_stranger_waits_and_is_told_how_long() {
    let house = House::open().await;
    person(&house, "ada").await;
    let mut last = Visitor::new(&house).sign_in("ada", "wrong").await;
    for _ in 0..30 {
        if last.status == 429 {
            break;
        }
        last = Visitor::new(&house).sign_in("ada", "wrong").await;
    }
    assert_eq!(last.status, 429);
    assert!(last.body.contains("Too many failed attempts"), "{}", last.body);
    assert_eq!(last.header("retry-after"), "30");
    house.wait(Ttl::seconds(24 * 3600));
    assert_eq!(Visitor::new(&house).sign_in("ada", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn the_page_is_small_and_asks_for_one_style_sheet() {
    let house = House::open().await;
    let page = Visitor::new(&house).get("/sign-in").await;
    let mut bytes = page.body.len();
    for piece in page.body.split('"').filter(|piece| piece.starts_with("/tenants/one/assets/")) {
        let asset = house.get(piece).await;
        assert_eq!(asset.status, 200, "{piece}");
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        bytes += asset.body.len();
    }
    assert!(bytes <= 30 * 1024, "{bytes} bytes");
    assert_eq!(page.body.matches("rel=\"stylesheet\"").count(), 1);
}

#[tokio::test]
async fn a_forgotten_password_is_answered_alike_for_everybody() {
    let house = House::open().await;
    person(&house, "ada@example.com").await;
    let visitor = Visitor::new(&house);
    let known = visitor.form("/password-reset", &[("login", "ada@example.com")]).await;
    let unknown = visitor.form("/password-reset", &[("login", "nobody@example.com")]).await;
    assert_eq!((known.status, &known.body), (200, &unknown.body));
    let nothing = visitor.form("/password-reset", &[]).await;
    assert_eq!((nothing.status, nothing.body.contains("id=\"login-wrong\"")), (400, true));
}

#[tokio::test]
async fn a_link_is_looked_at_often_and_used_once() {
    let house = House::open().await;
    let ada = person(&house, "ada").await;
    let mut entropy = house.entropy();
    let by = super::visitor::acting(&house, &mut entropy);
    let link = house.directory.make_link(by, &ada.id, LinkKind::Reset).await.unwrap();
    let token = link.token.expose_secret();
    let visitor = Visitor::new(&house);
    let other_kind = visitor.get(&format!("/invitation?token={token}")).await;
    assert_eq!(other_kind.status, 410);
    for _ in 0..3 {
        let page = visitor.get(&format!("/password-reset/choose?token={token}")).await;
        assert_eq!((page.status, page.header("referrer-policy")), (200, "no-referrer"));
    }
    let form = |password| [("token", token), ("password", password)];
    let weak = visitor.form("/password-reset/choose", &form("short")).await;
    assert_eq!((weak.status, weak.body.contains("At least 8 characters")), (400, true));
    let new = "a violin under the blue umbrella";
    assert_eq!(visitor.form("/password-reset/choose", &form(new)).await.status, 200);
    assert!(visitor.cookie("__Host-known").is_some(), "no stranger any more");
    assert_eq!(visitor.form("/password-reset/choose", &form(new)).await.status, 410);
    assert_eq!(Visitor::new(&house).sign_in("ada", new).await.status, 303);
    assert_eq!(Visitor::new(&house).sign_in("ada", PASSWORD).await.status, 400);
}
