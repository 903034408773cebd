//! Issuers that rotate, die, lie and babble.

use crate::server::{Server, client, key, set};
use portcullis_jose::Alg;
use portcullis_keyring::{KeyAges, KeySource, Outcome, Refresh, TheirKeys, Why};
use portcullis_types::{Issuer, Timestamp, Ttl};
use proptest::prelude::*;
use std::{net::SocketAddr, sync::Arc};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// Seconds after an arbitrary start.
const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

fn kids(keys: &TheirKeys, now: Timestamp) -> Option<Vec<String>> {
    Some(keys.current(now)?.set.kids().into_iter().map(str::to_owned).collect())
}

fn reason(refresh: Refresh) -> Option<String> {
    match refresh {
        Refresh::Failed(reason) => Some(reason),
        Refresh::Fetched | Refresh::Throttled => None,
    }
}

#[tokio::test]
async fn keys_are_found_by_discovery_where_openid_puts_it() {
    let (server, a) = (Server::start().await, key("a"));
    server.tell(|script| script.keys = set(&[&a]));
    let keys = server.keys_by(KeySource::Discovery);
    assert!(keys.current(at(0)).is_none() && keys.is_stale(at(0)));
    assert_eq!(keys.refresh(Why::Stale, at(0)).await, Refresh::Fetched);
    assert_eq!(server.asked(), ["/.well-known/openid-configuration", "/keys"]);
    let current = keys.current(at(1)).unwrap();
    assert_eq!(current.fetched_at, Some(at(0)));
    assert!(current.set.find("a", Alg::ES256).is_some());
}

#[tokio::test]
async fn keys_are_found_by_discovery_where_oauth_puts_it() {
    let server = Server::start().await;
    let issuer = server.issuer("/realm/");
    server.tell(|script| {
        script.metadata_at = "/.well-known/oauth-authorization-server/realm".to_owned();
        script.claims = Some(issuer.to_string());
    });
    let keys = TheirKeys::new(issuer, KeySource::Discovery, client(), KeyAges::default());
    assert_eq!(keys.refresh(Why::Stale, at(0)).await, Refresh::Fetched);
    let first = "/realm/.well-known/openid-configuration";
    assert_eq!(server.asked(), [first, "/.well-known/oauth-authorization-server/realm", "/keys"]);
}

#[tokio::test]
async fn an_issuer_that_speaks_for_another_is_not_believed() {
    let server = Server::start().await;
    let truth = server.issuer("").to_string();
    for lie in ["https://other.example".to_owned(), format!("{truth}/"), truth.to_uppercase()] {
        server.tell(|script| script.claims = Some(lie.clone()));
        let keys = server.keys_by(KeySource::Discovery);
        let reason = reason(keys.refresh(Why::Stale, at(0)).await).unwrap();
        assert!(reason.contains(&lie) && reason.contains("byte for byte"), "{reason}");
        assert!(keys.current(at(0)).is_none());
        assert_eq!(server.asked().len(), 1, "no second address is tried after a lie");
    }
}

