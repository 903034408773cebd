//! What a job may rely on.

use crate::{NOTES, open};
use portcullis_store::{Store, StoreFault, Tx, Value};
use std::{
    panic,
    sync::{Arc, Barrier},
};

fn insert(tx: &mut Tx<'_>, id: i64) -> Result<u64, StoreFault> {
    tx.execute("INSERT INTO note (id) VALUES ($1)", &[id.into()])
}

async fn ids(store: &Store) -> Vec<i64> {
    let rows = store.read(|tx| tx.query("SELECT id FROM note ORDER BY id", &[])).await.unwrap();
    rows.iter().map(|row| row.int(0).unwrap()).collect()
}

type Job<T> = Box<dyn FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send>;

/// Holds the writer up until all of `jobs` are queued, so that they are one batch.
async fn as_one_batch<T: Send + 'static>(
    store: &Store,
    jobs: Vec<Job<T>>,
) -> Vec<Result<T, StoreFault>> {
    let gate = Arc::new(Barrier::new(2));
    let (held, waiting) = (store.clone(), gate.clone());
    let holder = tokio::spawn(async move {
        let wait = move |_: &mut Tx<'_>| {
            waiting.wait();
            waiting.wait();
            Ok(())
        };
        held.write(wait).await
    });
    tokio::task::yield_now().await;
    // Once it runs, its own batch takes in nothing more.
    gate.wait();
    let mut answers = Vec::new();
    for job in jobs {
        let store = store.clone();
        answers.push(tokio::spawn(async move { store.write(job).await }));
        tokio::task::yield_now().await;
    }
    gate.wait();
    holder.await.unwrap().unwrap();
    let mut outcomes = Vec::new();
    for answer in answers {
        outcomes.push(answer.await.unwrap());
    }
    outcomes
}

#[tokio::test]
async fn a_job_that_fails_or_panics_is_undone_alone() {
    let (_folder, _path, store) = open();
    panic::set_hook(Box::new(|_| {}));
    let outcomes = as_one_batch(
        &store,
        vec![
            Box::new(|tx| insert(tx, 1)),
            Box::new(|tx| {
                insert(tx, 2)?;
                Err(StoreFault::rejected("no"))
            }),
            Box::new(|tx| {
                insert(tx, 3)?;
                panic!("in a job")
            }),
            Box::new(|tx| insert(tx, 1)),
            Box::new(|tx| insert(tx, 5)),
        ],
    )
    .await;
    assert_eq!(outcomes[0], Ok(1));
    assert_eq!(outcomes[1], Err(StoreFault::rejected("no")));
    assert_eq!(outcomes[2], Err(StoreFault::Panicked));
    assert!(matches!(&outcomes[3], Err(StoreFault::Conflict(what)) if what.contains("note.id")));
    assert_eq!(outcomes[4], Ok(1));
    assert_eq!(ids(&store).await, [1, 5]);
}

#[tokio::test]
async fn a_failed_commit_is_told_to_every_job_of_the_batch() {
    let (_folder, _path, store) = open();
    let deferred =
        "CREATE TABLE child (note BIGINT REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED)";
    store.write(move |tx| tx.execute(deferred, &[])).await.unwrap();
    let outcomes = as_one_batch(
        &store,
        vec![
            Box::new(|tx| insert(tx, 1)),
            Box::new(|tx| tx.execute("INSERT INTO child VALUES (99)", &[])),
            Box::new(|tx| insert(tx, 2)),
        ],
    )
    .await;
    assert!(outcomes.iter().all(|o| matches!(o, Err(StoreFault::Sql(_)))), "{outcomes:?}");
    assert_eq!(ids(&store).await, [0; 0]);
    store.write(|tx| insert(tx, 3)).await.unwrap();
    assert_eq!(ids(&store).await, [3], "the writer goes on");
}

