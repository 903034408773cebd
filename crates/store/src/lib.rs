//! SQLite or PostgreSQL: one writer with group commit, many readers, migrations. Knows no rule.
//!
//! Whoever writes hands a job to the one writer thread; whatever has gathered by then is committed
//! together, each job in a savepoint of its own, and nobody is answered before the disk has it. With SQLite
//! that is a file of this machine. With PostgreSQL many nodes share a database, and a lock makes their
//! writers one. No type of a driver leaks out, and there is one SQL text for both.

mod attached;
mod closing;
mod fault;
mod job;
mod migration;
mod postgres;
mod sqlite;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod value;

pub use crate::postgres::PostgresSettings;
pub use closing::Closing;
pub use fault::StoreFault;
pub use migration::Migration;
pub use store::Store;
pub use tx::Tx;
pub use value::{Row, Value};
