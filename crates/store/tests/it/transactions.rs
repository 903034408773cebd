//! What a job may rely on.

use crate::{NOTES, ids, insert};
use portcullis_store::{Store, StoreFault, Tx, Value, testing::Database};
use std::{
    panic,
    sync::{Arc, Barrier},
};

on_both! {
    async {
        a_job_that_fails_or_panics_is_undone_alone,
        a_failed_commit_is_told_to_every_job_of_the_batch,
        a_fault_that_a_job_makes_light_of_ends_it_all_the_same,
        values_go_in_by_their_number_and_come_back_as_they_were,
        what_databases_call_differently_reads_the_same,
        returning_answers_the_row_that_was_taken,
        foreign_keys_are_enforced,
        a_reader_sees_one_moment_and_cannot_write,
        only_what_others_write_counts_as_changed_elsewhere,
        two_stores_on_one_database_write_at_once_and_lose_nothing,
        a_job_that_fails_alone_is_undone_and_the_next_one_is_not,
    }
    the_last_handle_may_go_inside_a_job,
    what_is_attached_is_found_in_every_transaction,
}

pub(crate) type Job<T> = Box<dyn FnOnce(&mut Tx<'_>) -> Result<T, StoreFault> + Send>;

/// Holds the writer up until all of `jobs` are queued, so that they are one batch.
pub(crate) async fn as_one_batch<T: Send + 'static>(
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

async fn a_job_that_fails_or_panics_is_undone_alone(database: Database) {
    let store = database.open(&[NOTES]);
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
    assert!(matches!(&outcomes[3], Err(StoreFault::Conflict(what)) if what.contains("note")));
    assert_eq!(outcomes[4], Ok(1));
    assert_eq!(ids(&store).await, [1, 5]);
}

async fn a_failed_commit_is_told_to_every_job_of_the_batch(database: Database) {
    let store = database.open(&[NOTES]);
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

async fn values_go_in_by_their_number_and_come_back_as_they_were(database: Database) {
    let store = database.open(&[NOTES]);
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
    let few =
        store.read(|tx| tx.query("SELECT id FROM note WHERE id IN ($1, $2)", &[1.into()])).await;
    assert_eq!(few, Err(StoreFault::Parameters { expected: 2, found: 1 }));
}

async fn returning_answers_the_row_that_was_taken(database: Database) {
    let store = database.open(&[NOTES]);
    store.write(|tx| insert(tx, 4)).await.unwrap();
    let take = |tx: &mut Tx<'_>| tx.query_row("DELETE FROM note WHERE id = 4 RETURNING id", &[]);
    assert_eq!(store.write(take).await.unwrap().unwrap().int(0), Ok(4));
    assert_eq!(store.write(take).await.unwrap(), None);
}

async fn what_databases_call_differently_reads_the_same(database: Database) {
    let store = database.open(&[NOTES]);
    store.write(|tx| insert(tx, 4)).await.unwrap();
    let row = |sql: &'static str| store.read(move |tx| tx.query_row(sql, &[]));
    let truth =
        row("SELECT EXISTS (SELECT 1 FROM note), id = 5, 7, COUNT(*) FROM note GROUP BY id");
    let truth = truth.await.unwrap().unwrap();
    assert_eq!([0, 1, 2, 3].map(|at| truth.int(at).unwrap()), [1, 0, 7, 1]);
    let sum = row("SELECT CAST(SUM(id) AS BIGINT), COALESCE(MAX(id), 0) FROM note").await.unwrap();
    assert_eq!(sum.map(|row| (row.int(0), row.int(1))), Some((Ok(4), Ok(4))));
    let limit = store.read(|tx| {
        tx.query("SELECT id FROM note WHERE id + $1 > 4 LIMIT $2", &[1.into(), 9.into()])
    });
    assert_eq!(limit.await.unwrap().len(), 1);
}

async fn a_fault_that_a_job_makes_light_of_ends_it_all_the_same(database: Database) {
    let store = database.open(&[NOTES]);
    store.write(|tx| insert(tx, 1)).await.unwrap();
    let careless = |tx: &mut Tx<'_>| {
        insert(tx, 2)?;
        let _ = insert(tx, 1);
        let _ = insert(tx, 3);
        Ok(7)
    };
    let alone = store.write(careless).await;
    assert!(matches!(alone, Err(StoreFault::Conflict(_))), "{alone:?}");
    let jobs: Vec<Job<u64>> = vec![Box::new(careless), Box::new(|tx| insert(tx, 4))];
    let outcomes = as_one_batch(&store, jobs).await;
    assert!(matches!(outcomes[0], Err(StoreFault::Conflict(_))), "{outcomes:?}");
    assert_eq!(outcomes[1], Ok(1));
    assert_eq!(ids(&store).await, [1, 4]);
}

async fn foreign_keys_are_enforced(database: Database) {
    let store = database.open(&[NOTES]);
    let orphan = store.write(|tx| tx.execute("INSERT INTO line (note) VALUES (9)", &[])).await;
    assert!(matches!(orphan, Err(StoreFault::Sql(_))));
}

async fn a_reader_sees_one_moment_and_cannot_write(database: Database) {
    let store = database.open(&[NOTES]);
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

async fn only_what_others_write_counts_as_changed_elsewhere(database: Database) {
    let store = database.open(&[NOTES]);
    let at_first = store.changed_elsewhere().await.unwrap();
    store.write(|tx| insert(tx, 1)).await.unwrap();
    assert_eq!(store.changed_elsewhere().await.unwrap(), at_first);
    let other = database.open(&[NOTES]);
    assert_eq!(store.changed_elsewhere().await.unwrap(), at_first, "opening changes nothing");
    other.write(|tx| insert(tx, 2)).await.unwrap();
    assert_ne!(store.changed_elsewhere().await.unwrap(), at_first);
    let seen = other.changed_elsewhere().await.unwrap();
    other.write(|tx| insert(tx, 3)).await.unwrap();
    store.write(|tx| tx.query("SELECT id FROM note", &[])).await.unwrap();
    store.write(|_| Err::<(), _>(StoreFault::rejected("no"))).await.unwrap_err();
    assert_eq!(other.changed_elsewhere().await.unwrap(), seen, "reading and failing are no change");
}

async fn two_stores_on_one_database_write_at_once_and_lose_nothing(database: Database) {
    let first = database.open(&[NOTES]);
    let second = database.open(&[NOTES]);
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

fn the_last_handle_may_go_inside_a_job(database: &Database) {
    let store = database.open(&[NOTES]);
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

fn what_is_attached_is_found_in_every_transaction(database: &Database) {
    struct Secret(u8);
    let store = database.open(&[NOTES]);
    store.attach(Secret(1));
    store.attach(Secret(7));
    let find = |tx: &mut Tx<'_>| Ok(tx.attached::<Secret>().map(|secret| secret.0));
    assert_eq!(store.write_blocking(find), Ok(Some(7)));
    assert_eq!(store.read_blocking(find), Ok(Some(7)));
    assert_eq!(store.read_blocking(|tx| Ok(tx.attached::<u8>().is_none())), Ok(true));
}

async fn a_job_that_fails_alone_is_undone_and_the_next_one_is_not(database: Database) {
    let store = database.open(&[NOTES]);
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
