//! Check 15, by issuer and by age of what is known.

use crate::house::{House, ISSUER, NOW, claiming};
use portcullis_types::{Denial, Issuer, RevokedBy, Timestamp, Ttl};
use portcullis_verify::{Heard, KnownRevocations, Revocations};
use serde_json::json;

const MAX_AGE: Ttl = Ttl::seconds(300);

fn list(issuer: &str) -> Revocations {
    Revocations::none_by(Issuer::new(issuer).unwrap())
}

fn heard(list: Revocations, at: Option<Timestamp>) -> KnownRevocations {
    KnownRevocations { list: list.into(), heard: Heard::Last { at, max_age: MAX_AGE } }
}

fn disabling(issuer: &str) -> Revocations {
    let mut list = list(issuer);
    list.disabled_clients.insert("app".parse().unwrap(), NOW);
    list
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
    single.tokens.insert("j1".parse().unwrap(), NOW);
    house.revocations = vec![heard(single, Some(NOW))];
    assert!(house.judge(&claiming(json!({}))).is_err());
    house.judge(&claiming(json!({ "jti": "j2" }))).unwrap();
    let mut older = list(ISSUER);
    older.not_before.insert("app".parse().unwrap(), NOW);
    house.revocations = vec![heard(older, Some(NOW))];
    house.judge(&claiming(json!({}))).unwrap();
    assert!(house.judge(&claiming(json!({ "iat": NOW.seconds() - 1 }))).is_err());
}

/// What ends, and what is said of it.
type End = (fn(&mut Revocations), RevokedBy);

#[test]
fn a_session_a_grant_and_a_person_end_their_tokens() {
    let token = claiming(json!({ "sub": "usr_1", "sid": "ses_1", "grant": "grt_1" }));
    let others = claiming(json!({ "sub": "usr_2", "sid": "ses_2", "grant": "grt_2" }));
    let ends: [End; 4] = [
        (
            |list| {
                list.sessions.insert("ses_1".into(), NOW);
            },
            RevokedBy::Session { since: NOW },
        ),
        (
            |list| {
                list.grants.insert("grt_1".into(), NOW);
            },
            RevokedBy::Grant { since: NOW },
        ),
        (
            |list| {
                list.disabled_persons.insert("usr_1".into(), NOW);
            },
            RevokedBy::Person { since: NOW },
        ),
        (
            |list| {
                list.persons.insert("usr_1".into(), NOW.plus(Ttl::from_millis(1)));
            },
            RevokedBy::PersonNotBefore { before: NOW.plus(Ttl::from_millis(1)) },
        ),
    ];
    for (end, by) in ends {
        let mut house = House::new();
        let mut ended = list(ISSUER);
        end(&mut ended);
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
    ended.persons.insert("app".into(), NOW);
    house.revocations = vec![heard(ended, Some(NOW))];
    house.judge(&claiming(json!({}))).unwrap();
    assert!(house.judge(&claiming(json!({ "iat": NOW.seconds() - 1 }))).is_err());
}

#[test]
fn a_list_of_before_there_were_persons_is_read() {
    let old = json!({ "issuer": ISSUER, "disabled_clients": {}, "not_before": {}, "tokens": {} });
    assert_eq!(serde_json::from_value::<Revocations>(old).unwrap(), list(ISSUER));
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
fn a_list_travels_as_json() {
    let mut sent = disabling(ISSUER);
    sent.tokens.insert("j1".parse().unwrap(), NOW);
    let json = serde_json::to_string(&sent).unwrap();
    assert_eq!(serde_json::from_str::<Revocations>(&json).unwrap(), sent);
}
