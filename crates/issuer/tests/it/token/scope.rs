use crate::house::{BATCH, House, new};
use portcullis_audit::Event;
use portcullis_directory::NewAuth;
use portcullis_types::{Check, DroppedBy};

#[tokio::test]
async fn what_is_not_allowed_is_dropped_and_told() {
    let house = House::open().await;
    let secret = house.free_app().await;
    // Not this client's; not this API's; both's.
    let more = "&scope=generate:premium+batch:read+generate:basic";
    let answer = house.ask("free-app", &secret, more).await;
    assert_eq!((answer.status, answer.scope().as_str()), (200, "generate:basic"));
    assert_eq!(answer.claims()["scope"], "generate:basic");
    let Event::Grant(grant) = house.record(answer.decision()).await.event else { panic!() };
    let dropped: Vec<_> = grant.dropped.iter().map(|d| (d.scope.as_str(), d.by.clone())).collect();
    assert_eq!(dropped, [("batch:read", DroppedBy::Api), ("generate:premium", DroppedBy::Client)]);
    assert_eq!(grant.requested_scope.unwrap().len(), 3);
    assert_eq!(grant.granted.unwrap().to_string(), "generate:basic");
}

#[tokio::test]
async fn a_token_without_rights_is_never_issued() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let answer = house.ask("free-app", &secret, "&scope=generate:premium").await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_scope"));
    assert_eq!(answer.json()["code"], "no_scope_left");
    let record = house.record(answer.decision()).await;
    assert_eq!(record.trace.failed(), Some(Check::GrantScope));
    // The default scope is for the default API.
    let answer = house.ask("free-app", &secret, &format!("&resource={BATCH}")).await;
    assert_eq!(answer.json()["code"], "no_scope_left");
}

#[tokio::test]
async fn an_unknown_scope_is_named_with_the_one_that_may_be_meant() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let answer = house.ask("free-app", &secret, "&scope=generate:basic+generate:premum").await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_scope"));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("generate:premum") && detail.contains("generate:premium"), "{detail}");
    for bad in
        ["openid", "generate:*", "Generate:basic", "generate", "generate:basic++batch:read", "%22"]
    {
        let answer = house.ask("free-app", &secret, &format!("&scope={bad}")).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_scope"), "{bad}");
    }
}

#[tokio::test]
async fn the_default_stands_in_for_a_missing_scope_and_nothing_else_does() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let answer = house.ask("free-app", &secret, "&scope=").await;
    assert_eq!(answer.scope(), "generate:basic");
    let Event::Grant(grant) = house.record(answer.decision()).await.event else { panic!() };
    assert!(grant.default_used && grant.requested_scope.is_none());
    let mut client = new("no-default", NewAuth::Generated);
    client.default_scope = None;
    let secret = house.client(client).await;
    assert_eq!(house.ask("no-default", &secret, "").await.error(), "invalid_scope");
}
