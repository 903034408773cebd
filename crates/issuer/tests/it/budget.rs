//! What one address may have this server do that proves nothing (RFC 6749 §10.10 in spirit: a flood costs who floods).

use crate::{
    apps::{SECRET, desk},
    authorize::{first_party, request},
    browser::{Browser, encoded},
    client_document::documents,
    house::{Answer, FORM, House},
};
use portcullis_issuer::Trusted;
use portcullis_types::Ttl;

const FLOOD: &str = "192.0.2.7";
const HOME: &str = "192.0.2.8";

async fn get(browser: &Browser<'_>, house: &House, path: &str, from: &str) -> Answer {
    browser.send(house.http.get(house.at(path)).header("x-forwarded-for", from)).await
}

async fn post(house: &House, path: &str, body: &str, from: &str) -> Answer {
    let request = house.http.post(house.at(path)).header("x-forwarded-for", from);
    Answer::of(request.header(FORM.0, FORM.1).body(body.to_owned()).send().await.unwrap()).await
}

async fn rows(house: &House, sql: &'static str) -> i64 {
    house.store.read(move |tx| tx.query_row(sql, &[])).await.unwrap().unwrap().int(0).unwrap()
}

fn is_too_many(answer: &Answer) -> bool {
    answer.status == 429 && !answer.header("retry-after").is_empty()
}

#[tokio::test]
async fn nobody_signed_in_has_only_so_much_kept_and_recorded() {
    const WAITING: &str = "SELECT count(*) FROM interaction";
    const RECORDS: &str = "SELECT count(*) FROM audit";
    let house = House::behind_a_proxy().await;
    house.client(first_party()).await;
    house.person("ada", &["scientist"]).await;
    let nobody = Browser::new(&house);
    let good = format!("/authorize?{}", request(&[]));
    let quiet = format!("/authorize?{}", request(&[("prompt", "none")]));
    let wrong = format!("/authorize?{}", request(&[("client_id", "who")]));
    // Attack: a row and a record each time, from one address.
    for round in 0..600 {
        let path = [&good, &quiet, &wrong][round % 3];
        assert!(get(&nobody, &house, path, FLOOD).await.status < 429);
    }
    let (waiting, records) = (rows(&house, WAITING).await, rows(&house, RECORDS).await);
    assert_eq!(waiting, 200);
    for path in [&good, &quiet, &wrong] {
        let answer = get(&nobody, &house, path, FLOOD).await;
        assert!(is_too_many(&answer), "{answer:?}");
    }
    assert_eq!((rows(&house, WAITING).await, rows(&house, RECORDS).await), (waiting, records));
    assert_eq!(get(&nobody, &house, &good, HOME).await.status, 303, "from another address");
    let ada = Browser::signed_in(&house, "ada").await;
    let answer = get(&ada, &house, &good, FLOOD).await;
    assert!(answer.redirect().1.contains_key("code"), "who is signed in is not counted");
    house.wait(Ttl::seconds(1));
    assert_eq!(get(&nobody, &house, &good, FLOOD).await.status, 303, "bit by bit");
}

#[tokio::test]
async fn a_client_that_proves_nothing_has_only_so_much_kept() {
    let house = House::behind_a_proxy().await;
    house.client(desk()).await;
    house.client(crate::apps::server()).await;
    let ask = [("scope", "openid"), ("client_id", "desk")];
    let device = encoded(&ask);
    let back = crate::apps::WAY_BACK;
    let changes = [("client_id", "desk"), ("redirect_uri", back)];
    let push = request(&changes);
    let nothing = "grant_type=client_credentials&client_id=server";
    for round in 0..100 {
        let (path, body, status) = [
            ("/par", push.as_str(), 201),
            ("/device_authorization", device.as_str(), 200),
            ("/token", nothing, 401),
        ][round % 3];
        let answer = post(&house, path, body, FLOOD).await;
        assert_eq!(answer.status, status, "{path} {}", answer.body);
    }
    for (path, body) in [("/par", &*push), ("/device_authorization", &device), ("/token", nothing)]
    {
        let answer = post(&house, path, body, FLOOD).await;
        assert!(is_too_many(&answer), "{path} {answer:?}");
        assert_eq!(answer.error(), "temporarily_unavailable");
        assert!(!is_too_many(&post(&house, path, body, HOME).await), "{path}");
    }
    let proven = format!(
        "{}&client_secret={SECRET}",
        request(&[("client_id", "server"), ("redirect_uri", back)])
    );
    assert_eq!(
        post(&house, "/par", &proven, FLOOD).await.status,
        201,
        "who proves itself is not counted"
    );
}

#[tokio::test]
async fn an_address_has_only_so_many_documents_fetched() {
    let house = House::behind_a_proxy_admitting(documents(Trusted::Everybody)).await;
    let nobody = Browser::new(&house);
    let path = |endpoint: &str, n: u32| {
        let id = format!("https://app-{n}.example/client.json");
        format!("{endpoint}?{}", encoded(&[("client_id", &*id)]))
    };
    // Attack: we call whom they like, in the name of ever new apps.
    for n in 0..30 {
        assert_eq!(get(&nobody, &house, &path("/authorize", n), FLOOD).await.status, 400);
    }
    for endpoint in ["/authorize", "/logout"] {
        let answer = get(&nobody, &house, &path(endpoint, 99), FLOOD).await;
        assert!(is_too_many(&answer), "{endpoint} {answer:?}");
    }
    let token =
        "grant_type=client_credentials&client_id=https%3A%2F%2Fapp-99.example%2Fclient.json";
    assert!(is_too_many(&post(&house, "/token", token, FLOOD).await));
    assert_eq!(get(&nobody, &house, &path("/authorize", 99), HOME).await.status, 400);
}