#[tokio::test]
async fn a_full_disk_fails_and_the_store_recovers() {
    let (_folder, _path, store) = open();
    store.write(|tx| tx.query("PRAGMA max_page_count = 16", &[])).await.unwrap();
    let big = || vec![7u8; 200_000];
    let write = move |tx: &mut Tx<'_>| {
        tx.execute("INSERT INTO note (id, bytes) VALUES (1, $1)", &[big().into()])
    };
    assert_eq!(store.write(write).await, Err(StoreFault::Full));
    store.write(|tx| insert(tx, 2)).await.unwrap();
    store.write(|tx| tx.query("PRAGMA max_page_count = 4294967294", &[])).await.unwrap();
    store.write(write).await.unwrap();
    assert_eq!(ids(&store).await, [1, 2]);
}

#[tokio::test]
async fn values_go_in_by_their_number_and_come_back_as_they_were() {
    let (_folder, _path, store) = open();
    store
        .write(|tx| {
            let sql = "INSERT INTO note (bytes, text, id) VALUES ($3, $2, $1)";
            tx.execute(sql, &[i64::MIN.into(), "é".into(), Value::from(&[0u8, 255])])?;
            tx.execute(sql, &[2i64.into(), Value::Null, None::<&[u8]>.into()])
        })
        .await
        .unwrap();
    let sql = "SELECT id, text, bytes FROM note ORDER BY id";
    let rows = store.read(move |tx| tx.query(sql, &[])).await.unwrap();
    assert_eq!(rows[0].int(0), Ok(i64::MIN));
    assert_eq!(rows[0].text(1), Ok("é"));
    assert_eq!(rows[0].blob(2), Ok(&[0u8, 255][..]));
    assert_eq!((rows[1].opt_text(1), rows[1].opt_blob(2)), (Ok(None), Ok(None)));
    assert_eq!(rows[1].text(1), Err(StoreFault::Column { index: 1, expected: "text" }));
    assert_eq!(rows[1].int(3), Err(StoreFault::Column { index: 3, expected: "a number" }));
    let few = store.read(|tx| tx.query("SELECT $1, $2", &[1i64.into()])).await;
    assert_eq!(few, Err(StoreFault::Parameters { expected: 2, found: 1 }));
}

#[tokio::test]
async fn returning_answers_the_row_that_was_taken() {
    let (_folder, _path, store) = open();
    store.write(|tx| insert(tx, 4)).await.unwrap();
    let take = |tx: &mut Tx<'_>| tx.query_row("DELETE FROM note WHERE id = 4 RETURNING id", &[]);
    assert_eq!(store.write(take).await.unwrap().unwrap().int(0), Ok(4));
    assert_eq!(store.write(take).await.unwrap(), None);
}

#[tokio::test]
async fn foreign_keys_are_enforced() {
    let (_folder, _path, store) = open();
    let orphan = store.write(|tx| tx.execute("INSERT INTO line (note) VALUES (9)", &[])).await;
    assert!(matches!(orphan, Err(StoreFault::Sql(_))));
}

#[tokio::test]
async fn a_reader_sees_one_moment_and_cannot_write() {
    let (_folder, _path, store) = open();
    let other = store.clone();
    let seen = store
        .read(move |tx| {
            let before = tx.query("SELECT id FROM note", &[])?.len();
            other.write_blocking(|tx| insert(tx, 1))?;
            Ok((before, tx.query("SELECT id FROM note", &[])?.len()))
        })
        .await;
    assert_eq!(seen, Ok((0, 0)));
    assert_eq!(ids(&store).await, [1]);
    assert_eq!(store.read(|tx| insert(tx, 2)).await, Err(StoreFault::ReadOnly));
    panic::set_hook(Box::new(|_| {}));
    let panicked = store.read::<()>(|_| panic!("in a reader")).await;
    assert_eq!(panicked, Err(StoreFault::Panicked));
    assert_eq!(ids(&store).await, [1], "the reader goes on");
}

