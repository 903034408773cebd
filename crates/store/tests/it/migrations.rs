//! Opening: what is applied, what is refused.

use crate::{NOTES, open};
use portcullis_store::{Migration, Store, StoreFault};
use std::{fs, thread};

const SECOND: Migration =
    Migration { room: "notes", number: 2, sql: "ALTER TABLE note ADD COLUMN title TEXT" };

fn titled(store: &Store) -> bool {
    store.read_blocking(|tx| tx.query("SELECT title FROM note", &[])).is_ok()
}

#[test]
fn missing_steps_are_applied_in_order_and_once() {
    let (_folder, path, store) = open();
    drop(store);
    let store = Store::open(&path, &[SECOND, NOTES]).unwrap();
    assert!(titled(&store));
    drop(store);
    assert!(titled(&Store::open(&path, &[NOTES, SECOND]).unwrap()));
    let fresh = path.with_file_name("fresh.db");
    assert!(titled(&Store::open(&fresh, &[SECOND, NOTES]).unwrap()), "sorted by number");
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let (_folder, path, store) = open();
    drop(store);
    drop(Store::open(&path, &[NOTES, SECOND]).unwrap());
    let newer = StoreFault::Newer { room: "notes".to_owned(), found: 2, known: 1 };
    assert_eq!(Store::open(&path, &[NOTES]).err(), Some(newer));
    let unknown = StoreFault::Newer { room: "notes".to_owned(), found: 2, known: 0 };
    assert_eq!(Store::open(&path, &[]).err(), Some(unknown));
}

#[test]
fn a_failing_step_keeps_nothing_of_any_step() {
    let (_folder, path, store) = open();
    drop(store);
    let broken =
        Migration { room: "notes", number: 3, sql: "ALTER TABLE nothing ADD COLUMN x TEXT" };
    let fault = Store::open(&path, &[NOTES, SECOND, broken]).err().unwrap();
    assert!(matches!(fault, StoreFault::Migration { room: "notes", number: 3, .. }), "{fault}");
    assert!(!titled(&Store::open(&path, &[NOTES]).unwrap()));
}

#[test]
fn many_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = Store::open(&path, &[NOTES, SECOND]).unwrap();
                assert!(titled(&store));
            });
        }
    });
}

#[test]
fn the_file_is_for_its_owner_alone_and_tidy_when_closed() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path, store) = open();
    store.write_blocking(|tx| tx.execute("INSERT INTO note (id) VALUES (1)", &[])).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    drop(store);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no -wal, no -shm");
    assert!(path.exists());
}

#[test]
fn what_is_no_database_and_what_cannot_be_opened_is_said_with_its_path() {
    let (folder, _path, _store) = open();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "not a database, but long enough to look like one".repeat(40)).unwrap();
    for path in [text, folder.path().join("no/such/folder.db"), folder.path().to_owned()] {
        let fault = Store::open(&path, &[NOTES]).err().unwrap();
        assert!(fault.to_string().contains(&path.display().to_string()), "{fault}");
    }
}

#[test]
fn a_store_for_reading_reads_and_never_writes() {
    let (_folder, path, store) = open();
    store.write_blocking(|tx| tx.execute("INSERT INTO note (id) VALUES (7)", &[])).unwrap();
    let reading = Store::open_read_only(&path, &[NOTES]).unwrap();
    let row = reading.read_blocking(|tx| tx.query_row("SELECT id FROM note", &[])).unwrap();
    assert_eq!(row.unwrap().int(0), Ok(7));
    assert_eq!(reading.write_blocking(|_| Ok(())), Err(StoreFault::ReadOnly));
    let sneaky = reading.read_blocking(|tx| tx.execute("DELETE FROM note", &[]));
    assert_eq!(sneaky, Err(StoreFault::ReadOnly));
    let older = Store::open_read_only(&path, &[NOTES, SECOND]).err();
    assert_eq!(older, Some(StoreFault::Older { room: "notes", number: 2 }));
    assert!(Store::open_read_only(&path.with_file_name("none.db"), &[NOTES]).is_err());
}
