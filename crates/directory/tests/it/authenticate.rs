use crate::house::{House, NOW, app};
use portcullis_directory::{AuthMethod, ClientSecret, Credentials, NewAuth, NewClient};
use portcullis_types::{ClientProof, Denial, Ttl};

#[tokio::test]
async fn both_kinds_of_secret_prove_their_client_and_no_other() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let ours = directory.add(house.acting(NOW), app()).await.unwrap().secret.unwrap();
    let text = "correct-horse-battery";
    let chosen = NewAuth::Chosen(ClientSecret::chosen(text).unwrap());
    let new = NewClient { id: "chosen".parse().ok(), auth: chosen, ..app() };
    directory.add(house.acting(NOW), new).await.unwrap();
    assert!(house.proves("app", ours.expose(), NOW).await);
    assert!(house.proves("chosen", text, NOW).await);
    assert!(house.proves("chosen", text, NOW).await, "remembered");
    assert!(!house.proves("chosen", ours.expose(), NOW).await);
    assert!(!house.proves("app", text, NOW).await);
    assert!(!house.proves("nobody", text, NOW).await);
}

#[tokio::test]
async fn a_remembered_secret_is_forgotten_with_its_rotation() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let text = "correct-horse-battery";
    let auth = NewAuth::Chosen(ClientSecret::chosen(text).unwrap());
    directory.add(house.acting(NOW), NewClient { auth, ..app() }).await.unwrap();
    assert!(house.proves("app", text, NOW).await);
    let id = crate::house::id("app");
    directory.rotate_secret(house.acting(NOW), &id, Ttl::seconds(60)).await.unwrap();
    assert!(house.proves("app", text, NOW.plus(Ttl::seconds(59))).await, "the overlap");
    assert!(!house.proves("app", text, NOW.plus(Ttl::seconds(60))).await);
}

#[tokio::test]
async fn guessing_in_parallel_gains_nothing() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let auth = NewAuth::Chosen(ClientSecret::chosen("correct-horse-battery").unwrap());
    directory.add(house.acting(NOW), NewClient { auth, ..app() }).await.unwrap();
    let guesses = (0..40).map(|n| {
        let attempt = house.attempt("app", NOW);
        let directory = directory.clone();
        tokio::spawn(async move {
            let credentials = Credentials::Secret {
                method: AuthMethod::ClientSecretBasic,
                client_id: "app".into(),
                secret: format!("a-guess-with-number-{n}").into(),
            };
            directory.authenticate(attempt, &credentials).await.unwrap().err().unwrap()
        })
    });
    let mut checked = 0;
    for guess in guesses.collect::<Vec<_>>() {
        match guess.await.unwrap() {
            Denial::BadClient { proof: ClientProof::WrongSecret, .. } => checked += 1,
            Denial::Throttled { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((10..=12).contains(&checked), "{checked} guesses were checked");
}

#[tokio::test]
async fn a_client_is_found_by_its_whole_id_and_shown_by_an_excerpt() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let long = "a".repeat(128);
    let new = NewClient { id: long.parse().ok(), ..app() };
    let secret = directory.add(house.acting(NOW), new).await.unwrap().secret.unwrap();
    assert!(house.proves(&long, secret.expose(), NOW).await);

    let stray = format!("my-pcs_{}", "S".repeat(43));
    let credentials = Credentials::Missing { client_id: None };
    let denied = directory.authenticate(house.attempt(&stray, NOW), &credentials).await;
    let Err(Denial::BadClient { client_id: Some(shown), .. }) = denied.unwrap() else {
        panic!("nobody is called that");
    };
    assert_eq!(shown, "my-pcs_[removed]");
    let from = std::net::Ipv4Addr::LOCALHOST.into();
    for _ in 0..10 {
        assert!(!house.proves(&stray, "pcs_wrong", NOW).await);
    }
    let throttled = directory.attempt(Some(stray), Some(from), NOW).err().unwrap();
    assert!(!format!("{throttled:?}").contains("SSS"), "{throttled:?}");
}

#[tokio::test]
async fn credentials_do_not_print_their_secrets() {
    let credentials = Credentials::Secret {
        method: AuthMethod::ClientSecretBasic,
        client_id: "app".into(),
        secret: "pcs_hidden".into(),
    };
    assert!(!format!("{credentials:?}").contains("hidden"));
}

fn public() -> NewClient {
    NewClient {
        id: "terminal".parse().ok(),
        auth: NewAuth::Public,
        grant_types: vec![portcullis_directory::GrantType::AuthorizationCode],
        registration: portcullis_directory::Registration {
            redirect_uris: vec!["http://127.0.0.1/back".parse().unwrap()],
            ..Default::default()
        },
        ..app()
    }
}

#[tokio::test]
async fn a_public_client_is_known_by_its_name_and_nobody_else_is() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    directory.add(house.acting(NOW), app()).await.unwrap();
    assert!(directory.add(house.acting(NOW), public()).await.unwrap().secret.is_none());
    let named = |id: &str| Credentials::Missing { client_id: Some(id.to_owned()) };
    let proven = directory.authenticate(house.attempt("terminal", NOW), &named("terminal")).await;
    let client = proven.unwrap().unwrap().enabled().ok().unwrap();
    assert_eq!(client.method, AuthMethod::None);
    for id in ["app", "nobody"] {
        let denied = directory.authenticate(house.attempt(id, NOW), &named(id)).await.unwrap();
        let Err(Denial::BadClient { proof, .. }) = denied else { panic!("{id}") };
        assert_eq!(proof, ClientProof::Missing, "{id}: one answer for both");
    }
    assert!(!house.proves("terminal", "a-secret-that-is-none", NOW).await);
}

#[tokio::test]
async fn a_client_whose_time_is_over_does_nothing() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let new = NewClient { expires: Some(NOW.plus(Ttl::seconds(60))), ..public() };
    directory.add(house.acting(NOW), new).await.unwrap();
    let client = directory.client(&crate::house::id("terminal")).unwrap();
    assert!(client.enabled(NOW.plus(Ttl::seconds(59))).is_ok());
    assert!(client.enabled(NOW.plus(Ttl::seconds(60))).is_err());
}

#[tokio::test]
async fn a_client_that_another_process_registered_is_found() {
    let mut house = House::open().await;
    let (_store, other) = crate::house::open(&house.database).await;
    let directory = house.directory.clone();
    directory.add(house.acting(NOW), public()).await.unwrap();
    let id = crate::house::id("terminal");
    assert!(other.client(&id).is_none());
    assert_eq!(other.find_client(&id).await.unwrap(), directory.client(&id));
    assert!(other.client(&id).is_some());
    assert!(other.find_client(&crate::house::id("nobody")).await.unwrap().is_none());
}
