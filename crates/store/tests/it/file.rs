//! What only a SQLite file has: its mode, its neighbours, its pages.

use crate::{NOTES, SECOND, ids, insert};
use portcullis_store::{Store, StoreFault, Tx};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

fn open() -> (TempDir, PathBuf, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path, &[NOTES]).unwrap();
    (folder, path, store)
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
