//! The store over both databases, with real files, a real PostgreSQL server, real threads and a second store in
//! the place of another process.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

/// Makes each test run on both databases.
macro_rules! on_both {
    (async { $($waits:ident,)* } $($test:ident,)*) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $waits() {
                    super::$waits(portcullis_store::testing::Database::sqlite()).await;
                }
            )*
            $(
                #[test]
                fn $test() {
                    super::$test(&portcullis_store::testing::Database::sqlite());
                }
            )*
        }
        mod on_postgres {
            $(
                #[tokio::test]
                async fn $waits() {
                    super::$waits(portcullis_store::testing::Database::postgres()).await;
                }
            )*
            $(
                #[test]
                fn $test() {
                    super::$test(&portcullis_store::testing::Database::postgres());
                }
            )*
        }
    };
}

mod file;
mod migrations;
mod server;
mod settings;
mod transactions;

use portcullis_store::{Migration, StoreFault, Tx};

const NOTES: Migration = Migration {
    room: "notes",
    number: 1,
    sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT, bytes BLOB); \
          CREATE TABLE line (note BIGINT NOT NULL REFERENCES note (id));",
};
const SECOND: Migration =
    Migration { room: "notes", number: 2, sql: "ALTER TABLE note ADD COLUMN title TEXT" };

fn insert(tx: &mut Tx<'_>, id: i64) -> Result<u64, StoreFault> {
    tx.execute("INSERT INTO note (id) VALUES ($1)", &[id.into()])
}

async fn ids(store: &portcullis_store::Store) -> Vec<i64> {
    let rows = store.read(|tx| tx.query("SELECT id FROM note ORDER BY id", &[])).await.unwrap();
    rows.iter().map(|row| row.int(0).unwrap()).collect()
}
