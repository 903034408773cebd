//! Another language is one file: in the pseudo-language each word of the catalogue is in brackets, and no page
//! has a word that is not.

use crate::{
    authorize::{notebook, request},
    browser::{Browser, field},
    house::{Answer, House},
};
use portcullis_web::page::languages;

/// What a page shows that nobody translates: names, addresses, and what is said to whoever made an app.
const DATA: [&str; 8] = [
    "a test",
    "id.example",
    "notebook.example",
    "notebook",
    "textgen",
    "Ada Lovelace",
    "ada",
    "scientist",
];

fn without(html: &str, begin: &str, end: &str) -> String {
    let mut pieces = html.split(begin);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    out.extend(pieces.map(|piece| piece.split_once(end).map_or("", |(_, rest)| rest)));
    out
}

/// The words that are not of the catalogue: in texts, and in attributes that people read.
fn strange(html: &str) -> Vec<String> {
    let mut html = without(html, "<!doctype", ">");
    for (begin, end) in [("<code", "</code>"), ("<svg", "</svg>"), ("<span lang=\"en\"", "</span>")]
    {
        html = without(&html, begin, end);
    }
    let mut shown = String::new();
    for piece in html.split('<') {
        let (tag, text) = piece.split_once('>').unwrap_or(("", piece));
        for name in ["alt", "aria-label", "placeholder", "data-failed", "data-done"] {
            let value =
                tag.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split('"').next());
            shown.extend(value.map(|value| format!("{value} ")));
        }
        shown.push_str(text);
        shown.push(' ');
    }
    for entity in ["&#34;", "&#38;", "&#39;", "&#60;", "&#62;"] {
        shown = shown.replace(entity, " ");
    }
    shown = without(&shown, "\u{27e6}", "\u{27e7}");
    for data in DATA {
        shown = shown.replace(data, "");
    }
    let words = shown.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

#[track_caller]
fn translated(answer: &Answer, path: &str) {
    assert!(
        answer.body.contains("<html lang=\"qps\">"),
        "{path}: {} {}",
        answer.status,
        answer.body
    );
    let strange = strange(&answer.body);
    assert!(strange.is_empty(), "{path}: {strange:?} in {}", answer.body);
}

async fn house() -> House {
    let house = House::open().await;
    let mut new = notebook();
    new.registration.policy_uri = Some("https://notebook.example/privacy".to_owned());
    house.client(new).await;
    house.person("ada", &["scientist"]).await;
    house
}

#[tokio::test]
async fn no_page_has_a_text_of_its_own() {
    let house = house().await;
    let browsers = [Browser::new(&house), Browser::signed_in(&house, "ada").await];
    let unknown_app = format!("/authorize?{}", request(&[("client_id", "nobody")]));
    let elsewhere = format!("/authorize?{}", request(&[("redirect_uri", "https://evil.example/")]));
    let odd = format!("/authorize?{}", request(&[("client_id", "notebook&client_id=x")]));
    let old = format!(
        "/authorize?{}",
        request(&[("request_uri", "urn:ietf:params:oauth:request_uri:x")])
    );
    for path in [
        "/sign-in?return=passkeys",
        "/password-reset",
        "/invitation?token=a.b",
        "/password-reset/choose?token=a.b",
        "/sign-in?flow=a.b",
        "/consent?flow=a.b",
        "/sign-in/with/other",
        "/device",
        "/device?user_code=BCDF-GHJK",
        "/logout",
        "/logout?post_logout_redirect_uri=https://evil.example/",
        "/account",
        "/account/profile",
        "/account/profile",
        "/account/passkeys",
        "/account/authenticator",
        "/account/recovery-codes",
        "/account/password",
        "/account/sessions",
        "/account/apps",
        "/account/activity",
        "/account/nothing",
        "/sign-in/otp",
        &unknown_app,
        &elsewhere,
        &odd,
        &old,
    ] {
        for browser in &browsers {
            let request = house.http.get(house.at(path)).header("accept-language", "qps, en;q=0.5");
            let answer = browser.send(request.header("accept", "text/html")).await;
            if answer.status != 303 {
                translated(&answer, path);
            }
        }
    }
}

#[tokio::test]
async fn the_language_that_an_app_asks_for_goes_through_the_whole_flow() {
    let house = house().await;
    let browser = Browser::new(&house);
    let asking = |more: &[(&str, &str)]| {
        let usual = [("ui_locales", "xx qps"), ("response_mode", "form_post")];
        format!("/authorize?{}", request(&[&usual, more].concat()))
    };
    let follow = async |answer: Answer| {
        let to = answer.header("location").strip_prefix("/tenants/one").unwrap().to_owned();
        browser.get(&to).await
    };
    translated(&follow(browser.get(&asking(&[])).await).await, "sign-in");

    browser.put("__Host-session", &house.session("ada").await);
    let consent = follow(browser.get(&asking(&[])).await).await;
    translated(&consent, "consent");
    let (csrf, flow) = (field(&consent.body, "csrf"), field(&consent.body, "flow"));
    let seal = field(&consent.body, "seal");
    let form = [("csrf", csrf.as_str()), ("flow", &flow), ("seal", &seal), ("decision", "approve")];
    let posted = browser.post("/consent", &form).await;
    translated(&posted, "form_post");
    assert!(field(&posted.body, "code").len() > 40);
    translated(&browser.get("/logout?ui_locales=qps").await, "logout");
    // What is only for tests is offered to nobody.
    assert!(!languages().contains(&"qps"));
}
