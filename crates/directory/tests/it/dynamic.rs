use crate::house::{House, NOW, app, id, open};
use portcullis_directory::{
    Admission, GrantType, NewAuth, NewClient, NewInvitation, NotAdmitted, Origin, Registration,
};
use portcullis_types::Ttl;
use secrecy::ExposeSecret as _;

fn dynamic() -> NewClient {
    NewClient {
        id: None,
        auth: NewAuth::Public,
        grant_types: vec![GrantType::AuthorizationCode],
        registration: Registration {
            redirect_uris: vec!["http://127.0.0.1/back".parse().unwrap()],
            origin: Origin::Dynamic,
            ..Registration::default()
        },
        ..app()
    }
}

#[tokio::test]
async fn of_many_who_race_for_an_invitation_as_many_win_as_it_has_uses() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let new = NewInvitation { note: "a team".into(), ttl: Ttl::seconds(60), uses: 3 };
    let (_, token) = directory.invite(house.acting(NOW), new).await.unwrap();
    let token = token.expose_secret().to_owned();
    let tries = (0..10).map(|_| {
        let (directory, token, mut entropy) =
            (directory.clone(), token.clone(), house.entropy.clone());
        // Each draws its own.
        house.acting(NOW).entropy.fill(&mut [0; 1]);
        async move {
            let by = portcullis_directory::Acting { actor: "x", now: NOW, entropy: &mut entropy };
            directory.register(by, dynamic(), Admission::Invited(&token)).await.unwrap()
        }
    });
    let tries: Vec<_> = tries.collect();
    let mut won = 0;
    let mut ends = Vec::new();
    for one in tries {
        ends.push(tokio::spawn(one));
    }
    for end in ends {
        match end.await.unwrap() {
            Ok(_) => won += 1,
            Err(refused) => assert_eq!(refused, NotAdmitted::Token),
        }
    }
    assert_eq!(won, 3);
    assert!(directory.invitations(NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_ended_is_gone_days_later_and_no_other() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    directory.add(house.acting(NOW), app()).await.unwrap();
    let open_to_all = Admission::Open { from: None, per_hour: 5, most: 5 };
    let registered = directory.register(house.acting(NOW), dynamic(), open_to_all).await;
    let registered = registered.unwrap().unwrap();
    let client = registered.client.id.clone();
    directory.unregister(house.acting(NOW), &client).await.unwrap();
    assert!(directory.managed(&client, registered.token(), NOW).await.unwrap().is_none());
    directory.purge(NOW.plus(Ttl::seconds(3600))).await.unwrap();
    assert!(directory.revocations().borrow().disabled_clients.has(client.as_str()));
    directory.purge(NOW.plus(Ttl::seconds(3 * 24 * 3600))).await.unwrap();
    assert!(directory.find_client(&client).await.unwrap().is_none());
    assert!(directory.client(&id("app")).is_some());
}

#[tokio::test]
async fn what_one_node_registers_another_authenticates() {
    let mut house = House::open().await;
    let (_store, other) = open(&house.database).await;
    let directory = house.directory.clone();
    let open_to_all = Admission::Open { from: None, per_hour: 5, most: 5 };
    let registered = directory.register(house.acting(NOW), dynamic(), open_to_all).await;
    let id = registered.unwrap().unwrap().client.id.clone();
    let from = std::net::Ipv4Addr::LOCALHOST.into();
    let attempt = other.attempt(Some(id.to_string()), Some(from), NOW).unwrap();
    let named = portcullis_directory::Credentials::Missing { client_id: Some(id.to_string()) };
    assert!(other.authenticate(attempt, &named).await.unwrap().is_ok());
}