#[tokio::test]
async fn keys_are_refreshed_at_their_soft_age_or_at_their_max_age() {
    let server = Server::start().await;
    for (max_age, fresh_for) in
        [("max-age=600", 600), ("max-age=120", 120), ("no-store", 60), ("max-age=9999", 600)]
    {
        server.tell(|script| script.max_age = max_age);
        let keys = server.keys_by(server.jwks_uri());
        keys.refresh(Why::Stale, at(0)).await;
        assert!(!keys.is_stale(at(fresh_for - 1)), "{max_age}");
        assert!(keys.is_stale(at(fresh_for)), "{max_age}");
        assert!(keys.current(at(fresh_for)).is_some(), "stale keys are still used");
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_once_a_minute_at_most() {
    let (server, a, b) = (Server::start().await, key("a"), key("b"));
    server.tell(|script| script.keys = set(&[&a]));
    let keys = server.keys_by(server.jwks_uri());
    keys.refresh(Why::Stale, at(0)).await;
    server.tell(|script| script.keys = set(&[&a, &b]));
    assert_eq!(keys.refresh(Why::UnknownKid, at(1)).await, Refresh::Fetched);
    assert_eq!(kids(&keys, at(1)).unwrap(), ["a", "b"]);
    for second in 2..61 {
        assert_eq!(keys.refresh(Why::UnknownKid, at(second)).await, Refresh::Throttled);
    }
    assert_eq!(keys.refresh(Why::UnknownKid, at(61)).await, Refresh::Fetched);
    assert_eq!(server.fetches(), 3);
}

#[tokio::test]
async fn the_generation_tells_whether_keys_came_or_went() {
    let (server, a, b) = (Server::start().await, key("a"), key("b"));
    let keys = server.keys_by(server.jwks_uri());
    let mut generations = Vec::new();
    let shown = [vec![&a], vec![&a], vec![&a, &b], vec![&b], vec![&b]];
    for (round, shown) in (0..).zip(&shown) {
        server.tell(|script| script.keys = set(shown));
        keys.refresh(Why::Stale, at(round * HOUR)).await;
        generations.push(keys.current(at(round * HOUR)).unwrap().generation);
    }
    assert_eq!(generations, [1, 1, 2, 3, 3]);
    let impostor = key("b");
    server.tell(|script| script.keys = set(&[&impostor]));
    keys.refresh(Why::Stale, at(9 * HOUR)).await;
    assert_eq!(keys.current(at(9 * HOUR)).unwrap().generation, 4, "another key by the same name");
}

#[tokio::test]
async fn a_dead_issuer_keeps_its_keys_until_the_hard_age_and_is_not_hammered() {
    let (server, a) = (Server::start().await, key("a"));
    server.tell(|script| script.keys = set(&[&a]));
    let keys = server.keys_by(server.jwks_uri());
    keys.refresh(Why::Stale, at(0)).await;
    server.tell(|script| script.failure = Some((503, String::new())));
    server.asked();
    let mut tries = 0;
    for second in (600..2 * HOUR).filter(|second| keys.is_stale(at(*second)) || second % 7 == 0) {
        match keys.refresh(Why::Stale, at(second)).await {
            Refresh::Failed(reason) => {
                assert!(reason.contains("503"), "{reason}");
                tries += 1;
            }
            other => assert_eq!(other, Refresh::Throttled),
        }
        assert_eq!(kids(&keys, at(second)).unwrap(), ["a"]);
    }
    assert!(tries <= 6 + (2 * HOUR - 600) / MINUTE, "{tries}");
    let trouble = keys.trouble(at(2 * HOUR)).unwrap();
    assert!(trouble.retry_after <= Ttl::seconds(60) && trouble.reason.contains("503"));
    assert!(keys.current(at(24 * HOUR - 1)).is_some());
    assert!(keys.current(at(24 * HOUR)).is_none());
    server.tell(|script| script.failure = None);
    assert_eq!(keys.refresh(Why::Stale, at(25 * HOUR)).await, Refresh::Fetched);
    assert_eq!(
        (kids(&keys, at(25 * HOUR)).unwrap(), keys.trouble(at(25 * HOUR))),
        (vec!["a".to_owned()], None)
    );
}

#[tokio::test]
async fn what_is_no_key_set_leaves_the_keys_as_they_were() {
    let (server, a) = (Server::start().await, key("a"));
    server.tell(|script| script.keys = set(&[&a]));
    let keys = server.keys_by(server.jwks_uri());
    keys.refresh(Why::Stale, at(0)).await;
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(150_000));
    let answers = [
        (500, "secret"),
        (404, "{}"),
        (200, "<html>secret</html>"),
        (200, "{\"keys\":{}}"),
        (200, "{\"keys\":[],\"keys\":[]}"),
        (200, "[]"),
        (200, &huge),
        (204, ""),
        (302, ""),
    ];
    for (round, (status, body)) in (1..).zip(answers) {
        server.tell(|script| script.failure = Some((status, body.to_owned())));
        let now = at(round * HOUR);
        let reason = reason(keys.refresh(Why::Stale, now).await).unwrap();
        assert!(!reason.contains("secret"), "{reason}");
        assert_eq!(kids(&keys, now).unwrap(), ["a"], "{status} {reason}");
    }
}

#[tokio::test]
async fn starting_with_a_dead_issuer_works_and_recovers() {
    let gone = Server::start().await;
    let address: SocketAddr = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let issuer = Issuer::new(&format!("http://{address}")).unwrap();
    let keys = TheirKeys::new(issuer, KeySource::Discovery, client(), KeyAges::default());
    assert!(matches!(keys.refresh(Why::Stale, at(0)).await, Refresh::Failed(_)));
    assert_eq!(keys.trouble(at(0)).unwrap().retry_after, Ttl::seconds(1));
    assert!(!keys.is_stale(at(0)), "nothing is due before the back-off is over");
    drop(gone);
    let (server, a) = (Server::start_at(address).await, key("a"));
    server.tell(|script| script.keys = set(&[&a]));
    assert_eq!(keys.refresh(Why::Stale, at(0)).await, Refresh::Throttled);
    assert!(keys.is_stale(at(1)));
    assert_eq!(keys.refresh(Why::Stale, at(1)).await, Refresh::Fetched);
    assert_eq!(kids(&keys, at(1)).unwrap(), ["a"]);
    let history = keys.history();
    assert_eq!(history.len(), 2);
    assert!(matches!(&history[0].outcome, Outcome::Keys { kids, .. } if kids == &["a"]));
    assert!(matches!(&history[1].outcome, Outcome::Failed(_)));
}

#[tokio::test]
async fn keys_that_must_not_verify_are_skipped_with_their_reasons() {
    let (server, good) = (Server::start().await, key("good"));
    let mut jwks: serde_json::Value = serde_json::from_str(&set(&[&good])).unwrap();
    let mut wrapping = jwks["keys"][0].clone();
    wrapping["kid"] = "enc".into();
    wrapping["use"] = "enc".into();
    let keys = jwks["keys"].as_array_mut().unwrap();
    keys.push(wrapping);
    let weak = format!("y{}w", "A".repeat(169)); // 1024 bits
    keys.push(
        serde_json::json!({"kty": "RSA", "kid": "weak", "alg": "RS256", "e": "AQAB", "n": weak}),
    );
    keys.push(serde_json::json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": "AAAA"}));
    keys.push(serde_json::json!({"kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "AAAA"}));
    server.tell(|script| script.keys = jwks.to_string());
    let keys = server.keys_by(server.jwks_uri());
    assert_eq!(keys.refresh(Why::Stale, at(0)).await, Refresh::Fetched);
    let history = keys.history();
    let Outcome::Keys { kids, skipped } = &history[0].outcome else { panic!("{history:?}") };
    assert_eq!(kids, &["good"]);
    assert_eq!(skipped.len(), 4, "{skipped:?}");
    let reasons = [
        ("enc", "use"),
        ("weak", "1024 bits"),
        ("secret", "shared secret"),
        ("new", "not supported"),
    ];
    for (kid, word) in reasons {
        let skipped = skipped.iter().find(|key| key.kid.as_deref() == Some(kid)).unwrap();
        assert!(skipped.reason.contains(word), "{kid}: {}", skipped.reason);
    }
}

#[tokio::test]
async fn a_hundred_callers_share_one_fetch() {
    let (server, a) = (Server::start().await, key("a"));
    server.tell(|script| script.keys = set(&[&a]));
    let keys = Arc::new(server.keys_by(server.jwks_uri()));
    let closed = server.gate.acquire_many(1000).await.unwrap();
    let callers: Vec<_> = (0..100)
        .map(|number| {
            let keys = Arc::clone(&keys);
            let why = if number % 2 == 0 { Why::Stale } else { Why::UnknownKid };
            tokio::spawn(async move { keys.refresh(why, at(0)).await })
        })
        .collect();
    while server.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(closed);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Refresh::Fetched);
    }
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_neither_stops_the_fetch_nor_gains_another() {
    let (server, a) = (Server::start().await, key("a"));
    server.tell(|script| script.keys = set(&[&a]));
    let keys = server.keys_by(server.jwks_uri());
    let closed = server.gate.acquire_many(1000).await.unwrap();
    let caller = keys.clone();
    let caller = tokio::spawn(async move { caller.refresh(Why::UnknownKid, at(0)).await });
    while server.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    caller.abort();
    let other = keys.clone();
    let other = tokio::spawn(async move { other.refresh(Why::UnknownKid, at(1)).await });
    tokio::task::yield_now().await;
    drop(closed);
    assert_eq!(other.await.unwrap(), Refresh::Fetched);
    assert_eq!(server.fetches(), 1);
    assert_eq!(keys.refresh(Why::UnknownKid, at(2)).await, Refresh::Throttled);
}

#[tokio::test]
async fn keys_given_by_hand_are_never_fetched() {
    let server = Server::start().await;
    let given = portcullis_jose::jwk::KeySet::parse(set(&[&key("a")]).as_bytes()).unwrap();
    let keys = server.keys_by(KeySource::Inline(Arc::new(given)));
    assert_eq!(kids(&keys, at(i64::from(i32::MAX))).unwrap(), ["a"]);
    assert!(!keys.is_stale(at(0)));
    assert_eq!(keys.refresh(Why::UnknownKid, at(0)).await, Refresh::Throttled);
    assert!(server.asked().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Tokens with made-up names, at any times, from an issuer that may be up or down.
    #[test]
    fn random_kids_never_cause_more_than_one_fetch_a_minute(
        waits in prop::collection::vec((0..40_000_i64, any::<bool>()), 1..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start().await;
            let keys = server.keys_by(server.jwks_uri());
            let (mut now, mut fetches) = (at(0), Vec::new());
            keys.refresh(Why::Stale, now).await;
            server.asked();
            for (wait, up) in waits {
                now = now.plus(Ttl::from_millis(wait.unsigned_abs()));
                let failure = (!up).then(|| (500, String::new()));
                server.tell(|script| script.failure = failure);
                keys.refresh(Why::UnknownKid, now).await;
                for _ in 0..server.fetches() {
                    fetches.push(now);
                }
            }
            for pair in fetches.windows(2) {
                assert!(pair[1].millis_since(pair[0]) >= 60_000, "{pair:?}");
            }
        });
    }
}
