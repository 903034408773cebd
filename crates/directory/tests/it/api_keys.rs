use crate::house::{House, NOW, app, id};
use portcullis_directory::{
    ApiKey, ApiKeyHash, Client, Contracts, Fault, NewApiKey, NewApiKeyKind, NewClient,
    TenantRecord, Tier,
    grant::{TokenUse, use_token},
    use_api_key,
};
use portcullis_types::{Denial, Inbound, Tenant, Ttl};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;

const LEGACY: &str = "sk-live-8dK2mVq0ZtR5xWc7LhN3yBf1";

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

/// Two tenants, each with a client.
async fn open() -> (House, Arc<Client>, Arc<Client>) {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let tiers = [("standard".to_owned(), Tier::default())].into();
    directory.contract(Contracts { tiers, ..Contracts::default() }).await.unwrap();
    let mut clients = Vec::new();
    for name in ["t123", "t456"] {
        let record = serde_json::json!({ "name": name, "tier": "standard" });
        let record: TenantRecord = serde_json::from_value(record).unwrap();
        directory.apply_tenant(house.acting(NOW), &tenant(name), record, None).await.unwrap();
        let new =
            NewClient { id: Some(id(&format!("{name}-app"))), tenant: Some(tenant(name)), ..app() };
        clients.push(directory.add(house.acting(NOW), new).await.unwrap().client);
    }
    let second = clients.pop().unwrap();
    (house, clients.pop().unwrap(), second)
}

fn new(kind: NewApiKeyKind) -> NewApiKey {
    NewApiKey {
        tenant: Some(tenant("t123")),
        name: "Old portal".into(),
        scopes: vec!["analytics:read".parse().unwrap()],
        expires: Some(NOW.plus(Ttl::seconds(3600))),
        kind,
    }
}

async fn generated(house: &mut House) -> (ApiKey, SecretString) {
    let directory = house.directory.clone();
    let made = directory.add_api_key(house.acting(NOW), new(NewApiKeyKind::Generated)).await;
    let (key, text) = made.unwrap();
    (key, text.unwrap())
}

async fn shown(house: &House, client: &Client, text: &str) -> Result<ApiKey, Denial> {
    house.directory.api_key(text, (client, None), NOW).await.unwrap()
}

#[tokio::test]
async fn a_key_is_whose_it_is_and_opens_what_it_was_made_for() {
    let (mut house, own, _) = open().await;
    let (key, text) = generated(&mut house).await;
    let text = text.expose_secret();
    assert!(text.starts_with(&format!("{}.", key.id)) && key.id.starts_with("pck_"));
    assert!(key.sub.as_str().starts_with("svc_") && !key.imported);
    assert_eq!(shown(&house, &own, text).await.unwrap(), key);
    assert_eq!(house.directory.api_keys().await.unwrap(), std::slice::from_ref(&key));
    let admin = house.last().await;
    assert_eq!((&*admin.action, &*admin.target), ("api_key.add", &*key.id));
    assert!(!format!("{admin:?}").contains(text.rsplit_once('.').unwrap().1));
    let (other, _) = generated(&mut house).await;
    assert_ne!(other.sub, key.sub, "no key speaks for another");
}

#[tokio::test]
async fn a_customers_own_key_is_taken_over_by_its_digest_alone() {
    let (mut house, own, _) = open().await;
    let directory = house.directory.clone();
    let hash = ApiKeyHash::of(LEGACY).unwrap();
    let import = new(NewApiKeyKind::Imported(hash));
    let (key, text) = directory.add_api_key(house.acting(NOW), import.clone()).await.unwrap();
    assert!(text.is_none() && key.imported);
    assert_eq!(shown(&house, &own, LEGACY).await.unwrap(), key);
    let twice = directory.add_api_key(house.acting(NOW), import).await;
    assert!(matches!(twice, Err(Fault::Invalid(_))), "{twice:?}");
    assert_eq!(house.last().await.action, "api_key.import");
}

