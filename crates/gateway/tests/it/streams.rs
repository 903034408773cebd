//! Bodies as they come: unbuffered, cancelled with the caller, drained at the stop.

use crate::house::{House, soon};
use portcullis_types::Ttl;
use reqwest::{Client, StatusCode};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn the_first_event_arrives_while_the_upstream_holds_back_the_second() {
    let house = House::open().await;
    let mut response =
        Client::new().get(house.url("/stream")).bearer_auth(house.token()).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: one\n\n");
    house.upside.go_on.notify_one();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: two\n\n");
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_caller_who_leaves_takes_the_upstream_request_along() {
    let house = House::open().await;
    let request = Client::new().get(house.url("/hang")).bearer_auth(house.token()).send();
    let waiting = tokio::spawn(request);
    soon(house.upside.arrived.notified()).await;
    waiting.abort();
    soon(house.upside.cancelled.notified()).await;
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_given_up() {
    let house =
        House::with(|settings| settings.timeouts.response_headers = Ttl::from_millis(50)).await;
    let response =
        Client::new().get(house.url("/hang")).bearer_auth(house.token()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    soon(house.upside.cancelled.notified()).await;
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_bad_gateway() {
    let house =
        House::with(|settings| settings.upstreams[0].authority = "127.0.0.1:1".parse().unwrap())
            .await;
    let response =
        Client::new().get(house.url("/generate")).bearer_auth(house.token()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_large_body_goes_through_in_both_directions() {
    let house = House::open().await;
    let body = vec![b'x'; 8 << 20];
    let request = Client::new().post(house.url("/upload")).bearer_auth(house.token()).body(body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(house.last_seen()["bytes"], 8 << 20);
}

#[tokio::test]
async fn http2_is_spoken_without_tls() {
    let house = House::open().await;
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    for _ in 0..3 {
        let response =
            client.get(house.url("/generate")).bearer_auth(house.token()).send().await.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(house.last_seen()["headers"]["x-forwarded-host"], house.address.to_string());
}

#[tokio::test]
async fn connections_to_the_upstream_are_used_again() {
    let house = House::open().await;
    let client = Client::new();
    for _ in 0..20 {
        let response =
            client.get(house.url("/generate")).bearer_auth(house.token()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.unwrap();
    }
    assert_eq!(house.times_seen(), 20);
    assert_eq!(house.upside.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_stop_lets_a_running_stream_end() {
    let mut house = House::open().await;
    let url = house.url("/stream");
    let mut response = Client::new().get(&url).bearer_auth(house.token()).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: one\n\n");
    let upside = house.upside.clone();
    let stop = tokio::spawn(async move { house.stop().await });
    upside.go_on.notify_one();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: two\n\n");
    stop.await.unwrap();
    assert!(Client::new().get(&url).send().await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_client_that_has_said_nothing() {
    let mut house = House::open().await;
    let _silent = tokio::net::TcpStream::connect(house.address).await.unwrap();
    // Accepted in order: when this one is answered, the silent one is in.
    let url = house.url("/generate");
    Client::new().get(&url).bearer_auth(house.token()).send().await.unwrap();
    soon(house.stop()).await;
}
