//! Policies in force: applied, gone back from, followed by every node.

use crate::house::{House, NOW, open};
use portcullis_directory::{
    Asked, Fault, NewPolicy, Outcome, Policies, PolicyPlace::Force, PolicyPlace::Shadow,
};
use portcullis_types::Ttl;

fn new(name: char, origin: &str, asked: Asked) -> NewPolicy {
    NewPolicy {
        revision: revision(name),
        packed: name.to_string().into_bytes(),
        label: None,
        origin: origin.into(),
        asked,
    }
}

fn revision(name: char) -> String {
    format!("sha256:{}", name.to_string().repeat(64))
}

fn by_hand(name: char) -> NewPolicy {
    new(name, "policies", Asked::ByHand)
}

async fn policies() -> (House, Policies) {
    let house = House::open().await;
    let policies = Policies::new(house.store.clone());
    (house, policies)
}

async fn in_force(policies: &Policies) -> Option<String> {
    policies.at(Force).await.unwrap().and_then(|applied| applied.revision)
}

#[tokio::test]
async fn what_is_applied_is_in_force_for_every_node_and_recorded() {
    let (mut house, policies) = policies().await;
    assert_eq!(in_force(&policies).await, None);
    let outcome = policies.apply(house.acting(NOW), Force, by_hand('a')).await.unwrap();
    assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
    let record = house.last().await;
    assert_eq!((&*record.action, &*record.actor), ("policy.apply", "cli:alice"));
    assert_eq!(record.target, revision('a'));
    assert_eq!(record.detail.get("from").map(String::as_str), Some("policies"));

    let (store, _) = open(&house.database).await;
    let elsewhere = Policies::new(store);
    let (applied, packed) = elsewhere.in_force().await.unwrap().unwrap();
    assert_eq!((applied.revision, packed), (Some(revision('a')), b"a".to_vec()));
    assert_eq!((applied.at, &*applied.by), (NOW, "cli:alice"));
}

#[tokio::test]
async fn the_same_again_changes_and_records_nothing() {
    let (mut house, policies) = policies().await;
    policies.apply(house.acting(NOW), Force, by_hand('a')).await.unwrap();
    let records = house.count().await;
    let outcome = policies.apply(house.acting(NOW), Force, by_hand('a')).await.unwrap();
    assert!(matches!(outcome, Outcome::AsItWas(Some(_))), "{outcome:?}");
    assert_eq!(house.count().await, records);
    assert_eq!(policies.history(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn going_back_again_goes_further_back() {
    let (mut house, policies) = policies().await;
    let none = policies.roll_back(house.acting(NOW), None).await;
    assert!(matches!(none, Err(Fault::Invalid(_))), "{none:?}");
    for name in ['a', 'b', 'c'] {
        policies.apply(house.acting(NOW), Force, by_hand(name)).await.unwrap();
    }
    policies.roll_back(house.acting(NOW), None).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('b')));
    let record = house.last().await;
    assert_eq!((&*record.action, &*record.target), ("policy.rollback", &*revision('b')));
    assert_eq!(record.detail.get("before"), Some(&revision('c').chars().take(120).collect()));
    policies.roll_back(house.acting(NOW), None).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('a')));
    let first = policies.roll_back(house.acting(NOW), None).await;
    assert!(matches!(first, Err(Fault::Invalid(_))), "there was nothing before: {first:?}");
    policies.apply(house.acting(NOW), Force, by_hand('d')).await.unwrap();
    policies.roll_back(house.acting(NOW), None).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('a')));
}

#[tokio::test]
async fn a_revision_is_brought_back_by_the_beginning_of_its_name() {
    let (mut house, policies) = policies().await;
    for name in ['a', 'b', 'c'] {
        policies.apply(house.acting(NOW), Force, by_hand(name)).await.unwrap();
    }
    policies.roll_back(house.acting(NOW), Some("sha256:aaaaaaaaaaaa".into())).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('a')));
    policies.roll_back(house.acting(NOW), None).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('c')), "before that");
    for unknown in ["sha256:dddddddd", "aa", "", "sha256:cccccccc"] {
        let refused = policies.roll_back(house.acting(NOW), Some(unknown.into())).await;
        assert!(matches!(refused, Err(Fault::Invalid(_))), "{unknown}: {refused:?}");
    }
}