#[tokio::test]
async fn only_what_others_write_counts_as_changed_elsewhere() {
    let (_folder, path, store) = open();
    let at_first = store.changed_elsewhere().await.unwrap();
    store.write(|tx| insert(tx, 1)).await.unwrap();
    assert_eq!(store.changed_elsewhere().await.unwrap(), at_first);
    let other = Store::open(&path, &[NOTES]).unwrap();
    assert_eq!(store.changed_elsewhere().await.unwrap(), at_first, "opening changes nothing");
    other.write(|tx| insert(tx, 2)).await.unwrap();
    assert_ne!(store.changed_elsewhere().await.unwrap(), at_first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_file_write_at_once_and_lose_nothing() {
    let (_folder, path, first) = open();
    let second = Store::open(&path, &[NOTES]).unwrap();
    first.write(|tx| insert(tx, 0)).await.unwrap();
    let mut tasks = Vec::new();
    for store in [&first, &second] {
        for _ in 0..4 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..50 {
                    // What is read in the transaction still holds when it is written.
                    let next = "INSERT INTO note (id) SELECT MAX(id) + 1 FROM note";
                    store.write(move |tx| tx.execute(next, &[])).await.unwrap();
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(ids(&first).await, (0..=400).collect::<Vec<_>>());
}

#[test]
fn the_last_handle_may_go_inside_a_job() {
    let (_folder, _path, store) = open();
    let inner = store.clone();
    let held = Arc::new(Barrier::new(2));
    let release = held.clone();
    let job = move |_: &mut Tx<'_>| {
        release.wait();
        drop(inner);
        Ok(())
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut waiting = Box::pin(store.write(job));
    runtime.block_on(async { assert!(futures_poll_once(waiting.as_mut()).await) });
    drop(waiting);
    drop(store);
    held.wait();
}

/// Polls once; true if it is not done yet.
async fn futures_poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(future.as_mut().poll(context).is_pending())
    })
    .await
}

#[test]
fn what_is_attached_is_found_in_every_transaction() {
    struct Secret(u8);
    let (_folder, _path, store) = open();
    store.attach(Secret(1));
    store.attach(Secret(7));
    let find = |tx: &mut Tx<'_>| Ok(tx.attached::<Secret>().map(|secret| secret.0));
    assert_eq!(store.write_blocking(find), Ok(Some(7)));
    assert_eq!(store.read_blocking(find), Ok(Some(7)));
    assert_eq!(store.read_blocking(|tx| Ok(tx.attached::<u8>().is_none())), Ok(true));
}

#[test]
fn what_was_wiped_is_no_longer_in_the_file() {
    let (_folder, path, store) = open();
    let secret = &[b'k'; 200];
    let there = || {
        let file = std::fs::read(&path).unwrap();
        // A part of it is enough.
        file.windows(32).any(|bytes| bytes == [b'k'; 32])
    };
    let rows = move |tx: &mut Tx<'_>| {
        insert(tx, 1)?;
        tx.execute("INSERT INTO note (id, bytes) VALUES (2, $1)", &[secret.into()])?;
        insert(tx, 3)
    };
    store.write_blocking(rows).unwrap();
    drop(store);
    assert!(there());
    let store = Store::open(&path, &[NOTES]).unwrap();
    let wipe = "UPDATE note SET bytes = NULL WHERE id = 2";
    store.write_blocking(move |tx| tx.execute(wipe, &[])).unwrap();
    drop(store);
    assert!(!there());
}

#[tokio::test]
async fn a_job_that_fails_alone_is_undone_and_the_next_one_is_not() {
    let (_folder, _path, store) = open();
    let refused = store
        .write(|tx| {
            insert(tx, 1)?;
            Err::<(), _>(StoreFault::rejected("no"))
        })
        .await;
    assert_eq!(refused, Err(StoreFault::rejected("no")));
    store.write(|tx| insert(tx, 2)).await.unwrap();
    assert_eq!(ids(&store).await, [2]);
}
