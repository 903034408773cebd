use crate::house::{Answer, FORM, House, new};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_directory::{ClientSecret, NewAuth};
use portcullis_types::Ttl;

const GRANT: &str = "grant_type=client_credentials";

async fn basic(house: &House, pair: &str, body: &str) -> Answer {
    let value = format!("Basic {}", STANDARD.encode(pair));
    house.post(&[FORM, ("authorization", &value)], body).await
}

#[tokio::test]
async fn basic_and_post_work_alike() {
    let house = House::open().await;
    let secret = house.free_app().await;
    assert_eq!(house.ask("free-app", &secret, "").await.status, 200);
    let pair = format!("free-app:{secret}");
    assert_eq!(basic(&house, &pair, GRANT).await.status, 200);
    // RFC 6749 §2.3.1: both halves are form-encoded first.
    let encoded = format!("free%2Dapp:{}", secret.replace('_', "%5F"));
    assert_eq!(basic(&house, &encoded, GRANT).await.status, 200);
    // Naming the client a second time is no second method.
    let again = format!("{GRANT}&client_id=free-app");
    assert_eq!(basic(&house, &pair, &again).await.status, 200);
    let other = format!("{GRANT}&client_id=other");
    assert_eq!(basic(&house, &pair, &other).await.error(), "invalid_request");
}

#[tokio::test]
async fn a_wrong_secret_is_invalid_client_and_only_a_header_is_challenged() {
    let house = House::open().await;
    house.free_app().await;
    let answer = basic(&house, "free-app:wrong", GRANT).await;
    assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"));
    assert!(answer.header("www-authenticate").starts_with("Basic realm="));
    let answer = house.ask("free-app", "wrong", "").await;
    assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"));
    assert_eq!(answer.header("www-authenticate"), "");
    let bearer = house.post(&[FORM, ("authorization", "Bearer x")], GRANT).await;
    assert_eq!((bearer.status, bearer.error().as_str()), (401, "invalid_client"));
    assert!(bearer.header("www-authenticate").starts_with("Basic realm="));
    assert_eq!(house.post(&[FORM], GRANT).await.status, 401);
    assert_eq!(house.post(&[FORM], format!("{GRANT}&client_id=free-app")).await.status, 401);
}

#[tokio::test]
async fn basic_that_is_no_basic_is_refused() {
    let house = House::open().await;
    for value in ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic YTolenpi"] {
        let answer = house.post(&[FORM, ("authorization", value)], GRANT).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{value}");
    }
}

#[tokio::test]
async fn one_method_per_request() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let body = format!("{GRANT}&client_id=free-app&client_secret={secret}");
    let answer = basic(&house, &format!("free-app:{secret}"), &body).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"));
}

/// What the caller sees, apart from the name of the decision.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.decision().to_string();
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().replace(&id, "dec_")));
    (answer.status, headers.collect(), answer.body.replace(&id, "dec_"))
}

#[tokio::test]
async fn nobody_learns_which_clients_exist() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let chosen = ClientSecret::chosen("correct horse battery".replace(' ', "-").as_str()).unwrap();
    house.client(new("chosen", NewAuth::Chosen(chosen))).await;
    let gone = house.client(new("gone", NewAuth::Generated)).await;
    house.disable("gone").await;
    let unknown = seen(&house.ask("nobody", &secret, "").await);
    for (id, secret) in [
        ("free-app", "wrong"),
        ("chosen", "wrong"),
        ("chosen", &*secret),
        ("gone", "x"),
        ("gone", &*gone),
    ] {
        assert_eq!(seen(&house.ask(id, secret, "").await), unknown, "{id} {secret}");
    }
    for id in ["", "%20", "a%00b", &"x".repeat(2000)] {
        assert_eq!(
            house.ask(id, &secret, "").await.json()["access_token"],
            serde_json::Value::Null
        );
    }
}

#[tokio::test]
async fn a_chosen_secret_works_and_a_wrong_one_does_not() {
    let house = House::open().await;
    let secret = "correct-horse-battery:staple";
    let chosen = ClientSecret::chosen(secret).unwrap();
    house.client(new("chosen", NewAuth::Chosen(chosen))).await;
    for _ in 0..3 {
        assert_eq!(house.ask("chosen", secret, "").await.status, 200);
        assert_eq!(house.ask("chosen", "correct-horse-battery:stable", "").await.status, 401);
    }
}

#[tokio::test]
async fn a_secret_rotates_with_overlap() {
    let house = House::open().await;
    let first = house.free_app().await;
    let second = house.rotate("free-app", Ttl::seconds(3600)).await;
    assert_eq!(house.ask("free-app", &first, "").await.status, 200);
    assert_eq!(house.ask("free-app", &second, "").await.status, 200);
    let third = house.rotate("free-app", Ttl::seconds(3600)).await;
    assert_eq!(house.ask("free-app", &first, "").await.status, 401, "at most two live");
    assert_eq!(house.ask("free-app", &second, "").await.status, 200);
    house.wait(Ttl::seconds(3601));
    assert_eq!(house.ask("free-app", &second, "").await.status, 401, "the overlap is over");
    assert_eq!(house.ask("free-app", &third, "").await.status, 200);
    house.directory.reload().await.unwrap();
    let client = house.directory.client(&"free-app".parse().unwrap()).unwrap();
    assert_eq!(client.secrets[0].last_used, Some(house.now()));
    assert_eq!(client.secrets[1].last_used, Some(house.now().minus(Ttl::seconds(3601))));
}

#[tokio::test]
async fn a_disabled_client_gets_nothing_and_an_enabled_one_does() {
    let house = House::open().await;
    let secret = house.free_app().await;
    house.disable("free-app").await;
    let answer = house.ask("free-app", &secret, "").await;
    assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"));
    assert!(house.directory.revocations().borrow().disabled_clients.has("free-app"));
}
