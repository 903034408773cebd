//! What only a PostgreSQL server does: it goes away, comes back, and hears several nodes at once.

use crate::{
    NOTES, ids, insert,
    transactions::{Job, as_one_batch},
};
use portcullis_store::{
    PostgresSettings, Store, StoreFault, Tx, Value,
    testing::{Database, Durability, Server, Tls},
};
use std::time::{Duration, Instant};

const BACKEND: &str = "SELECT CAST(pg_backend_pid() AS BIGINT)";

fn backend(tx: &mut Tx<'_>) -> Result<i64, StoreFault> {
    tx.query_row(BACKEND, &[])?.unwrap().int(0)
}

#[tokio::test]
async fn connections_that_were_killed_are_made_anew_and_nobody_notices() {
    let database = Database::postgres();
    let (server, _) = database.server().unwrap();
    let store = database.open(&[NOTES]);
    store.write(|tx| insert(tx, 1)).await.unwrap();
    let writer = store.write(backend).await.unwrap();
    let reader = store.read(backend).await.unwrap();
    for pid in [writer, reader] {
        server.sql(&format!("SELECT pg_terminate_backend({pid}, 10000)"));
    }
    store.write(|tx| insert(tx, 2)).await.unwrap();
    for _ in 0..8 {
        assert_eq!(ids(&store).await, [1, 2]);
    }
    assert_ne!(store.write(backend).await.unwrap(), writer);
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_fails_its_batch_and_keeps_nothing_of_it() {
    let database = Database::postgres();
    let (server, _) = database.server().unwrap();
    let store = database.open(&[NOTES]);
    let jobs: Vec<Job<u64>> = vec![
        Box::new(|tx| insert(tx, 1)),
        Box::new(move |tx| {
            insert(tx, 2)?;
            let pid = backend(tx)?;
            server.sql(&format!("SELECT pg_terminate_backend({pid}, 10000)"));
            insert(tx, 3)
        }),
        Box::new(|tx| insert(tx, 4)),
    ];
    let outcomes = as_one_batch(&store, jobs).await;
    let lost = |outcome: &Result<_, _>| matches!(outcome, Err(StoreFault::Unreachable(_)));
    assert!(outcomes.iter().all(lost), "{outcomes:?}");
    store.write(|tx| insert(tx, 5)).await.unwrap();
    assert_eq!(ids(&store).await, [5]);
}

#[tokio::test]
async fn a_commit_that_nobody_answered_is_not_called_undone() {
    let database = Database::postgres();
    let (server, _) = database.server().unwrap();
    let store = database.open(&[NOTES]);
    // The commit runs this trigger, which ends its own connection.
    store
        .write(|tx| {
            tx.execute(
                "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
                &[],
            )?;
            tx.execute(
                "CREATE CONSTRAINT TRIGGER leaving AFTER INSERT ON note \
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leave()",
                &[],
            )
        })
        .await
        .unwrap();
    let outcome = store.write(|tx| insert(tx, 1)).await;
    assert!(matches!(outcome, Err(StoreFault::Unknown(_))), "{outcome:?}");
    store.write(|tx| tx.execute("DROP TRIGGER leaving ON note", &[])).await.unwrap();
    store.write(|tx| insert(tx, 2)).await.unwrap();
    assert_eq!(ids(&store).await, [2]);
    drop((server, store));
}

#[tokio::test]
async fn a_node_that_stalls_in_a_transaction_loses_it_and_the_others_go_on() {
    let database = Database::postgres();
    let (first, second) = (database.open(&[NOTES]), database.open(&[NOTES]));
    let (held, holding) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let stalled = tokio::spawn(async move {
        let job = move |tx: &mut Tx<'_>| {
            // The real limit is ten seconds.
            tx.query(
                "SELECT set_config('idle_in_transaction_session_timeout', '100ms', true)",
                &[],
            )?;
            insert(tx, 1)?;
            held.send(()).unwrap();
            released.recv().unwrap();
            insert(tx, 2)
        };
        first.write(job).await
    });
    tokio::task::spawn_blocking(move || holding.recv().unwrap()).await.unwrap();
    second.write(|tx| insert(tx, 3)).await.unwrap();
    release.send(()).unwrap();
    let outcome = stalled.await.unwrap();
    assert!(matches!(outcome, Err(StoreFault::Unreachable(_))), "{outcome:?}");
    assert_eq!(ids(&second).await, [3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_the_server_is_killed() {
    let server = Server::start(Durability::Full, None);
    server.sql("CREATE SCHEMA crash AUTHORIZATION portcullis");
    let settings = PostgresSettings::parse(&server.url("crash")).unwrap();
    let store = Store::open_postgres(&settings, &[NOTES]).unwrap();
    let mut acknowledged = Vec::new();
    let mut next = 0;
    for _ in 0..3 {
        let mut writers = Vec::new();
        for n in 0..8 {
            let (store, from) = (store.clone(), next + n * 100_000);
            writers.push(tokio::spawn(async move {
                let mut kept = Vec::new();
                for id in from.. {
                    match store.write(move |tx| insert(tx, id)).await {
                        Ok(_) => kept.push(id),
                        Err(StoreFault::Unreachable(_) | StoreFault::Unknown(_)) => return kept,
                        Err(other) => panic!("{other}"),
                    }
                }
                kept
            }));
        }
        while ids(&store).await.len() < acknowledged.len() + 50 {}
        server.crash();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        server.restart();
        let patience = Instant::now() + Duration::from_secs(30);
        while store.write(backend).await.is_err() {
            assert!(Instant::now() < patience, "it comes back");
        }
        next += 1_000_000;
        while store.read(backend).await.is_err() {
            assert!(Instant::now() < patience, "it comes back");
        }
        let there = ids(&store).await;
        let lost: Vec<_> = acknowledged.iter().filter(|id| !there.contains(id)).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

#[tokio::test]
async fn names_of_stores_that_are_gone_are_thrown_together_and_no_change_is_missed() {
    let database = Database::postgres();
    let watching = database.open(&[NOTES]);
    watching.write(|tx| insert(tx, 0)).await.unwrap();
    let mut seen = watching.changed_elsewhere().await.unwrap();
    for id in 1..80 {
        let passing = database.open(&[NOTES]);
        passing.write(move |tx| insert(tx, id)).await.unwrap();
        let now = watching.changed_elsewhere().await.unwrap();
        assert!(now > seen, "{now} after {seen}");
        seen = now;
    }
    let sql = "SELECT COUNT(*) FROM store_commit";
    let names = watching.read(move |tx| tx.query_row(sql, &[])).await.unwrap().unwrap();
    assert!(names.int(0).unwrap() < 70);
    watching.write(|tx| insert(tx, 99)).await.unwrap();
    let now = watching.changed_elsewhere().await.unwrap();
    watching.write(|tx| insert(tx, 100)).await.unwrap();
    assert_eq!(watching.changed_elsewhere().await.unwrap(), now);
}

#[tokio::test]
async fn a_role_that_may_make_no_tables_uses_those_that_are_there() {
    let server = Server::shared();
    server.sql("CREATE ROLE clerk LOGIN");
    server.sql("CREATE SCHEMA clerks AUTHORIZATION portcullis");
    let url = server.url("clerks");
    let clerk = PostgresSettings::parse(&url.replace("//portcullis@", "//clerk@")).unwrap();
    server.sql("GRANT USAGE ON SCHEMA clerks TO clerk");
    let fault = Store::open_postgres(&clerk, &[NOTES]).err().unwrap().to_string();
    assert!(fault.contains("permission denied"), "{fault}");
    drop(Store::open_postgres(&PostgresSettings::parse(&url).unwrap(), &[NOTES]).unwrap());
    server.sql(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA clerks TO clerk; \
         GRANT USAGE ON SEQUENCE clerks.store_node TO clerk",
    );
    let store = Store::open_postgres(&clerk, &[NOTES]).unwrap();
    store.write(|tx| insert(tx, 1)).await.unwrap();
    assert_eq!(ids(&store).await, [1]);
}

#[tokio::test]
async fn values_that_do_not_fit_their_parameter_are_refused_with_their_number() {
    let database = Database::postgres();
    let store = database.open(&[NOTES]);
    let sql = "INSERT INTO note (id, text, bytes) VALUES ($1, $2, $3)";
    let wrong: [[Value<'static>; 3]; 4] = [
        ["1".into(), "a".into(), b"b".into()],
        [1.into(), 2.into(), b"b".into()],
        [1.into(), "a".into(), "b".into()],
        [1.into(), "a\0b".into(), b"b".into()],
    ];
    for (values, number) in wrong.into_iter().zip(["$1", "$2", "$3", "$2"]) {
        let outcome = store.write(move |tx| tx.execute(sql, &values)).await;
        assert!(
            matches!(&outcome, Err(StoreFault::Sql(why)) if why.contains(number)),
            "{outcome:?}"
        );
    }
    let odd = store.read(|tx| tx.query("SELECT SUM(id), 1.5 FROM note", &[])).await;
    assert!(matches!(&odd, Err(StoreFault::Sql(why)) if why.contains("CAST")), "{odd:?}");
}

#[test]
fn tls_is_believed_only_from_the_authority_that_was_named() {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let server =
        Server::start(Durability::None, Some(Tls { certificate: &certificate, key: &key }));
    server.sql("CREATE SCHEMA AUTHORIZATION portcullis");
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("right.pem"), folder.path().join("wrong.pem"));
    std::fs::write(&right, &certificate).unwrap();
    std::fs::write(&wrong, other.cert.pem()).unwrap();
    let url = |host: &str, query: &str| {
        let url = format!("postgres://portcullis@{host}:{}/portcullis?{query}", server.port());
        PostgresSettings::parse(&url).unwrap().with_password("of the tests")
    };
    let verified = url("localhost", "sslmode=verify-full");
    let open = |settings: PostgresSettings| match Store::open_postgres(&settings, &[NOTES]) {
        Ok(_) => String::new(),
        Err(fault) => fault.to_string(),
    };
    assert_eq!(open(verified.clone().with_ca_file(&right)), "");
    assert_eq!(open(url("localhost", "sslmode=prefer").with_ca_file(&right)), "");
    let direct = url("localhost", "sslmode=verify-full&sslnegotiation=direct");
    if !open(direct.with_ca_file(&right)).is_empty() {
        eprintln!("this PostgreSQL is older than 17");
    }
    for (settings, said) in [
        (verified.clone().with_ca_file(&wrong), "TLS"),
        (url("localhost", "sslmode=prefer").with_ca_file(&wrong), "TLS"),
        (url("127.0.0.1", "sslmode=require").with_ca_file(&right), "TLS"),
        (url("localhost", ""), "no encryption"),
        (verified.clone().with_ca_file(&folder.path().join("none.pem")), "none.pem"),
        (verified.with_ca_file(&right).with_password("guess"), "password authentication failed"),
    ] {
        let fault = open(settings);
        assert!(fault.contains(said) && !fault.contains("of the tests"), "{said}: {fault}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named_and_so_is_what_a_look_finds() {
    let nobody = PostgresSettings::parse("postgres://ada:hush@127.0.0.1:1/tokens").unwrap();
    let fault = Store::open_postgres(&nobody, &[NOTES]).err().unwrap();
    let text = fault.to_string();
    assert!(text.contains("postgres://ada@127.0.0.1:1/tokens") && !text.contains("hush"), "{text}");
    assert!(text.contains("refused"), "{text}");
    let database = Database::postgres();
    let settings = PostgresSettings::parse(database.server().unwrap().1).unwrap();
    assert_eq!(Store::probe_postgres(&settings, &[NOTES]), Ok(()));
    drop(database.open(&[NOTES]));
    let newer = StoreFault::Newer { room: "notes".to_owned(), found: 1, known: 0 };
    assert_eq!(Store::probe_postgres(&settings, &[]), Err(newer));
    let nowhere = database.server().unwrap().1.replace("search_path%3D", "search_path%3Dno_");
    let nowhere = PostgresSettings::parse(&nowhere).unwrap();
    let fault = Store::open_postgres(&nowhere, &[NOTES]).err().unwrap().to_string();
    assert!(fault.contains("CREATE SCHEMA"), "{fault}");
}
