//! Finding records again.

use crate::support::{Chain, START, at, id, jti, record};
use portcullis_audit::{
    Access, Admin, Event, Journal, JournalSettings, Record, TokenFacts, about, find, find_act,
    find_issuance, tail,
};
use portcullis_types::{PersonId, Stage, Trace, Ttl};

fn same(found: Option<&Record<'static>>, n: u64) {
    assert_eq!(found, Some(&record(n)));
}

#[test]
fn every_kind_of_record_is_found_by_its_decision_id_as_it_was_written() {
    let chain = Chain::of(40);
    for n in 1..=40 {
        same(chain.look(move |tx| find(tx, id(n))).as_ref(), n);
    }
    assert_eq!(chain.look(|tx| find(tx, id(41))), None);
}

#[tokio::test]
async fn a_record_is_found_in_a_large_batch_and_long_after() {
    let chain = Chain::new();
    let settings = JournalSettings { capacity_bytes: 1 << 24, flush_interval: Ttl::seconds(3600) };
    let (journal, task) = Journal::open(chain.store.clone(), settings);
    let task = tokio::spawn(task);
    for n in 1..=3000 {
        journal.record(&record(n)).await.unwrap();
    }
    journal.close().await;
    task.await.unwrap();
    for n in 3001..=3200 {
        chain.store.write(move |tx| portcullis_audit::append(tx, &record(n))).await.unwrap();
    }
    for n in [1, 2, 1499, 3000, 3001, 3200] {
        assert_eq!(chain.store.read(move |tx| find(tx, id(n))).await.unwrap(), Some(record(n)));
    }
}

#[test]
fn an_issuance_is_found_by_the_jti_of_its_token() {
    let chain = Chain::of(12);
    same(chain.look(|tx| find_issuance(tx, &jti(6))).as_ref(), 6);
    assert_eq!(chain.look(|tx| find_issuance(tx, &jti(7))), None, "an administrative change");
    let foreign = portcullis_types::Jti::new("7f8e-of-another-issuer").unwrap();
    assert_eq!(chain.look(move |tx| find_issuance(tx, &foreign)), None);
}

#[test]
fn an_administrative_act_is_found_by_what_was_done_to_whom_and_about_when() {
    let chain = Chain::of(12);
    let act = |actions: &'static [&'static str], target: &'static str, late: Ttl| {
        chain.look(move |tx| find_act(tx, actions, target, at(7).plus(late)))
    };
    let found = act(&["client.add"], "free-app", Ttl::from_millis(0)).unwrap();
    assert!(matches!(&found.event, Event::Admin(admin) if admin.target == "free-app"));
    assert!(act(&["client.add"], "free-app", Ttl::from_millis(900)).is_some());
    assert_eq!(act(&["client.disable"], "free-app", Ttl::from_millis(0)), None);
    assert_eq!(act(&["client.add"], "other-app", Ttl::from_millis(0)), None);
    assert_eq!(act(&["client.add"], "free-app", Ttl::seconds(3600)), None);
}

#[test]
fn an_access_with_a_token_is_not_taken_for_its_issuance() {
    let chain = Chain::new();
    chain
        .store
        .write_blocking(|tx| {
            let token = TokenFacts { jti: jti(2).as_str().to_owned().into(), ..Default::default() };
            let access = Access { token: Some(token), ..Access::default() };
            let (trace, event) = (Trace::new(Stage::Access), Event::Access(access));
            let used = Record { id: id(2), at: at(2), trace, denial: None, ruled: None, event };
            portcullis_audit::append(tx, &used)
        })
        .unwrap();
    assert_eq!(chain.look(|tx| find_issuance(tx, &jti(2))), None);
}

#[test]
fn the_tail_goes_on_from_any_number() {
    let chain = Chain::of(11);
    let numbers = |after, limit| -> Vec<u64> {
        let rows = chain.look(move |tx| tail(tx, after, limit));
        assert!(rows.iter().all(|(seq, found)| *found == record(*seq)));
        rows.into_iter().map(|(seq, _)| seq).collect()
    };
    assert_eq!(numbers(0, 3), [1, 2, 3]);
    assert_eq!(numbers(3, 100), (4..=11).collect::<Vec<_>>());
    assert!(numbers(11, 5).is_empty());
    assert!(numbers(u64::MAX, 5).is_empty());
}

#[test]
fn a_record_keeps_no_token_whatever_field_it_came_in_by() {
    let chain = Chain::new();
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJmcmVlLWFwcCJ9.MEUCIQDx";
    chain
        .store
        .write_blocking(move |tx| {
            let mut first = record(3);
            if let Event::Admin(admin) = &mut first.event {
                admin.detail.insert("note".to_owned(), format!("see {token}"));
                admin.target = token.into();
            }
            portcullis_audit::append(tx, &first)?;
            let path = format!("/v1/{token}/models");
            let access = Access { path: path.into(), ..Access::default() };
            let (trace, event) = (Trace::new(Stage::Access), Event::Access(access));
            portcullis_audit::append(
                tx,
                &Record { id: id(4), at: START, trace, denial: None, ruled: None, event },
            )
        })
        .unwrap();
    let body = chain.body(1);
    let body = String::from_utf8_lossy(&body);
    assert!(!body.contains("eyJ"), "{body}");
    assert_eq!(body.matches("[token removed]").count(), 3, "{body}");
    assert!(chain.verify().is_intact());
}

#[test]
fn a_long_path_is_cut() {
    let chain = Chain::new();
    let path = "/é".repeat(4000);
    let access = Access { path: path.into(), ..Access::default() };
    let (trace, event) = (Trace::new(Stage::Access), Event::Access(access));
    let long = Record { id: id(1), at: at(1), trace, denial: None, ruled: None, event };
    chain.store.write_blocking(move |tx| portcullis_audit::append(tx, &long)).unwrap();
    let found = chain.look(|tx| find(tx, id(1))).unwrap();
    let Event::Access(access) = found.event else { unreachable!() };
    assert!(access.path.len() <= 260 && access.path.ends_with('…'));
}

#[tokio::test]
async fn a_person_finds_what_is_about_them_and_nothing_else() {
    let chain = Chain::of(5);
    let [one, other] = ["usr_01jzzzzzzzzzzzzzzzzzzzzzz0", "usr_01jzzzzzzzzzzzzzzzzzzzzzz1"]
        .map(|id| PersonId::new(id).unwrap());
    for (n, target) in [(6, one.clone()), (7, other.clone()), (8, one.clone())] {
        let event = Event::Admin(Admin {
            actor: "test".into(),
            action: "person.sign_in".into(),
            target: target.to_string().into(),
            ..Admin::default()
        });
        let trace = Trace::new(Stage::Authorize);
        let record = Record { id: id(n), at: at(n), trace, denial: None, ruled: None, event };
        chain.store.write(move |tx| portcullis_audit::append(tx, &record)).await.unwrap();
    }
    let ids = |person: PersonId, limit| {
        let found = chain.look(move |tx| about(tx, &person, limit));
        found.iter().map(|record| record.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(one.clone(), 10), [id(8), id(6)]);
    assert_eq!(ids(one, 1), [id(8)]);
    assert_eq!(ids(other, 10), [id(7)]);
}