#[tokio::test]
async fn unknown_foreign_disabled_and_ended_keys_are_told_the_same() {
    let (mut house, own, foreign) = open().await;
    let directory = house.directory.clone();
    let (key, text) = generated(&mut house).await;
    let text = text.expose_secret();
    let (off, off_text) = generated(&mut house).await;
    directory.disable_api_key(house.acting(NOW), &off.id).await.unwrap();
    let later = NOW.plus(Ttl::seconds(3600));
    let mut told = Vec::new();
    for (client, text, now, why) in [
        (&own, LEGACY, NOW, "not registered"),
        (&own, &text[..text.len() - 1], NOW, "not registered"),
        (&own, key.id.as_str(), NOW, "not registered"),
        (&foreign, text, NOW, "tenant t123"),
        (&own, off_text.expose_secret(), NOW, "disabled"),
        (&own, text, later, "ended"),
    ] {
        let denial = directory.api_key(text, (client, None), now).await.unwrap().unwrap_err();
        assert!(denial.found().contains(why), "{}", denial.found());
        assert!(
            !format!("{denial:?}").contains(text.rsplit('.').next().unwrap()) || text == key.id
        );
        told.push((denial.code(), denial.told(), denial.remedy().change));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn guesses_are_counted_and_lock_nobody_else_out() {
    let (mut house, own, foreign) = open().await;
    let directory = house.directory.clone();
    let (_, text) = generated(&mut house).await;
    let from = Some("203.0.113.7".parse().unwrap());
    let guess = async |client: &Client| {
        directory.api_key("pck_guess.AAAA", (client, from), NOW).await.unwrap().unwrap_err()
    };
    for _ in 0..10 {
        assert!(matches!(guess(&own).await, Denial::BadInbound { .. }));
    }
    assert!(matches!(guess(&own).await, Denial::Throttled { .. }));
    assert!(matches!(guess(&foreign).await, Denial::BadInbound { .. }));
    let elsewhere = Some("203.0.113.8".parse().unwrap());
    let shown = directory.api_key(text.expose_secret(), (&own, elsewhere), NOW).await;
    assert!(shown.unwrap().is_ok());
    assert!(
        house.directory.attempt(Some("t123-app".into()), from, NOW).is_ok(),
        "a secret is apart"
    );
}

#[tokio::test]
async fn what_ends_a_key_ends_what_was_made_of_it_and_is_written_down() {
    let (mut house, own, _) = open().await;
    let directory = house.directory.clone();
    let (key, text) = generated(&mut house).await;
    let text = text.expose_secret();
    let ended = || format!("{:?}", directory.revocations().borrow());
    assert!(!ended().contains(key.sub.as_str()));
    directory.disable_api_key(house.acting(NOW), &key.id).await.unwrap();
    assert!(ended().contains(key.sub.as_str()), "{}", ended());
    assert_eq!(house.last().await.action, "api_key.disable");
    let count = house.count().await;
    directory.disable_api_key(house.acting(NOW), &key.id).await.unwrap();
    assert_eq!(house.count().await, count, "nothing changed, nothing is written");
    let id = key.id.clone();
    let used = house.store.write(move |tx| use_api_key(tx, &id, NOW)).await.unwrap();
    assert!(used.is_err(), "it was disabled between the look and the use");
    directory.enable_api_key(house.acting(NOW), &key.id).await.unwrap();
    assert!(shown(&house, &own, text).await.is_ok());
    directory.remove_api_key(house.acting(NOW), &key.id).await.unwrap();
    assert!(shown(&house, &own, text).await.is_err());
    assert_eq!(house.last().await.action, "api_key.remove");
    let gone = directory.remove_api_key(house.acting(NOW), &key.id).await;
    assert!(matches!(gone, Err(Fault::Invalid(_))));
}

#[tokio::test]
async fn a_key_that_could_not_be_used_is_not_made() {
    let (mut house, ..) = open().await;
    let directory = house.directory.clone();
    let good = new(NewApiKeyKind::Generated);
    let none = Vec::new();
    let scope = |text: &str| vec![text.parse().unwrap()];
    for bad in [
        NewApiKey { name: String::new(), ..good.clone() },
        NewApiKey { scopes: none, ..good.clone() },
        NewApiKey { scopes: scope("analytics:read:t456"), ..good.clone() },
        NewApiKey { tenant: Some(tenant("t789")), ..good.clone() },
        NewApiKey { expires: Some(NOW), ..good.clone() },
    ] {
        let made = directory.add_api_key(house.acting(NOW), bad.clone()).await;
        assert!(matches!(made, Err(Fault::Invalid(_))), "{bad:?}");
    }
    let own = NewApiKey { scopes: scope("analytics:read:t123"), ..good };
    assert!(directory.add_api_key(house.acting(NOW), own).await.is_ok());
}

#[tokio::test]
async fn a_token_is_used_as_often_as_it_may_be() {
    let (house, ..) = open().await;
    let jag = TokenUse {
        tenant: tenant("t123"),
        trust: "sso".into(),
        digest: [7; 32],
        jti: None,
        times: Some(3),
        inbound: Inbound::Assertion,
        expires: NOW,
    };
    let uses =
        async |one: TokenUse| house.store.write(move |tx| use_token(tx, &one)).await.unwrap();
    for wanted in [true, true, true, false, false] {
        assert_eq!(uses(jag.clone()).await, wanted);
    }
    let elsewhere = TokenUse { trust: "other".into(), times: Some(1), ..jag.clone() };
    assert!(uses(elsewhere.clone()).await && !uses(elsewhere).await);
    let free = TokenUse { times: None, ..jag };
    assert!(uses(free.clone()).await && uses(free).await);
}
