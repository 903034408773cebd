use super::{authorization, fault, later};
use crate::house::{House, NOW, id};
use portcullis_directory::{
    NewSession,
    grant::{self, Bound},
};
use portcullis_types::{Acr, Amr, Authentication, GrantedFault};

const DAY: u64 = 24 * 3600;

#[tokio::test]
async fn each_use_brings_a_successor_and_an_old_one_ends_the_family() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (grant, first) = house.granted(authorization(&alice, None), None).await;
    let second = house.refresh(first.expose(), 1, later(100)).unwrap();
    let third = house.refresh(second.expose(), 2, later(200)).unwrap();
    let reused = fault(house.refresh(first.expose(), 3, later(201)));
    assert_eq!(reused, GrantedFault::Used { grant: grant.clone(), at: later(200) });
    let ended = fault(house.refresh(third.expose(), 4, later(202)));
    assert_eq!(ended, GrantedFault::Ended { grant, at: later(201) });
}

#[tokio::test]
async fn a_lost_answer_is_given_anew_for_ten_seconds_and_the_lost_one_is_dead() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (_, first) = house.granted(authorization(&alice, None), None).await;
    let lost = house.refresh(first.expose(), 1, NOW).unwrap();
    let anew = house.refresh(first.expose(), 2, later(9)).unwrap();
    let next = house.refresh(anew.expose(), 3, later(10)).unwrap();
    assert!(matches!(fault(house.refresh(lost.expose(), 4, later(11))), GrantedFault::Used { .. }));
    assert!(matches!(
        fault(house.refresh(next.expose(), 5, later(11))),
        GrantedFault::Ended { .. }
    ));
    let revoked = house.directory.revocations().borrow().tokens.len();
    assert_eq!(revoked, 0, "not published yet");
    house.directory.publish().await.unwrap();
    let revocations = house.directory.revocations().borrow().clone();
    assert!(revocations.tokens.has("jti-1"), "the lost access token is ended");

    let (_, first) = house.granted(authorization(&alice, None), None).await;
    house.refresh(first.expose(), 1, NOW).unwrap();
    let late = fault(house.refresh(first.expose(), 2, later(10)));
    assert!(matches!(late, GrantedFault::Used { .. }), "the grace is over");
}

#[tokio::test]
async fn the_grace_is_not_made_longer_by_using_it() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (_, first) = house.granted(authorization(&alice, None), None).await;
    for second in [0, 4, 8] {
        house.refresh(first.expose(), 1, later(second)).unwrap();
    }
    assert!(matches!(
        fault(house.refresh(first.expose(), 2, later(12))),
        GrantedFault::Used { .. }
    ));
}

#[tokio::test]
async fn what_is_no_refresh_token_of_this_client_is_refused_and_ends_nothing() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (grant, token) = house.granted(authorization(&alice, None), None).await;
    let (name, secret) = token.expose().split_once('.').unwrap();
    let foreign = format!("{name}.{}", "A".repeat(secret.len()));
    for bad in ["", ".", name, secret, &foreign, &format!("{}A", token.expose()), &"x".repeat(9000)]
    {
        assert_eq!(fault(house.refresh(bad, 1, NOW)), GrantedFault::Unknown, "{bad}");
    }
    let text = token.expose().to_owned();
    let shown = house
        .within(move |tx| grant::show_refresh(tx, &text, &id("other"), NOW).unwrap().map(|_| ()));
    assert_eq!(fault(shown.await), GrantedFault::OtherClient { owner: id("app") });
    let text = token.expose().to_owned();
    let found = house.within(move |tx| grant::refresh_token(tx, &text, NOW).unwrap()).await;
    assert_eq!(found.unwrap(), (grant, id("app"), true));
    assert!(house.refresh(token.expose(), 1, NOW).is_ok());
    assert!(!house.database.holds(secret.as_bytes()));
}

#[tokio::test]
async fn it_ends_unused_after_a_month_and_used_after_a_year() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (_, token) = house.granted(authorization(&alice, None), None).await;
    let idle = fault(house.refresh(token.expose(), 1, later(30 * DAY)));
    assert!(matches!(idle, GrantedFault::Expired { .. }));

    let (_, mut token) = house.granted(authorization(&alice, None), None).await;
    let mut day = 0;
    while day + 29 < 365 {
        day += 29;
        token = house.refresh(token.expose(), 1, later(day * DAY)).unwrap();
    }
    let old = fault(house.refresh(token.expose(), 1, later(365 * DAY)));
    assert_eq!(old, GrantedFault::Expired { at: later(365 * DAY) });
}

#[tokio::test]
async fn without_offline_access_it_ends_with_the_session() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let new = NewSession {
        person: alice.clone(),
        authentication: Authentication { at: NOW, acr: Acr::Pwd, amr: vec![Amr::Pwd] },
        device: String::new(),
        remote: None,
        upstream: None,
    };
    let (session, _) = directory.signed_in(new, None, NOW, &mut house.entropy).await.unwrap();
    let tied = authorization(&alice, Some(session.id.clone()));
    let (_, tied) = house.granted(tied, None).await;
    let (_, offline) = house.granted(authorization(&alice, None), None).await;
    let tied = house.refresh(tied.expose(), 1, later(11 * 3600)).unwrap();
    let tied = house.refresh(tied.expose(), 2, later(22 * 3600)).unwrap();
    let by = house.acting(later(22 * 3600));
    directory.end_session(by, &alice, &session.id).await.unwrap();
    let over = fault(house.refresh(tied.expose(), 3, later(22 * 3600)));
    assert_eq!(over, GrantedFault::SessionOver { session: session.id });
    assert!(house.refresh(offline.expose(), 4, later(22 * 3600)).is_ok());
    let left = house.within(move |tx| grant::grants_of(tx, &alice, NOW).unwrap()).await;
    assert_eq!(left.len(), 1);
    assert!(left[0].offline);
}

#[tokio::test]
async fn it_is_bound_to_the_key_it_was_made_for() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let bound = Bound::Dpop("thumbprint".into());
    let (_, token) = house.granted(authorization(&alice, None), Some(bound.clone())).await;
    let text = token.expose().to_owned();
    let shown = house.within(move |tx| grant::show_refresh(tx, &text, &id("app"), NOW).unwrap());
    assert_eq!(shown.await.unwrap().bound, Some(bound));
}
