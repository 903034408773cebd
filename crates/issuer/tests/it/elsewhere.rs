//! What is not there, and methods that are not: HEAD of what GET would change, roots, and unknown addresses.

use crate::{
    authorize::{house, request},
    browser::Browser,
};

#[tokio::test]
async fn head_changes_nothing() {
    let house = house().await;
    let browser = Browser::signed_in(&house, "ada").await;
    let asking = format!("/authorize?{}", request(&[]));
    let head = |path: &str| browser.send(house.http.head(house.at(path)));
    for path in [
        asking.as_str(),
        "/authorize/continue?flow=a.b",
        "/consent?flow=a.b",
        "/device",
        "/logout",
        "/sign-in",
        "/sign-in/with/other",
        "/sign-in/with/other/callback?code=a&state=b",
        "/invitation?token=a.b",
        "/password-reset",
        "/account",
        "/account/sessions",
        "/userinfo",
        "/logo?client_id=notebook",
        "/scim/v2/Users",
    ] {
        let answer = head(path).await;
        assert_eq!(answer.status, 405, "{path}");
        let allow = answer.header("allow");
        assert!(allow.contains("GET") && !allow.contains("HEAD"), "{path}: {allow}");
        assert_eq!((answer.header("location"), answer.header("set-cookie")), ("", ""), "{path}");
    }
    assert_eq!(browser.get(&asking).await.redirect().1["state"], "s-1", "nothing was used up");
    assert_eq!(head("/par").await.header("allow"), "POST");
}

#[tokio::test]
async fn head_of_what_changes_nothing_is_get_without_content() {
    let house = house().await;
    let page = house.get("/tenants/one/sign-in").await;
    let style = page.body.split('"').find(|piece| piece.contains("/assets/style")).unwrap();
    for path in [
        "/.well-known/oauth-authorization-server/tenants/one",
        "/tenants/one/.well-known/openid-configuration",
        "/tenants/one/jwks",
        style,
    ] {
        let (full, head) = (
            house.get(path).await,
            house.send("HEAD", &format!("{}{path}", house.base), None, None).await,
        );
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-type"), full.header("content-type"), "{path}");
    }
}

#[tokio::test]
async fn a_person_who_is_lost_reads_a_page_and_a_program_json() {
    let house = house().await;
    let browser = Browser::new(&house);
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let look = |url: String| browser.send(house.http.get(url).header(html.0, html.1));
    for root in ["/", "/tenants/one", "/tenants/one/"] {
        let answer = look(format!("{}{root}", house.base)).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, "/tenants/one/account"),
            "{root}"
        );
    }
    for (path, status, words) in [
        ("/nothing", 404, "There is nothing here"),
        ("/account/nope", 404, "There is nothing here"),
        ("/sign-in/nope", 404, "There is nothing here"),
        ("/sign-in/otp", 405, "cannot be opened by its address"),
        ("/account/sessions/end", 405, "cannot be opened by its address"),
    ] {
        let answer = look(house.at(path)).await;
        assert_eq!((answer.status, answer.body.contains(words)), (status, true), "{path}");
        assert!(answer.body.contains("href=\"/tenants/one/account\""), "{path}");
        assert!(answer.header("content-security-policy").contains("form-action 'self'"));
        let program = browser.get(path).await;
        assert_eq!(
            (program.status, program.json()["status"].as_u64()),
            (status, Some(status.into()))
        );
    }
}
