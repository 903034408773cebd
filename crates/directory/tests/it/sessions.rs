use crate::house::{House, NOW};
use portcullis_directory::{
    Action, Deed, Fault, NewSession, Session, SessionCookie, UpstreamSession, end_upstream_sessions,
};
use portcullis_store::Tx;
use portcullis_types::{Acr, Amr, Authentication, PersonId, Timestamp, Ttl};

pub(crate) fn sign_in(person: &PersonId, now: Timestamp, acr: Acr) -> NewSession {
    NewSession {
        person: person.clone(),
        authentication: Authentication { at: now, acr, amr: vec![Amr::Pwd] },
        device: "Firefox on Linux".into(),
        remote: Some("192.0.2.1".into()),
        upstream: None,
    }
}

impl House {
    pub(crate) async fn begin(
        &mut self,
        new: NewSession,
        now: Timestamp,
    ) -> (Session, SessionCookie) {
        self.directory.signed_in(new, None, now, &mut self.entropy).await.unwrap()
    }

    async fn in_force(&self, cookie: &SessionCookie, now: Timestamp) -> bool {
        self.directory.session(cookie.expose(), now).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn a_session_lasts_as_long_as_it_is_used_and_not_for_ever() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (session, cookie) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    let record = house.last().await;
    assert_eq!((&*record.action, &*record.target), ("person.sign_in", alice.as_str()));
    assert_eq!(record.detail["session"], session.id.as_str());
    let mut now = NOW;
    while now < NOW.plus(Ttl::seconds(7 * 24 * 3600 - 3600)) {
        assert!(house.in_force(&cookie, now).await);
        now = now.plus(Ttl::seconds(11 * 3600));
    }
    assert!(!house.in_force(&cookie, NOW.plus(Ttl::seconds(7 * 24 * 3600))).await, "absolute");

    let (_, cookie) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    assert!(!house.in_force(&cookie, NOW.plus(Ttl::seconds(12 * 3600))).await, "idle");
    let at = NOW.plus(Ttl::seconds(30 * 24 * 3600));
    assert_eq!(house.directory.purge_people(at).await.unwrap(), 2);
}

#[tokio::test]
async fn a_cookie_is_good_only_as_it_was_given() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (session, cookie) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    assert_eq!(format!("{cookie:?}"), "SessionCookie");
    let secret = cookie.expose().split_once('.').unwrap().1.to_owned();
    let other = format!("{}.{}", session.id, "A".repeat(43));
    for bad in ["", "x", session.id.as_str(), &secret, &other, &format!("{}A", cookie.expose())] {
        assert!(house.directory.session(bad, NOW).await.unwrap().is_none(), "{bad}");
    }
}

#[tokio::test]
async fn a_cookie_planted_before_a_sign_in_is_worth_nothing_after() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (before, planted) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    let stronger = sign_in(&alice, NOW.plus(Ttl::seconds(60)), Acr::Mfa);
    let at = stronger.authentication.at;
    let directory = house.directory.clone();
    let (after, cookie) =
        directory.signed_in(stronger, Some(&before), at, &mut house.entropy).await.unwrap();
    assert_eq!((&after.id, after.authentication.acr), (&before.id, Acr::Mfa));
    assert!(!house.in_force(&planted, at).await, "fixation");
    assert!(house.in_force(&cookie, at).await);
}

#[tokio::test]
async fn a_sign_in_of_somebody_else_ends_the_session_in_that_browser() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let bob = portcullis_directory::NewPerson { login: "bob".into(), ..Default::default() };
    let bob = directory.add_person(house.acting(NOW), bob).await.unwrap().id;
    let (hers, old) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    let (his, new) = directory
        .signed_in(sign_in(&bob, NOW, Acr::Pwd), Some(&hers), NOW, &mut house.entropy)
        .await
        .unwrap();
    assert!(his.id != hers.id && his.person == bob);
    assert!(!house.in_force(&old, NOW).await && house.in_force(&new, NOW).await);
}

