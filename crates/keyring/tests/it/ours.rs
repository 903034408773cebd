//! Our keys in a real database: made once, opened by the right key alone, changed by one at a time.

use portcullis_audit::{Event, Record, find, tail};
use portcullis_jose::{
    Alg, SigningKey,
    jwk::{KeySet, Material},
    jws::Compact,
};
use portcullis_keyring::{
    Act, Haste, KeyChange, KeyEncryptionKey, KeyPlan, KeyState, KeyringFault, OurKeys,
    RotationPolicy,
};
use portcullis_store::{Migration, Store, Value, testing::Database};
use portcullis_types::{Entropy, Kid, Timestamp, Ttl};
use std::sync::Arc;

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const HOUR: u64 = 3600;

pub(crate) const POLICY: RotationPolicy = RotationPolicy {
    rotate_every: Ttl::seconds(24 * HOUR),
    publish_before: Ttl::seconds(2 * HOUR),
    retire_after: Ttl::seconds(6 * HOUR),
};

pub(crate) const fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000).plus(Ttl::seconds(seconds))
}

struct Steady;

impl Entropy for Steady {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

pub(crate) fn act(seconds: u64) -> Act {
    Act::new("ada", at(seconds), &mut Steady)
}

pub(crate) fn store(database: &Database) -> Store {
    let migrations: Vec<Migration> =
        [portcullis_audit::MIGRATIONS, portcullis_keyring::MIGRATIONS].concat();
    database.open(&migrations)
}

async fn open_with(store: Store, secret: &str, seconds: u64) -> Result<OurKeys, KeyringFault> {
    let plan = KeyPlan { purpose: "issuer", algs: vec![Alg::ES256], policy: POLICY };
    OurKeys::open(store, KeyEncryptionKey::parse(secret).unwrap(), plan, act(seconds)).await
}

pub(crate) async fn open(store: Store, seconds: u64) -> OurKeys {
    open_with(store, SECRET, seconds).await.unwrap()
}

fn kid(keys: &OurKeys, state: KeyState) -> Kid {
    let list = keys.list();
    let mut found = list.iter().filter(|info| info.state == state);
    let kid = found.next().unwrap().kid.clone();
    assert!(found.next().is_none(), "two {} keys", state.name());
    kid
}

pub(crate) fn token(key: &SigningKey) -> String {
    key.sign_compact(&key.header("at+jwt"), &serde_json::json!({"sub": "ada"})).unwrap()
}

pub(crate) fn verifies(token: &str, kid: &str, set: &KeySet) -> bool {
    let found = set.find(kid, Alg::ES256);
    found.is_some_and(|key| Compact::parse(token).unwrap().verify(key).is_ok())
}

async fn records(store: &Store) -> Vec<Record<'static>> {
    let tail = store.read(|tx| tail(tx, 0, 100)).await.unwrap();
    tail.into_iter().map(|(_, record)| record).collect()
}

#[tokio::test]
async fn the_first_start_makes_keys_that_sign_and_verify() {
    let database = Database::fresh();
    let keys = open(store(&database), 0).await;
    let signer = keys.signer(Alg::ES256).unwrap();
    assert_eq!(signer.kid(), kid(&keys, KeyState::Current).as_str());
    assert!(verifies(&token(&signer), signer.kid(), &keys.public()));
    assert!(keys.signer(Alg::RS256).is_none());
    let next = keys.list().into_iter().find(|info| info.state == KeyState::Next).unwrap();
    assert_eq!((next.created, next.activates), (at(0), Some(at(24 * HOUR))));
}

#[tokio::test]
async fn the_published_set_holds_public_members_only() {
    let database = Database::fresh();
    let keys = open(store(&database), 0).await;
    let jwks: serde_json::Value = serde_json::from_str(&keys.jwks_json()).unwrap();
    let jwks = jwks["keys"].as_array().unwrap();
    assert_eq!(jwks.len(), 2);
    for jwk in jwks {
        let mut members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!((jwk["use"].as_str(), jwk["alg"].as_str()), (Some("sig"), Some("ES256")));
    }
    let parsed = KeySet::parse(keys.jwks_json().as_bytes()).unwrap();
    for key in &parsed {
        assert_eq!(key.kid(), Some(key.thumbprint()), "RFC 7638");
    }
}

#[tokio::test]
async fn a_restart_finds_the_same_keys() {
    let database = Database::fresh();
    let first = open(store(&database), 0).await.list();
    assert_eq!(open(store(&database), HOUR).await.list(), first);
}

#[tokio::test]
async fn another_key_encryption_key_is_told_apart_and_changes_nothing() {
    let database = Database::fresh();
    let first = open(store(&database), 0).await.list();
    let fault = open_with(store(&database), OTHER, 48 * HOUR).await.unwrap_err();
    assert!(matches!(fault, KeyringFault::WrongKey { .. }), "{fault}");
    assert!(!fault.to_string().contains(OTHER));
    assert_eq!(open(store(&database), HOUR).await.list(), first);
}

