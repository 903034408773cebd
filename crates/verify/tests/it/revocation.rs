//! Check 15, by issuer and by age of what is known.

use crate::house::{House, ISSUER, NOW, claiming};
use portcullis_types::{Denial, Issuer, RevokedBy, Timestamp, Ttl};
use portcullis_verify::{
    Heard, KnownRevocations, Revocation, RevocationKind, RevocationPage, Revocations,
};
use serde_json::json;

const MAX_AGE: Ttl = Ttl::seconds(300);
const DAY: Ttl = Ttl::LONGEST_ACCESS_TOKEN;

fn list(issuer: &str) -> Revocations {
    Revocations::none_by(Issuer::new(issuer).unwrap())
}

fn heard(list: Revocations, at: Option<Timestamp>) -> KnownRevocations {
    KnownRevocations { list: list.into(), heard: Heard::Last { at, max_age: MAX_AGE } }
}

fn disabling(issuer: &str) -> Revocations {
    let mut list = list(issuer);
    end(&mut list, RevocationKind::Client, "app");
    list
}

fn end(list: &mut Revocations, kind: RevocationKind, value: &str) {
    list.add(&ending(kind, value, NOW));
}

fn ending(kind: RevocationKind, value: &str, since: Timestamp) -> Revocation {
    Revocation { kind, value: value.to_owned(), since, until: since.plus(DAY) }
}

#[test]
fn a_client_of_that_name_at_another_issuer_is_another_client() {
    let mut house = House::new();
    house.revocations = vec![heard(disabling("https://other.example"), Some(NOW))];
    house.judge(&claiming(json!({}))).unwrap();
    house.revocations.push(heard(disabling(ISSUER), Some(NOW)));
    let denial = house.judge(&claiming(json!({}))).unwrap_err();
    assert!(matches!(denial, Denial::Revoked { by: RevokedBy::Client { .. } }), "{denial:?}");
}

#[test]
fn tokens_end_one_by_one_or_all_that_are_older() {
    let mut house = House::new();
    let mut single = list(ISSUER);
    end(&mut single, RevocationKind::Token, "j1");
    house.revocations = vec![heard(single, Some(NOW))];
    assert!(house.judge(&claiming(json!({}))).is_err());
    house.judge(&claiming(json!({ "jti": "j2" }))).unwrap();
    let mut older = list(ISSUER);
    end(&mut older, RevocationKind::ClientNotBefore, "app");
    house.revocations = vec![heard(older, Some(NOW))];
    house.judge(&claiming(json!({}))).unwrap();
    assert!(house.judge(&claiming(json!({ "iat": NOW.seconds() - 1 }))).is_err());
}

#[test]
fn a_session_a_grant_and_a_person_end_their_tokens() {
    let token = claiming(json!({ "sub": "usr_1", "sid": "ses_1", "grant": "grt_1" }));
    let others = claiming(json!({ "sub": "usr_2", "sid": "ses_2", "grant": "grt_2" }));
    let later = NOW.plus(Ttl::from_millis(1));
    for (kind, value, since, by) in [
        (RevocationKind::Session, "ses_1", NOW, RevokedBy::Session { since: NOW }),
        (RevocationKind::Grant, "grt_1", NOW, RevokedBy::Grant { since: NOW }),
        (RevocationKind::Person, "usr_1", later, RevokedBy::PersonNotBefore { before: later }),
    ] {
        let mut house = House::new();
        let mut ended = list(ISSUER);
        ended.add(&ending(kind, value, since));
        house.revocations = vec![heard(ended, Some(NOW))];
        assert_eq!(house.judge(&token).unwrap_err(), Denial::Revoked { by });
        house.judge(&others).unwrap();
        house.judge(&claiming(json!({}))).unwrap();
    }
}

#[test]
fn a_person_who_was_sent_away_may_come_again() {
    let mut house = House::new();
    let mut ended = list(ISSUER);
    end(&mut ended, RevocationKind::Person, "app");
    house.revocations = vec![heard(ended, Some(NOW))];
    house.judge(&claiming(json!({}))).unwrap();
    assert!(house.judge(&claiming(json!({ "iat": NOW.seconds() - 1 }))).is_err());
}

#[test]
fn a_client_that_is_enabled_again_may_use_what_it_had() {
    let mut house = House::new();
    let mut list = disabling(ISSUER);
    end(&mut list, RevocationKind::ClientEnabled, "app");
    house.revocations = vec![heard(list, Some(NOW))];
    house.judge(&claiming(json!({}))).unwrap();
}

#[test]
fn silence_lets_nobody_in() {
    let mut house = House::new();
    for (at, good) in [
        (Some(NOW), true),
        (Some(NOW.minus(Ttl::seconds(299))), true),
        (Some(NOW.minus(MAX_AGE)), false),
        (None, false),
    ] {
        house.revocations = vec![heard(list(ISSUER), at)];
        match house.judge(&claiming(json!({}))) {
            Ok(_) => assert!(good, "{at:?}"),
            Err(denial) => {
                assert!(!good, "{at:?}");
                assert_eq!(
                    (denial.code().status, denial.code().name),
                    (503, "revocations_unknown")
                );
            }
        }
    }
}

#[test]
fn what_an_old_list_knows_is_true_still() {
    let mut house = House::new();
    house.revocations = vec![heard(disabling(ISSUER), Some(NOW.minus(Ttl::seconds(9999))))];
    let denial = house.judge(&claiming(json!({}))).unwrap_err();
    assert!(matches!(denial, Denial::Revoked { .. }), "{denial:?}");
}

#[test]
fn a_page_travels_as_json_and_what_is_new_in_it_is_passed_over() {
    let sent = RevocationPage {
        issuer: Issuer::new(ISSUER).unwrap(),
        revocations: vec![ending(RevocationKind::ClientNotBefore, "app", NOW)],
        cursor: "1-00".into(),
        complete: true,
    };
    let mut json = serde_json::to_value(&sent).unwrap();
    assert_eq!(serde_json::from_value::<RevocationPage>(json.clone()).unwrap(), sent);
    json["revocations"][0]["kind"] = "planet".into();
    let page: RevocationPage = serde_json::from_value(json).unwrap();
    let mut read = list(ISSUER);
    page.revocations.iter().for_each(|revocation| read.add(revocation));
    assert_eq!(read, list(ISSUER));
}

#[test]
fn a_copy_is_not_changed_by_what_is_added_to_the_original() {
    let mut original = disabling(ISSUER);
    let copy = original.clone();
    for number in 0..2000 {
        original.add(&ending(RevocationKind::Token, &format!("j{number}"), NOW));
    }
    assert_eq!((original.tokens.len(), copy.tokens.len()), (2000, 0));
    original.forget(NOW.plus(DAY).minus(Ttl::from_millis(1)));
    assert_eq!(original.tokens.since("j1999"), Some(NOW));
    original.forget(NOW.plus(DAY));
    assert!(original.tokens.is_empty() && original.disabled_clients.is_empty());
    assert!(copy.disabled_clients.has("app"));
}
