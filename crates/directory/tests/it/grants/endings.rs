use super::{authorization, fault, later};
use crate::house::{House, NOW, id};
use portcullis_directory::grant;
use portcullis_types::GrantedFault;

#[tokio::test]
async fn disabling_a_person_ends_what_they_granted() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let (grant, token) = house.granted(authorization(&alice, None), None).await;
    directory.disable_person(house.acting(NOW), &alice).await.unwrap();
    directory.enable_person(house.acting(NOW), &alice).await.unwrap();
    let ended = fault(house.refresh(token.expose(), 1, NOW));
    assert_eq!(ended, GrantedFault::Ended { grant, at: NOW }, "it stays ended");
}

#[tokio::test]
async fn a_new_password_ends_what_apps_have_and_what_is_in_flight() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice_with_password().await.id;
    let (grant, token) = house.granted(authorization(&alice, None), None).await;
    let code = house.code(authorization(&alice, None)).await;
    let device = house.approved_device(&alice).await;
    let new = || "a violin under the blue umbrella".into();
    directory.set_password(house.acting(NOW), &alice, new(), None).await.unwrap().unwrap();
    let ended = fault(house.refresh(token.expose(), 1, NOW));
    assert_eq!(ended, GrantedFault::Ended { grant, at: NOW });
    let redeemed = house.redeem(code.expose(), "app", NOW).await;
    assert_eq!(fault(redeemed), GrantedFault::Expired { at: NOW });
    assert_eq!(fault(house.poll(&device, NOW).await), GrantedFault::Expired { at: NOW });
}

#[tokio::test]
async fn one_app_is_turned_out_and_the_others_stay() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (_, token) = house.granted(authorization(&alice, None), None).await;
    let person = alice.clone();
    let of = |client: &'static str| {
        let person = person.clone();
        house.within(move |tx| grant::end_grants_of_client(tx, &person, &id(client), NOW).unwrap())
    };
    assert_eq!(of("other").await, 0);
    assert_eq!(of("app").await, 1);
    assert_eq!(of("app").await, 0, "once");
    assert!(matches!(fault(house.refresh(token.expose(), 1, NOW)), GrantedFault::Ended { .. }));
}

#[tokio::test]
async fn grants_that_are_over_are_purged_portion_by_portion() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (_, token) = house.granted(authorization(&alice, None), None).await;
    let (ended, _) = house.granted(authorization(&alice, None), None).await;
    house.within(move |tx| grant::end_grant(tx, &ended, NOW).unwrap()).await;
    let count = async || {
        let rows = house.store.read(|tx| tx.query_row("SELECT COUNT(*) FROM app_grant", &[]));
        rows.await.unwrap().unwrap().int(0).unwrap()
    };
    house.directory.purge(later(3600)).await.unwrap();
    assert_eq!(count().await, 2);
    house.directory.purge(later(25 * 3600)).await.unwrap();
    assert_eq!(count().await, 1);
    house.directory.purge(later(31 * 24 * 3600)).await.unwrap();
    assert_eq!(count().await, 0);
    assert!(house.refresh(token.expose(), 1, NOW).is_err());
}
