use super::{authorization, fault, jti, later};
use crate::house::{House, NOW};
use portcullis_directory::grant::{self, Code};
use portcullis_types::{GrantId, GrantedFault};

#[tokio::test]
async fn a_code_is_good_once_and_a_second_use_ends_what_came_of_it() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (grant, refresh) = house.granted(authorization(&alice, None), None).await;
    assert!(house.refresh(refresh.expose(), 1, NOW).is_ok());

    let code = house.code(authorization(&alice, None)).await;
    let redeemed = house.redeem(code.expose(), "app", NOW).await.unwrap();
    let (id, kept) = (redeemed.grant.clone(), redeemed.authorization.clone());
    house.within(move |tx| grant::begin_grant(tx, &id, &kept, &jti(1), NOW).unwrap()).await;
    let again = fault(house.redeem(code.expose(), "app", later(1)).await);
    assert_eq!(again, GrantedFault::Used { grant: redeemed.grant.clone(), at: NOW });
    let of_alice = house.within(move |tx| grant::grants_of(tx, &alice, NOW).unwrap()).await;
    let left: Vec<GrantId> = of_alice.into_iter().map(|facts| facts.id).collect();
    assert_eq!(left, [grant], "the other one stays");
    assert_eq!(format!("{code:?}"), "Code");
}

#[tokio::test]
async fn a_code_is_used_up_by_whoever_shows_it() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let code = house.code(authorization(&alice, None)).await;
    let stranger = fault(house.redeem(code.expose(), "other", NOW).await);
    assert!(matches!(stranger, GrantedFault::OtherClient { .. }));
    let owner = fault(house.redeem(code.expose(), "app", NOW).await);
    assert!(matches!(owner, GrantedFault::Used { .. }));

    let code = house.code(authorization(&alice, None)).await;
    let late = fault(house.redeem(code.expose(), "app", later(60)).await);
    assert_eq!(late, GrantedFault::Expired { at: later(60) });
}

#[tokio::test]
async fn what_is_no_code_is_unknown_and_uses_nothing_up() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let code = house.code(authorization(&alice, None)).await;
    let (id, secret) = code.expose().split_once('.').unwrap();
    let other = format!("{id}.{}", "A".repeat(43));
    let kind = code.expose().replace(Code::PREFIX, "prt_");
    for bad in ["", ".", "x", id, secret, &other, &kind, &"x".repeat(9000)] {
        assert_eq!(fault(house.redeem(bad, "app", NOW).await), GrantedFault::Unknown, "{bad}");
    }
    assert!(house.redeem(code.expose(), "app", NOW).await.is_ok());
    assert!(!house.database.holds(secret.as_bytes()), "only a hash is kept");
}

#[tokio::test]
async fn old_codes_are_forgotten_and_young_ones_are_not() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let code = house.code(authorization(&alice, None)).await;
    house.redeem(code.expose(), "app", NOW).await.unwrap();
    house.directory.purge(later(3600)).await.unwrap();
    assert!(matches!(
        fault(house.redeem(code.expose(), "app", later(3600)).await),
        GrantedFault::Used { .. }
    ));
    house.directory.purge(later(25 * 3600)).await.unwrap();
    let gone = fault(house.redeem(code.expose(), "app", later(25 * 3600)).await);
    assert_eq!(gone, GrantedFault::Unknown);
}
