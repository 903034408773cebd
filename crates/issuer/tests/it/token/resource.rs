use crate::house::{ACME, BATCH, House, TEXTGEN, new};
use portcullis_directory::NewAuth;

#[tokio::test]
async fn a_token_is_for_the_api_that_was_asked_for() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let answer = house.ask("free-app", &secret, "").await;
    assert_eq!(answer.claims()["aud"], TEXTGEN, "the default");
    let more = format!("&resource={BATCH}&scope=batch:read");
    assert_eq!(house.ask("free-app", &secret, &more).await.claims()["aud"], BATCH);
}

#[tokio::test]
async fn a_client_with_one_api_need_not_name_it() {
    let house = House::open().await;
    let mut client = new("one-api", NewAuth::Generated);
    client.default_resource = None;
    client.resources.truncate(1);
    let secret = house.client(client).await;
    assert_eq!(house.ask("one-api", &secret, "").await.claims()["aud"], TEXTGEN);
    let mut client = new("two-apis", NewAuth::Generated);
    client.default_resource = None;
    let secret = house.client(client).await;
    assert_eq!(house.ask("two-apis", &secret, "").await.error(), "invalid_target");
}

#[tokio::test]
async fn unknown_foreign_and_forbidden_apis_are_one_answer() {
    let house = House::open().await;
    let mut client = new("app", NewAuth::Generated);
    client.resources = vec![TEXTGEN.parse().unwrap(), ACME.parse().unwrap()];
    let secret = house.client(client).await;
    // Nobody's; not this client's; another tenant's, although an operator gave it to this client.
    for resource in ["https://nobody.example", BATCH, ACME, "https://api.example/textgen/", "x"] {
        let answer = house.ask("app", &secret, &format!("&resource={resource}")).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_target"), "{resource}");
        let remedy = answer.json()["remedy"].as_str().unwrap().to_owned();
        assert_eq!(remedy, format!("Ask for resource={TEXTGEN}."));
    }
}

#[tokio::test]
async fn the_tenant_of_an_api_gets_its_tokens() {
    let house = House::open().await;
    let mut client = new("acme-app", NewAuth::Generated);
    client.tenant = Some("acme".parse().unwrap());
    client.resources = vec![ACME.parse().unwrap()];
    client.default_resource = None;
    client.scopes = vec!["analytics:read".parse().unwrap()];
    client.default_scope = None;
    let secret = house.client(client).await;
    let answer = house.ask("acme-app", &secret, "&scope=analytics:read:acme").await;
    assert_eq!(answer.scope(), "analytics:read", "its own tenant is not written out");
    let foreign = house.ask("acme-app", &secret, "&scope=analytics:read:other").await;
    assert_eq!(foreign.error(), "invalid_scope");
}

#[tokio::test]
async fn two_apis_are_two_tokens() {
    let house = House::open().await;
    let secret = house.free_app().await;
    let answer =
        house.ask("free-app", &secret, &format!("&resource={TEXTGEN}&resource={BATCH}")).await;
    assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_target"));
    assert_eq!(answer.json()["remedy"], "Ask for one token per resource.");
}

#[tokio::test]
async fn another_spelling_of_an_api_is_that_api_and_aud_is_as_configured() {
    let house = House::open().await;
    let secret = house.free_app().await;
    for spelling in ["HTTPS://api.example/batch", "https://API.example:443/batch"] {
        let more = format!("&resource={spelling}&scope=batch:read");
        let answer = house.ask("free-app", &secret, &more).await;
        assert_eq!(answer.claims()["aud"], BATCH, "{spelling}");
    }
    for other in
        ["https://api.example/Batch", "http://api.example/batch", "https://api.example/batch%3Fx"]
    {
        let more = format!("&resource={other}&scope=batch:read");
        let answer = house.ask("free-app", &secret, &more).await;
        assert_eq!(answer.error(), "invalid_target", "{other}");
    }
}

#[tokio::test]
async fn an_api_of_another_tenant_is_no_target_wherever_it_is_asked_for() {
    let house = House::open().await;
    let mut app = crate::apps::server();
    app.tenant = Some("globex".parse().unwrap());
    app.resources = vec![ACME.parse().unwrap()];
    house.client(app).await;
    let asked = format!("{}&scope=analytics:read&resource={ACME}", crate::apps::who("server"));
    let device = house.form("/device_authorization", &asked).await;
    assert_eq!((device.status, device.error().as_str()), (400, "invalid_target"));
    let back = crate::apps::WAY_BACK;
    let pushed = format!(
        "{asked}&response_type=code&redirect_uri={back}&code_challenge_method=S256&code_challenge={}",
        crate::apps::CHALLENGE
    );
    let pushed = house.form("/par", &pushed).await;
    assert_eq!((pushed.status, pushed.error().as_str()), (400, "invalid_target"));
}
