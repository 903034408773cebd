use crate::house::{FORM, House};
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

#[tokio::test]
async fn behind_a_proxy_the_address_counts_that_the_proxy_saw() {
    let house = House::behind_a_proxy().await;
    let secret = house.free_app().await;
    let ask = async |from: Option<&str>, secret: &str| {
        let headers = from.map(|from| ("x-forwarded-for", from));
        let headers: Vec<_> = [FORM].into_iter().chain(headers).collect();
        let body =
            format!("grant_type=client_credentials&client_id=free-app&client_secret={secret}");
        house.post(&headers, body).await
    };
    let (attacker, owner) = (Some("192.0.2.66"), Some("192.0.2.1"));
    for forged in 0..10 {
        let from = format!("198.51.100.{forged}, 192.0.2.66");
        assert_eq!(ask(Some(&from), "pcs_wrong").await.status, 401);
    }
    assert_eq!(ask(attacker, &secret).await.status, 429);
    let granted = ask(owner, &secret).await;
    assert_eq!(granted.status, 200, "the neighbour");
    let record = house.record(granted.decision()).await;
    assert!(serde_json::to_string(&record).unwrap().contains("\"192.0.2.1\""));
    for _ in 0..20 {
        assert_eq!(ask(None, "pcs_wrong").await.status, 401);
    }
    assert_eq!(ask(None, &secret).await.status, 200, "without an address no address is counted");
}
