//! The store with real files, real threads and a second store in the place of another process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod migrations;
mod transactions;

use portcullis_store::{Migration, Store};
use std::path::PathBuf;
use tempfile::TempDir;

const NOTES: Migration = Migration {
    room: "notes",
    number: 1,
    sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT, bytes BLOB); \
          CREATE TABLE line (note BIGINT NOT NULL REFERENCES note (id));",
};

fn open() -> (TempDir, PathBuf, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path, &[NOTES]).unwrap();
    (folder, path, store)
}