#[tokio::test]
async fn an_altered_swapped_or_smuggled_row_does_not_open() {
    const ALTER: &str = "UPDATE signing_key SET sealed = $1";
    const SWAP: &str = "UPDATE signing_key SET sealed = (SELECT sealed FROM signing_key b \
                        WHERE b.kid <> signing_key.kid)";
    const PURPOSE: &str = "UPDATE signing_key SET purpose = 'issuer'";
    const ALG: &str = "UPDATE signing_key SET alg = 'ES384'";
    for sql in [ALTER, SWAP, PURPOSE, ALG] {
        let database = Database::fresh();
        let store = store(&database);
        let purpose = if sql == PURPOSE { "gateway" } else { "issuer" };
        let plan = KeyPlan { purpose, algs: vec![Alg::ES256], policy: POLICY };
        let kek = KeyEncryptionKey::parse(SECRET).unwrap();
        OurKeys::open(store.clone(), kek, plan, act(0)).await.unwrap();
        let zeros = [Value::from(&[0; 200])];
        store
            .write(move |tx| tx.execute(sql, if sql == ALTER { &zeros } else { &[] }))
            .await
            .unwrap();
        let fault = open_with(store, SECRET, 1).await.unwrap_err();
        assert!(matches!(fault, KeyringFault::Damaged { .. }), "{sql}: {fault}");
    }
}

#[tokio::test]
async fn keys_lie_encrypted_in_the_database_and_a_retired_one_is_wiped() {
    let database = Database::fresh();
    let store = store(&database);
    let keys = open(store.clone(), 0).await;
    let Material::Ec(ec) = keys.signer(Alg::ES256).unwrap().private_jwk().unwrap().material else {
        panic!("ES256 is an elliptic curve")
    };
    let secret = ec.d.unwrap();
    let old = kid(&keys, KeyState::Current);
    keys.retire(&old, Haste::AtOnce, act(1)).await.unwrap();
    let row =
        store.read(|tx| tx.query("SELECT state, sealed FROM signing_key ORDER BY state", &[]));
    let rows = row.await.unwrap();
    for row in &rows {
        assert_eq!(row.opt_blob(1).unwrap().is_none(), row.text(0).unwrap() == "retired");
    }
    assert_eq!(rows.len(), 3);
    assert!(!keys.jwks_json().contains(old.as_str()));
    drop((keys, store));
    assert!(!database.holds(secret.expose()));
}

#[tokio::test]
async fn a_change_and_its_record_are_one() {
    let database = Database::fresh();
    let store = store(&database);
    let keys = open(store.clone(), 0).await;
    let mut generation = keys.subscribe();
    generation.mark_unchanged();
    keys.tick(act(1)).await.unwrap();
    assert_eq!((records(&store).await.len(), generation.has_changed().unwrap()), (1, false));
    let old = kid(&keys, KeyState::Current);
    let by = act(3 * HOUR);
    let changes = keys.rotate(None, Haste::Orderly, by.clone()).await.unwrap();
    assert!(generation.has_changed().unwrap());
    assert_eq!(changes[0], KeyChange::Retiring { kid: old, until: at(9 * HOUR) });
    let record = store.read(move |tx| find(tx, by.id)).await.unwrap().unwrap();
    let Event::Admin(admin) = record.event else { panic!("{record:?}") };
    assert_eq!((&*admin.actor, &*admin.action, &*admin.target), ("ada", "key.rotate", "issuer"));
    assert_eq!(admin.detail["change_01"], changes[0].to_string());
    let nobody = Kid::new("nobody").unwrap();
    assert!(keys.retire(&nobody, Haste::AtOnce, act(4 * HOUR)).await.is_err());
    assert_eq!(records(&store).await.len(), 2, "a refused command leaves no record");
}

#[tokio::test]
async fn a_second_process_sees_a_rotation_after_a_reload() {
    let database = Database::fresh();
    let (one, two) = (open(store(&database), 0).await, open(store(&database), 0).await);
    assert_eq!(one.list(), two.list());
    one.rotate(None, Haste::Orderly, act(3 * HOUR)).await.unwrap();
    let late = token(&two.signer(Alg::ES256).unwrap());
    let late_kid = two.signer(Alg::ES256).unwrap().kid().to_owned();
    assert!(verifies(&late, &late_kid, &one.public()), "signed before it noticed");
    two.reload().await.unwrap();
    assert_eq!(one.list(), two.list());
    assert_eq!(one.signer(Alg::ES256).unwrap().kid(), two.signer(Alg::ES256).unwrap().kid());
}

