//! Opening: what is applied, what is refused.

use crate::{NOTES, SECOND, ids, insert};
use portcullis_store::{Migration, Store, StoreFault, testing::Database};
use std::thread;

on_both! {
    async { texts_are_ordered_by_their_bytes, }
    missing_steps_are_applied_in_order_and_once,
    a_newer_database_is_refused_and_left_alone,
    a_failing_step_keeps_nothing_of_any_step,
    many_open_a_new_database_at_once,
}

fn titled(store: &Store) -> bool {
    store.read_blocking(|tx| tx.query("SELECT title FROM note", &[])).is_ok()
}

fn missing_steps_are_applied_in_order_and_once(database: &Database) {
    drop(database.open(&[NOTES]));
    let store = database.open(&[SECOND, NOTES]);
    assert!(titled(&store));
    drop(store);
    assert!(titled(&database.open(&[NOTES, SECOND])));
    let fresh = if database.file().is_some() { Database::sqlite() } else { Database::postgres() };
    assert!(titled(&fresh.open(&[SECOND, NOTES])), "sorted by number");
}

fn a_newer_database_is_refused_and_left_alone(database: &Database) {
    drop(database.open(&[NOTES, SECOND]));
    let newer = StoreFault::Newer { room: "notes".to_owned(), found: 2, known: 1 };
    assert_eq!(database.try_open(&[NOTES]).err(), Some(newer));
    let unknown = StoreFault::Newer { room: "notes".to_owned(), found: 2, known: 0 };
    assert_eq!(database.try_open(&[]).err(), Some(unknown));
}

fn a_failing_step_keeps_nothing_of_any_step(database: &Database) {
    drop(database.open(&[NOTES]));
    let broken =
        Migration { room: "notes", number: 3, sql: "ALTER TABLE nothing ADD COLUMN x TEXT" };
    let fault = database.try_open(&[NOTES, SECOND, broken]).err().unwrap();
    assert!(matches!(fault, StoreFault::Migration { room: "notes", number: 3, .. }), "{fault}");
    assert!(!titled(&database.open(&[NOTES])));
}

fn many_open_a_new_database_at_once(database: &Database) {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = database.open(&[NOTES, SECOND]);
                assert!(titled(&store));
            });
        }
    });
}

async fn texts_are_ordered_by_their_bytes(database: Database) {
    let store = database.open(&[NOTES, SECOND]);
    store
        .write(|tx| {
            for (id, text) in [(1, "b"), (2, "B"), (3, "é"), (4, "a"), (5, "_"), (6, "Z")] {
                insert(tx, id)?;
                let sql = "UPDATE note SET text = $1, title = $1 WHERE id = $2";
                tx.execute(sql, &[text.into(), id.into()])?;
            }
            Ok(())
        })
        .await
        .unwrap();
    for sql in ["SELECT id FROM note ORDER BY text", "SELECT id FROM note ORDER BY title"] {
        let rows = store.read(move |tx| tx.query(sql, &[])).await.unwrap();
        let order: Vec<_> = rows.iter().map(|row| row.int(0).unwrap()).collect();
        assert_eq!(order, [2, 6, 5, 4, 1, 3]);
    }
    let row = store.read(|tx| tx.query_row("SELECT MAX(text) FROM note WHERE text < 'a'", &[]));
    assert_eq!(row.await.unwrap().unwrap().text(0), Ok("_"));
    assert_eq!(ids(&store).await.len(), 6);
}
