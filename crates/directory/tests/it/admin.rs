use crate::house::{House, NOW, app, id, open};
use portcullis_directory::{ClientSecret, Fault, NewAuth, SecretFault};
use portcullis_types::{Timestamp, Ttl};

#[tokio::test]
async fn each_change_has_its_record() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let app_id = id("app");
    directory.add(house.acting(NOW), app()).await.unwrap();
    let record = house.last().await;
    assert_eq!(
        (&*record.actor, &*record.action, &*record.target),
        ("cli:alice", "client.add", "app")
    );
    assert_eq!(record.detail["scopes"], "generate:basic model:*");

    let client = directory.disable(house.acting(NOW), &app_id).await.unwrap();
    assert_eq!(client.disabled_since, Some(NOW));
    assert_eq!(house.last().await.action, "client.disable");
    let later = NOW.plus(Ttl::seconds(1));
    let client = directory.disable(house.acting(later), &app_id).await.unwrap();
    assert_eq!(client.disabled_since, Some(NOW), "since the first time");
    let client = directory.enable(house.acting(NOW), &app_id).await.unwrap();
    assert_eq!(client.disabled_since, None);
    assert_eq!(house.last().await.detail["disabled_since"], "none");

    directory.rotate_secret(house.acting(NOW), &app_id, Ttl::seconds(60)).await.unwrap();
    assert_eq!(house.last().await.detail["secret"], "2");
    let edit = |client: &mut portcullis_directory::Client| {
        client.name = "Another".into();
        client.disabled_since = Some(NOW);
    };
    let client = directory.update(house.acting(NOW), &app_id, edit).await.unwrap();
    assert_eq!((client.name.as_str(), client.disabled_since), ("Another", None));
    let detail = house.last().await.detail;
    assert_eq!((detail.len(), detail["name"].as_str()), (1, "Another"));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_leaves_no_trace() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    directory.add(house.acting(NOW), app()).await.unwrap();
    let before = house.count().await;
    let taken = directory.add(house.acting(NOW), app()).await;
    assert!(matches!(taken, Err(Fault::Taken(_))));
    let bad: [fn(&mut portcullis_directory::NewClient); 7] = [
        |new| new.id = Some(id("app-pcs_somewhere")),
        |new| new.id = Some(id("pcs_in_a_wrong_place")),
        |new| new.name = String::new(),
        |new| new.grant_types.clear(),
        |new| new.scopes.truncate(1),
        |new| new.default_resource = Some("https://other.example/".parse().unwrap()),
        |new| new.default_scope = Some("".parse().unwrap()),
    ];
    for spoil in bad {
        let mut new = app();
        new.id = None;
        spoil(&mut new);
        let refused = directory.add(house.acting(NOW), new).await;
        assert!(matches!(refused, Err(Fault::Invalid(_))), "{refused:?}");
    }
    let narrowed =
        directory.update(house.acting(NOW), &id("app"), |client| client.scopes.clear()).await;
    assert!(matches!(narrowed, Err(Fault::Invalid(_))), "the default is not allowed any more");
    let unknown = directory.disable(house.acting(NOW), &id("nobody")).await;
    assert!(matches!(unknown, Err(Fault::UnknownClient(_))));
    assert_eq!(house.count().await, before);
    assert_eq!(directory.list().len(), 1);
}

#[tokio::test]
async fn a_client_without_a_name_of_its_own_gets_one() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let new = portcullis_directory::NewClient { id: None, ..app() };
        let added = directory.add(house.acting(NOW), new).await.unwrap();
        assert!(added.secret.unwrap().expose().starts_with("pcs_"));
        ids.push(added.client.id.clone());
    }
    assert!(ids[0] != ids[1] && ids[0].as_str().starts_with("cli_"));
    assert_eq!(directory.list().len(), 2);
}

#[tokio::test]
async fn another_process_sees_a_change_after_a_reload() {
    let mut house = House::open().await;
    let (_store, other) = open(&house.database).await;
    let mut revocations = other.revocations();
    let directory = house.directory.clone();
    directory.add(house.acting(NOW), app()).await.unwrap();
    directory.disable(house.acting(NOW), &id("app")).await.unwrap();
    assert!(other.client(&id("app")).is_none());
    other.reload().await.unwrap();
    assert_eq!(other.client(&id("app")), directory.client(&id("app")));
    assert!(revocations.borrow_and_update().disabled_clients.has("app"));
}

#[tokio::test]
async fn a_rotation_without_overlap_ends_the_tokens_too() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let first = directory.add(house.acting(NOW), app()).await.unwrap().secret.unwrap();
    let at = NOW.plus(Ttl::from_millis(1));
    let second =
        directory.rotate_secret(house.acting(at), &id("app"), Ttl::seconds(0)).await.unwrap();
    assert!(!house.proves("app", first.expose(), at).await);
    assert!(house.proves("app", second.secret.unwrap().expose(), at).await);
    let before = directory.revocations().borrow().not_before.since("app");
    assert_eq!(before, Some(Timestamp::from_seconds(NOW.seconds() + 1)));
}

#[test]
fn a_weak_or_ambiguous_secret_is_not_chosen() {
    for (text, fault) in [
        ("short", SecretFault::Length),
        ("sixteen characters", SecretFault::Character),
        ("with+a-plus-and-more", SecretFault::Character),
        ("pcs_sixteen-characters", SecretFault::Prefix),
    ] {
        assert_eq!(ClientSecret::chosen(text).unwrap_err(), fault, "{text}");
    }
    let secret = ClientSecret::chosen("correct-horse-battery").unwrap();
    assert_eq!(format!("{:?}", NewAuth::Chosen(secret)), "Chosen(ClientSecret)");
}
