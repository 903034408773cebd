//! A database for each test: a SQLite file, or a schema on a real PostgreSQL server that the test process
//! starts once and that ends with it.
//!
//! `PORTCULLIS_TEST_STORE=postgres` makes [`Database::fresh`] choose PostgreSQL. Not part of the program.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

mod server;

pub use server::{Durability, Server, Tls};

use crate::{Migration, PostgresSettings, Store, StoreFault};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};
use tempfile::TempDir;

/// A database that is empty at first and goes with this value, and a folder for whatever else a test needs.
pub struct Database {
    folder: TempDir,
    place: Place,
}

enum Place {
    File(PathBuf),
    Schema { server: &'static Server, schema: String, url: String },
}

impl Database {
    /// Of the kind that `PORTCULLIS_TEST_STORE` names: `sqlite` (also if it is not set) or `postgres`.
    pub fn fresh() -> Self {
        if postgres_is_wanted() { Self::postgres() } else { Self::sqlite() }
    }

    /// A file in a folder of its own.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Place::File(folder.path().join("store.db"));
        Self { folder, place }
    }

    /// A schema of its own on the one server of this process.
    pub fn postgres() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let server = Server::shared();
        let schema = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.sql(&format!("CREATE SCHEMA {schema} AUTHORIZATION portcullis"));
        let url = server.url(&schema);
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, place: Place::Schema { server, schema, url } }
    }

    /// Opens it; each time as another process would.
    pub fn open(&self, migrations: &[Migration]) -> Store {
        self.try_open(migrations).unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Opens it, or says why not.
    pub fn try_open(&self, migrations: &[Migration]) -> Result<Store, StoreFault> {
        open(&self.address(), migrations)
    }

    /// What another process needs to [`open`] it: a path or a URL.
    pub fn address(&self) -> String {
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Schema { url, .. } => url.clone(),
        }
    }

    /// Whether these bytes lie anywhere in it: in a file, or in a column of a table.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        match &self.place {
            Place::File(_) => {
                let files = fs::read_dir(self.folder.path()).expect("our folder");
                let mut files = files.map(|file| fs::read(file.expect("a file").path()));
                files.any(|file| {
                    file.expect("our file").windows(bytes.len()).any(|part| part == bytes)
                })
            }
            Place::Schema { server, schema, .. } => server.holds(schema, bytes),
        }
    }

    /// The SQLite file; `None` for PostgreSQL.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Schema { .. } => None,
        }
    }

    /// The server and the URL of this database there; `None` for SQLite.
    pub const fn server(&self) -> Option<(&'static Server, &str)> {
        match &self.place {
            Place::File(_) => None,
            Place::Schema { server, url, .. } => Some((*server, url.as_str())),
        }
    }

    /// A folder that goes with this value.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Opens what [`Database::address`] names.
pub fn open(address: &str, migrations: &[Migration]) -> Result<Store, StoreFault> {
    if address.starts_with("postgres://") {
        Store::open_postgres(&PostgresSettings::parse(address)?, migrations)
    } else {
        Store::open(Path::new(address), migrations)
    }
}

/// Whether tests that can run on one kind of database only should run on PostgreSQL.
pub fn postgres_is_wanted() -> bool {
    match std::env::var("PORTCULLIS_TEST_STORE").as_deref() {
        Ok("postgres") => true,
        Ok("sqlite") | Err(_) => false,
        Ok(other) => panic!("PORTCULLIS_TEST_STORE is '{other}', expected sqlite or postgres"),
    }
}
