//! SQLite: one writer with group commit, many readers, migrations. Knows no rule.
//!
//! Whoever writes hands a job to the one writer thread; whatever has gathered by then is committed
//! together, each job in a savepoint of its own, and nobody is answered before the disk has it
//! (`synchronous=FULL`). No type of the SQLite library leaks out and the SQL text is what SQLite and
//! PostgreSQL share, so that a second database can join behind [`Store`].

mod attached;
mod checkpoint;
mod connection;
mod fault;
mod job;
mod migration;
mod reader;
mod store;
mod tx;
mod value;
mod writer;

pub use fault::StoreFault;
pub use migration::Migration;
pub use store::Store;
pub use tx::Tx;
pub use value::{Row, Value};