#[tokio::test]
async fn a_tick_takes_over_what_another_process_did() {
    let database = Database::fresh();
    let (one, two) = (open(store(&database), 0).await, open(store(&database), 0).await);
    one.rotate(None, Haste::AtOnce, act(1)).await.unwrap();
    assert_eq!(two.tick(act(2)).await.unwrap(), []);
    assert_eq!(one.list(), two.list());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_or_rotate_at_once_end_up_with_the_same_keys() {
    let database = Arc::new(Database::fresh());
    let started: Vec<_> = (0..4)
        .map(|_| {
            let database = Arc::clone(&database);
            tokio::spawn(async move { open(store(&database), 0).await })
        })
        .collect();
    let mut processes = Vec::new();
    for process in started {
        processes.push(process.await.unwrap());
    }
    let rotated: Vec<_> = processes
        .iter()
        .cloned()
        .map(|keys| {
            tokio::spawn(async move { keys.rotate(None, Haste::Orderly, act(3 * HOUR)).await })
        })
        .collect();
    let mut rotations = 0;
    for changes in rotated {
        let changes = changes.await.unwrap().unwrap();
        rotations += changes.iter().filter(|c| matches!(c, KeyChange::Activated { .. })).count();
    }
    assert_eq!(rotations, 1, "the others found the next key too young and put theirs off");
    for process in &processes {
        process.reload().await.unwrap();
        assert_eq!(process.list(), processes[0].list());
    }
    assert_eq!(processes[0].list().len(), 3);
    kid(&processes[0], KeyState::Current);
    kid(&processes[0], KeyState::Next);
}

#[tokio::test]
async fn an_algorithm_that_is_added_later_gets_its_keys_and_none_is_disturbed() {
    let database = Database::fresh();
    let before = open(store(&database), 0).await.list();
    let plan = KeyPlan { purpose: "issuer", algs: vec![Alg::ES256, Alg::Ed25519], policy: POLICY };
    let kek = KeyEncryptionKey::parse(SECRET).unwrap();
    let keys = OurKeys::open(store(&database), kek, plan, act(HOUR)).await.unwrap();
    assert!(keys.signer(Alg::EdDSA).is_some(), "two names, one algorithm");
    assert_eq!(keys.list().len(), 4);
    assert!(before.iter().all(|info| keys.list().contains(info)));
}

#[tokio::test]
async fn an_algorithm_that_is_left_out_signs_no_more_and_its_key_stays_for_its_tokens() {
    let database = Database::fresh();
    let before = open(store(&database), 0).await;
    let signer = before.signer(Alg::ES256).unwrap();
    let old = token(&signer);
    let plan = KeyPlan { purpose: "issuer", algs: vec![Alg::Ed25519], policy: POLICY };
    let kek = KeyEncryptionKey::parse(SECRET).unwrap();
    let keys = OurKeys::open(store(&database), kek, plan, act(HOUR)).await.unwrap();
    keys.tick(act(HOUR)).await.unwrap();
    assert!(keys.signer(Alg::ES256).is_none());
    assert!(verifies(&old, signer.kid(), &keys.public()));
    keys.tick(act(7 * HOUR)).await.unwrap();
    assert!(keys.public().iter().all(|key| key.alg() != Alg::ES256));
}

#[tokio::test]
async fn whoever_only_looks_changes_nothing() {
    let database = Database::fresh();
    let store = store(&database);
    let look = async || {
        let plan = KeyPlan { purpose: "issuer", algs: vec![Alg::Ed25519], policy: POLICY };
        let kek = KeyEncryptionKey::parse(SECRET).unwrap();
        OurKeys::look(store.clone(), kek, plan).await.unwrap()
    };
    assert_eq!(look().await.list(), []);
    assert_eq!(records(&store).await.len(), 0);
    let there = open(store.clone(), 0).await;
    assert_eq!(look().await.list(), there.list());
    assert_eq!(look().await.jwks_json(), there.jwks_json());
    assert_eq!(records(&store).await.len(), 1);
}

#[tokio::test]
async fn a_first_start_with_rsa_makes_one_rsa_key_and_the_tick_after_it_another() {
    let database = Database::fresh();
    let plan = KeyPlan { purpose: "issuer", algs: vec![Alg::RS256], policy: POLICY };
    let kek = KeyEncryptionKey::parse(SECRET).unwrap();
    let keys = OurKeys::open(store(&database), kek, plan, act(0)).await.unwrap();
    assert!(keys.signer(Alg::RS256).is_some());
    assert_eq!(keys.list().len(), 1);
    keys.tick(act(60)).await.unwrap();
    let next = keys.list().into_iter().find(|info| info.state == KeyState::Next).unwrap();
    assert_eq!((next.created, next.activates), (at(60), Some(at(24 * HOUR))));
}
