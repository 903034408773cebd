//! `{issuer}/device` (RFC 8628 §3.3).

use crate::{
    authorize::notebook,
    browser::{Browser, field},
    house::{Answer, House},
};
use portcullis_directory::{
    GrantType,
    grant::{DeviceRequest, NewDevice, begin_device},
};
use portcullis_types::{IdentityScopes, Random, Scopes, Ttl};

async fn house() -> House {
    let house = House::open().await;
    let mut new = notebook();
    new.grant_types.push(GrantType::DeviceCode);
    house.client(new).await;
    house.person("ada", &["scientist"]).await;
    house
}

/// A device that waits; gives its user code.
async fn waiting(house: &House) -> String {
    let request = DeviceRequest {
        client_id: "notebook".parse().unwrap(),
        identity: IdentityScopes::part("openid").0,
        scope: Scopes::parse("generate:basic model:list").unwrap(),
        resource: Some(crate::house::TEXTGEN.parse().unwrap()),
        resource_named: true,
        remote: None,
    };
    let new = NewDevice { request, dpop_jkt: None };
    let mut entropy = house.entropy();
    let (random, codes) = (Random::draw(&mut entropy), Random::draw(&mut entropy));
    let now = house.now();
    let begun = house.store.write(move |tx| begin_device(tx, &new, now, (&random, &codes))).await;
    begun.unwrap().user_code
}

async fn page(browser: &Browser<'_>, code: &str) -> Answer {
    let form = browser.get("/device").await;
    let csrf = field(&form.body, "csrf");
    browser.post("/device", &[("csrf", &csrf), ("user_code", code)]).await
}

async fn decide(browser: &Browser<'_>, code: &str, decision: &str) -> Answer {
    let csrf = field(&page(browser, code).await.body, "csrf");
    let form = [("csrf", csrf.as_str()), ("user_code", code), ("decision", decision)];
    browser.post("/device/decide", &form).await
}

async fn states(house: &House) -> Vec<i64> {
    let rows = house.store.read(|tx| tx.query("SELECT state FROM device_code ORDER BY id", &[]));
    rows.await.unwrap().iter().map(|row| row.int(0).unwrap()).collect()
}

#[tokio::test]
async fn a_person_lets_a_device_in() {
    let house = house().await;
    let code = waiting(&house).await;
    let browser = Browser::signed_in(&house, "ada").await;
    let spelled = format!("{}-{}", &code[..4], &code[4..]);
    let link = browser.get(&format!("/device?user_code={}", spelled.to_lowercase())).await;
    assert_eq!(states(&house).await, [0], "a link alone does nothing");
    assert!(link.body.contains(&spelled));
    let question = page(&browser, &format!(" {} ", spelled.to_lowercase())).await;
    for shown in ["notebook", "ada", "textgen", &spelled] {
        assert!(question.body.contains(shown), "{shown}");
    }
    assert_eq!(decide(&browser, &code, "approve").await.status, 200);
    assert_eq!(states(&house).await, [1]);
    let (grant, record) = house.last_grant().await;
    assert!(record.denial.is_none());
    assert_eq!(grant.granted.unwrap().to_string(), "generate:basic", "narrowed by the client");
    assert_eq!(page(&browser, &code).await.status, 400, "decided once");
}

#[tokio::test]
async fn no_means_no() {
    let house = house().await;
    let code = waiting(&house).await;
    let browser = Browser::signed_in(&house, "ada").await;
    assert_eq!(decide(&browser, &code, "deny").await.status, 200);
    assert_eq!(states(&house).await, [2]);
    assert!(house.last_grant().await.1.denial.is_some());
}

#[tokio::test]
async fn who_is_not_signed_in_signs_in_and_comes_back() {
    let house = house().await;
    let code = waiting(&house).await;
    let browser = Browser::new(&house);
    let answer = page(&browser, &code).await;
    assert_eq!(answer.status, 303);
    let to = answer.header("location");
    assert_eq!(to, format!("/tenants/one/sign-in?return=device-{code}"));
    let sign_in = browser.get(&format!("/sign-in?return=device-{code}")).await;
    assert_eq!(field(&sign_in.body, "return"), format!("device-{code}"));
    let forged = browser.get("/sign-in?return=device-https://evil.example").await;
    assert!(!forged.body.contains("evil"));
}

#[tokio::test]
async fn forms_of_others_do_nothing() {
    let house = house().await;
    let code = waiting(&house).await;
    let browser = Browser::signed_in(&house, "ada").await;
    browser.get("/device").await;
    for csrf in ["", "x"] {
        let form = [("csrf", csrf), ("user_code", code.as_str()), ("decision", "approve")];
        assert_eq!(browser.post("/device/decide", &form).await.status, 403);
    }
    assert_eq!(decide(&browser, &code, "perhaps").await.status, 400);
    assert_eq!(states(&house).await, [0]);
}

#[tokio::test]
async fn who_guesses_is_slowed_down() {
    let house = house().await;
    let code = waiting(&house).await;
    let browser = Browser::signed_in(&house, "ada").await;
    for guess in 0..10 {
        let guess = if guess % 2 == 0 { "BBBBBBBB" } else { "not a code" };
        assert_eq!(page(&browser, guess).await.status, 400);
    }
    let refused = page(&browser, &code).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "600"), "even the right one");
    assert!(refused.body.contains("Too many codes"), "{}", refused.body);
    house.wait(Ttl::seconds(599));
    let again = waiting(&house).await;
    house.wait(Ttl::seconds(2));
    assert_eq!(page(&browser, &again).await.status, 200);
}