#[tokio::test]
async fn a_source_does_not_undo_what_a_person_did_since() {
    let (mut house, policies) = policies().await;
    let source = |name| new(name, "https://bundles.example/a", Asked::BySource);
    policies.apply(house.acting(NOW), Force, by_hand('a')).await.unwrap();
    policies.apply(house.acting(NOW), Force, source('b')).await.unwrap();
    policies.roll_back(house.acting(NOW), None).await.unwrap();
    let again = policies.apply(house.acting(NOW), Force, source('b')).await.unwrap();
    assert!(matches!(again, Outcome::AsItWas(_)), "{again:?}");
    assert_eq!(in_force(&policies).await, Some(revision('a')));
    policies.apply(house.acting(NOW), Force, source('c')).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('c')), "what is new there is taken");
}

#[tokio::test]
async fn shadow_is_a_place_of_its_own() {
    let (mut house, policies) = policies().await;
    policies.apply(house.acting(NOW), Force, by_hand('a')).await.unwrap();
    policies.apply(house.acting(NOW), Shadow, by_hand('b')).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('a')));
    let shadow = policies.at(Shadow).await.unwrap().unwrap();
    assert_eq!(shadow.revision, Some(revision('b')));
    policies.end_shadow(house.acting(NOW)).await.unwrap();
    assert_eq!(policies.at(Shadow).await.unwrap().unwrap().revision, None);
    let twice = policies.end_shadow(house.acting(NOW)).await;
    assert!(matches!(twice, Err(Fault::Invalid(_))), "{twice:?}");
}

#[tokio::test]
async fn who_holds_the_server_cannot_bring_old_policies_back() {
    let (mut house, policies) = policies().await;
    let signed = |name, label: &str| {
        let label = Some(label.to_owned());
        NewPolicy { label, ..new(name, "https://bundles.example/a", Asked::BySigner) }
    };
    for (name, label) in [('a', "v1"), ('b', "v2")] {
        policies.apply(house.acting(NOW), Force, signed(name, label)).await.unwrap();
    }
    let records = house.count().await;
    for _ in 0..2 {
        let back = policies.apply(house.acting(NOW), Force, signed('a', "v1")).await;
        assert!(matches!(&back, Err(Fault::Invalid(why)) if why.contains("by hand")), "{back:?}");
        assert_eq!(in_force(&policies).await, Some(revision('b')));
    }
    assert_eq!(house.count().await, records);
    // Not either while others stand, which a person put there.
    policies.apply(house.acting(NOW), Force, by_hand('c')).await.unwrap();
    policies.apply(house.acting(NOW), Force, signed('a', "v1")).await.unwrap_err();
    let last = policies.apply(house.acting(NOW), Force, signed('b', "v2")).await.unwrap();
    assert!(matches!(last, Outcome::AsItWas(_)), "{last:?}");
    // Whoever signs may release the same again, and a person may go back.
    policies.apply(house.acting(NOW), Force, signed('a', "v3")).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('a')));
    policies.apply(house.acting(NOW), Force, signed('b', "v2")).await.unwrap_err();
    policies.apply(house.acting(NOW), Force, by_hand('b')).await.unwrap();
    assert_eq!(in_force(&policies).await, Some(revision('b')));
}

#[tokio::test]
async fn old_bundles_are_forgotten_and_what_decides_is_not() {
    let (mut house, policies) = policies().await;
    policies.apply(house.acting(NOW), Shadow, by_hand('f')).await.unwrap();
    for number in 0..120 {
        let mut some = by_hand('a');
        some.revision = format!("sha256:{number:064x}");
        policies.apply(house.acting(NOW), Force, some).await.unwrap();
    }
    assert_eq!(policies.packed(&format!("sha256:{:064x}", 5)).await.unwrap(), None);
    assert!(policies.packed(&format!("sha256:{:064x}", 60)).await.unwrap().is_some());
    assert!(policies.packed(&revision('f')).await.unwrap().is_some(), "it decides in shadow");
    let lost = policies.roll_back(house.acting(NOW), Some(format!("{:064x}", 5))).await;
    assert!(matches!(lost, Err(Fault::Invalid(_))), "{lost:?}");
}

#[tokio::test]
async fn a_refused_change_leaves_no_trace() {
    let (mut house, policies) = policies().await;
    policies.apply(house.acting(NOW), Force, by_hand('a')).await.unwrap();
    let records = house.count().await;
    policies.roll_back(house.acting(NOW), None).await.unwrap_err();
    assert_eq!(house.count().await, records);
    assert_eq!(policies.history(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn how_a_source_is_can_be_read_elsewhere() {
    let (_house, policies) = policies().await;
    let later = NOW.plus(Ttl::seconds(60));
    policies.note_source("policies".into(), Some("no such file".into()), NOW).await.unwrap();
    policies.note_source("policies".into(), None, later).await.unwrap();
    let sources = policies.sources().await.unwrap();
    assert_eq!(sources.len(), 1);
    assert_eq!((&sources[0].fault, sources[0].since), (&None, later));
}
