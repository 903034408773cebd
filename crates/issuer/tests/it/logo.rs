//! `{issuer}/logo`: pictures of apps, and what is none.

use crate::{
    authorize::{ask, request, stranger},
    browser::Browser,
    house::{Answer, House},
    https::Site,
};

const PICTURE: &str = "GIF89a and the rest of it";

/// A house with an app whose picture is there, and nobody signed in.
async fn house(logo_uri: &str) -> House {
    let house = House::open().await;
    let mut new = stranger();
    new.registration.logo_uri = Some(logo_uri.to_owned());
    new.registration.policy_uri = Some("https://notebook.example/privacy".to_owned());
    new.registration.tos_uri = Some("https://law.example/terms".to_owned());
    house.client(new).await;
    house.person("ada", &["scientist"]).await;
    house
}

/// The page on which a person signs in to the app.
async fn sign_in(house: &House) -> Answer {
    let browser = Browser::new(house);
    let answer = browser.get(&format!("/authorize?{}", request(&[]))).await;
    follow(&browser, &answer).await
}

async fn follow(browser: &Browser<'_>, answer: &Answer) -> Answer {
    let page = browser.get(answer.header("location").strip_prefix("/tenants/one").unwrap()).await;
    assert_eq!(page.status, 200);
    page
}

#[tokio::test]
async fn the_app_is_shown_before_a_person_signs_in_and_when_they_agree() {
    let site = Site::open().await;
    let house = house(&site.put("/logo", &PICTURE)).await;
    house.directory.fetch_with(site.trusted());
    let browser = Browser::signed_in(&house, "ada").await;
    let consent = follow(&browser, &ask(&browser, &[]).await).await;
    let page = sign_in(&house).await;
    for page in [page, consent] {
        for shown in [
            "<img class=\"logo\" src=\"/tenants/one/logo?client_id=notebook\" alt=\"Picture of notebook\">",
            "<a href=\"https://notebook.example/privacy\" rel=\"noopener noreferrer\">Privacy</a> (notebook.example)",
            "<a href=\"https://law.example/terms\" rel=\"noopener noreferrer\">Terms</a> (law.example)",
        ] {
            assert!(page.body.contains(shown), "{}", page.body);
        }
        assert!(page.header("content-security-policy").contains("img-src 'self' data:;"));
    }
    let picture = house.get("/tenants/one/logo?client_id=notebook").await;
    assert_eq!((picture.status, picture.body.as_str()), (200, PICTURE));
    // The site calls it JSON.
    assert_eq!(picture.header("content-type"), "image/gif");
    assert_eq!(picture.header("x-content-type-options"), "nosniff");
    assert_eq!(site.asked("/logo"), 1, "it is kept");
    assert_eq!(house.get("/tenants/one/logo?client_id=nobody").await.status, 404);
}

#[tokio::test]
async fn what_is_no_picture_is_not_shown_and_not_asked_for_again_at_once() {
    let large = format!("GIF89a{}", "x".repeat(128 * 1024));
    for (status, body) in [
        (200, "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"),
        (200, "<html>"),
        (200, large.as_str()),
        (404, PICTURE),
        (302, PICTURE),
    ] {
        let site = Site::open().await;
        let house = house(&site.answer("/logo", status, &[], &body)).await;
        house.directory.fetch_with(site.trusted());
        for _ in 0..2 {
            let page = sign_in(&house).await;
            assert!(!page.body.contains("<img"), "{status}");
            assert_eq!(house.get("/tenants/one/logo?client_id=notebook").await.status, 404);
        }
        assert_eq!(site.asked("/logo"), 1, "{status}");
    }
}

#[tokio::test]
async fn the_guard_lets_no_picture_come_from_inside() {
    let site = Site::open().await;
    let house = house(&site.put("/logo", &PICTURE)).await;
    assert!(!sign_in(&house).await.body.contains("<img"));
    assert_eq!(site.asked("/logo"), 0);
}
