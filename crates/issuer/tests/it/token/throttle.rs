use crate::house::House;
use portcullis_types::{Check, Denial, Ttl};

#[tokio::test]
async fn failures_close_the_door_for_a_while_even_to_the_right_secret() {
    let house = House::open().await;
    let secret = house.free_app().await;
    for _ in 0..10 {
        assert_eq!(house.ask("free-app", "pcs_wrong", "").await.status, 401);
    }
    let answer = house.ask("free-app", &secret, "").await;
    assert_eq!((answer.status, answer.error().as_str()), (429, "invalid_client"));
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert_eq!(seconds, 30);
    let record = house.record(answer.decision()).await;
    assert_eq!(record.trace.failed(), Some(Check::Throttle));
    assert!(matches!(record.denial.as_deref(), Some(Denial::Throttled { failures: 10, .. })));
    house.wait(Ttl::seconds(seconds));
    assert_eq!(house.ask("free-app", &secret, "").await.status, 200);
}

#[tokio::test]
async fn an_unknown_client_is_throttled_alike() {
    let house = House::open().await;
    for _ in 0..10 {
        assert_eq!(house.ask("nobody", "x", "").await.status, 401);
    }
    assert_eq!(house.ask("nobody", "x", "").await.status, 429);
    let secret = house.free_app().await;
    assert_eq!(house.ask("free-app", &secret, "").await.status, 200, "another client");
}
