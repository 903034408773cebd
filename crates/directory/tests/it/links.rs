use crate::house::{House, NOW, PASSWORD};
use portcullis_directory::{Fault, LinkKind, NewPerson, SpentLink, WeakPassword};
use portcullis_types::Ttl;
use secrecy::ExposeSecret as _;

#[tokio::test]
async fn an_invitation_lets_a_person_in_once() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await;
    let link =
        directory.make_link(house.acting(NOW), &alice.id, LinkKind::Invitation).await.unwrap();
    assert_eq!(house.last().await.action, "person.invite");
    let token = link.token.expose_secret().to_owned();
    assert!(!format!("{link:?}").contains(&token));
    let (person, kind) = directory.link(&token, NOW).await.unwrap().unwrap();
    assert_eq!((person.id, kind), (alice.id.clone(), LinkKind::Invitation));
    let weak = directory.use_link(house.acting(NOW), &token, "12345678".into()).await.unwrap();
    assert_eq!(weak.unwrap_err(), SpentLink::Weak(WeakPassword::Guessable), "and still good");
    let used = directory.use_link(house.acting(NOW), &token, PASSWORD.into()).await.unwrap();
    assert!(used.unwrap().factors.password);
    let twice = directory.use_link(house.acting(NOW), &token, "another long way".into()).await;
    assert_eq!(twice.unwrap().unwrap_err(), SpentLink::Over);
    assert!(house.try_password("alice@example.com", PASSWORD, (1, None), NOW).await.is_ok());
}

#[tokio::test]
async fn a_link_is_over_when_it_is_old_replaced_or_made_up() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let first = directory.make_link(house.acting(NOW), &alice, LinkKind::Reset).await.unwrap();
    let second = directory.make_link(house.acting(NOW), &alice, LinkKind::Reset).await.unwrap();
    let (first, second) = (first.token.expose_secret(), second.token.expose_secret());
    assert!(directory.link(first, NOW).await.unwrap().is_some(), "whoever asks takes no link away");
    let later = NOW.plus(Ttl::seconds(3600));
    assert!(directory.link(second, later).await.unwrap().is_none(), "too old");
    let made_up = format!("{}.{}", second.split_once('.').unwrap().0, "A".repeat(43));
    assert!(directory.link(&made_up, NOW).await.unwrap().is_none());
    assert!(directory.link(second, NOW).await.unwrap().is_some());
    let set = directory.set_password(house.acting(NOW), &alice, PASSWORD.into(), None).await;
    set.unwrap().unwrap();
    for link in [first, second] {
        assert!(
            directory.link(link, NOW).await.unwrap().is_none(),
            "the password changed meanwhile"
        );
    }
    directory.disable_person(house.acting(NOW), &alice).await.unwrap();
    let refused = directory.make_link(house.acting(NOW), &alice, LinkKind::Reset).await;
    assert!(matches!(refused, Err(Fault::Invalid(_))));
}

#[tokio::test]
async fn who_forgot_gets_a_link_and_a_flood_gets_none() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    house.alice().await;
    for login in ["bob", "carol"] {
        let profile = portcullis_directory::Profile {
            email: Some("shared@example.com".into()),
            ..Default::default()
        };
        let new = NewPerson { login: login.into(), profile, ..NewPerson::default() };
        directory.add_person(house.acting(NOW), new).await.unwrap();
    }
    for (typed, found) in [
        ("nobody@example.com", false),
        ("", false),
        ("shared@example.com", false),
        ("bob", true),
        ("ALICE@example.com ", true),
        ("alice@example.com", false),
    ] {
        let link = directory.forgotten(house.acting(NOW), typed).await.unwrap();
        assert_eq!(link.is_some(), found, "{typed}");
    }
    let later = NOW.plus(Ttl::seconds(121));
    assert!(directory.forgotten(house.acting(later), "alice@example.com").await.unwrap().is_some());
    let mut sent = 2;
    for minute in 5..120 {
        let at = NOW.plus(Ttl::seconds(60 * minute));
        let link = directory.forgotten(house.acting(at), "alice@example.com").await.unwrap();
        sent += u32::from(link.is_some());
    }
    assert_eq!(sent, 6, "a mailbox is flooded with no more in a day");
    let morrow = NOW.plus(Ttl::seconds(25 * 3600));
    assert!(
        directory.forgotten(house.acting(morrow), "alice@example.com").await.unwrap().is_some()
    );
}

#[tokio::test]
async fn a_reset_that_a_stranger_asks_for_spares_the_invitation() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let invited =
        directory.make_link(house.acting(NOW), &alice, LinkKind::Invitation).await.unwrap();
    assert!(directory.forgotten(house.acting(NOW), "alice@example.com").await.unwrap().is_some());
    assert!(directory.link(invited.token.expose_secret(), NOW).await.unwrap().is_some());
}