#[tokio::test]
async fn nobody_ends_the_session_of_another() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let (session, cookie) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    let mallory = "usr_01jzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
    let refused = directory.end_session(house.acting(NOW), &mallory, &session.id).await;
    assert!(matches!(refused, Err(Fault::UnknownSession(_))));
    assert!(house.in_force(&cookie, NOW).await);
    directory.end_session(house.acting(NOW), &alice, &session.id).await.unwrap();
    assert_eq!(house.last().await.action, "session.end");
    assert!(!house.in_force(&cookie, NOW).await);
    assert!(directory.sessions_of(&alice, NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_is_disabled_is_signed_out_at_once_and_stays_so() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let (_, cookie) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    directory.disable_person(house.acting(NOW), &alice).await.unwrap();
    assert!(!house.in_force(&cookie, NOW).await);
    directory.enable_person(house.acting(NOW), &alice).await.unwrap();
    assert!(!house.in_force(&cookie, NOW).await);
}

#[tokio::test]
async fn the_other_sessions_end_together() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let (kept, cookie) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    let (_, other) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    let ended = directory.end_sessions(house.acting(NOW), &alice, Some(&kept.id)).await.unwrap();
    assert_eq!(ended, 1);
    assert!(house.in_force(&cookie, NOW).await && !house.in_force(&other, NOW).await);
}

/// Signed in by the company, in the session there of that name.
fn vouched(person: &PersonId, now: Timestamp, sid: Option<&str>) -> NewSession {
    NewSession {
        upstream: Some(UpstreamSession {
            provider: "acme".into(),
            issuer: COMPANY.into(),
            subject: "00u1".into(),
            sid: sid.map(str::to_owned),
        }),
        ..sign_in(person, now, Acr::Pwd)
    }
}

const COMPANY: &str = "https://acme.example";

impl House {
    /// How many sessions end with one elsewhere.
    async fn signed_out(&mut self, issuer: &'static str, sid: Option<&'static str>) -> usize {
        let deed = Deed::new(&mut self.acting(NOW), Action::SessionEndUpstream);
        let end = move |tx: &mut Tx<'_>| end_upstream_sessions(tx, deed, issuer, Some("00u1"), sid);
        self.store.write(end).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_sign_out_elsewhere_ends_what_came_from_there() {
    let mut house = House::open().await;
    let alice = house.alice().await.id;
    let (_, first) = house.begin(vouched(&alice, NOW, Some("s1")), NOW).await;
    let (_, second) = house.begin(vouched(&alice, NOW, Some("s2")), NOW).await;
    let (_, ours) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    let elsewhere = house.signed_out("https://evil.example", None).await;
    assert_eq!(elsewhere, 0, "the same subject elsewhere");
    assert_eq!(house.signed_out(COMPANY, Some("s3")).await, 0, "a session that is not from here");
    assert_eq!(house.signed_out(COMPANY, Some("s1")).await, 1);
    assert!(!house.in_force(&first, NOW).await && house.in_force(&second, NOW).await);
    assert_eq!(house.signed_out(COMPANY, None).await, 1);
    assert!(house.in_force(&ours, NOW).await);
}

#[tokio::test]
async fn every_session_elsewhere_that_vouched_for_one_ends_it() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    for (first, second, ended) in [
        (vouched(&alice, NOW, Some("a")), vouched(&alice, NOW, Some("b")), Some("b")),
        (vouched(&alice, NOW, Some("a")), vouched(&alice, NOW, Some("b")), Some("a")),
        (sign_in(&alice, NOW, Acr::Pwd), vouched(&alice, NOW, Some("b")), None),
        (vouched(&alice, NOW, Some("a")), sign_in(&alice, NOW, Acr::Mfa), Some("a")),
        (sign_in(&alice, NOW, Acr::Pwd), vouched(&alice, NOW, None), Some("b")),
    ] {
        let (session, _) = house.begin(first, NOW).await;
        let again = directory.signed_in(second, Some(&session), NOW, &mut house.entropy).await;
        let (_, cookie) = again.unwrap();
        assert_eq!(house.signed_out(COMPANY, ended).await, 1, "{ended:?}");
        assert!(!house.in_force(&cookie, NOW).await);
    }
}

#[tokio::test]
async fn an_old_sign_in_elsewhere_does_not_end_a_session_that_is_used() {
    let mut house = House::open().await;
    let directory = house.directory.clone();
    let alice = house.alice().await.id;
    let (session, _) = house.begin(sign_in(&alice, NOW, Acr::Pwd), NOW).await;
    let old = vouched(&alice, NOW.minus(Ttl::seconds(24 * 3600)), Some("a"));
    let again = directory.signed_in(old, Some(&session), NOW, &mut house.entropy).await;
    let (after, cookie) = again.unwrap();
    assert_eq!(after.seen, NOW);
    assert!(house.in_force(&cookie, NOW).await);
}
