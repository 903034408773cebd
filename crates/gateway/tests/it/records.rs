//! Every decision is kept, and can be found by its id.

use crate::house::House;
use portcullis_audit::Event;
use portcullis_types::{Check, Denial, Mark};
use reqwest::Client;

#[tokio::test]
async fn an_allowed_request_is_recorded_with_the_claims_that_mattered() {
    let house = House::open().await;
    let token = house.token();
    let response =
        Client::new().get(house.url("/generate")).bearer_auth(&token).send().await.unwrap();
    let record = house.record(response.headers()["x-decision-id"].to_str().unwrap()).await;
    assert!(record.denial.is_none());
    assert!(record.trace.rows().all(|row| row.mark == Mark::Passed));
    let Event::Access(access) = &record.event else { panic!("another event") };
    let facts = access.token.as_ref().unwrap();
    assert!(facts.verified);
    assert_eq!((&*facts.client_id, &*facts.jti, &*facts.scope), ("app", "j1", "generate:basic"));
    assert!(!format!("{record:?}").contains(&token));
}

#[tokio::test]
async fn a_denied_request_is_recorded_with_its_reason() {
    let house = House::open().await;
    let response = Client::new()
        .post(house.url("/generate/premium"))
        .bearer_auth(house.token())
        .send()
        .await
        .unwrap();
    let record = house.record(response.headers()["x-decision-id"].to_str().unwrap()).await;
    assert!(matches!(record.denial.as_deref(), Some(Denial::WeakScope { .. })));
    assert_eq!(record.trace.failed(), Some(Check::Scope));
    let Event::Access(access) = &record.event else { panic!("another event") };
    assert_eq!(access.token.as_ref().unwrap().jti, "j1");
}

#[tokio::test]
async fn when_nothing_can_be_recorded_nothing_passes() {
    let house = House::open().await;
    house.journal.close().await;
    let response =
        Client::new().get(house.url("/generate")).bearer_auth(house.token()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(house.times_seen(), 0);
}
