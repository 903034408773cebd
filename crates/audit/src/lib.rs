//! The tamper-evident record of every issuance and decision.
//!
//! Records form one chain: each is followed by the SHA-256 of the hash before it, its sequence number
//! and its own bytes, so that none can be altered, taken out, put in or moved unseen. They are stored
//! in batches, each sealed with HMAC-SHA-256 under a key that is not in the database, as is the head
//! of the chain: whoever can write to the file still cannot write the chain anew or cut its end.
//!
//! Not found by [`verify()`]: the whole file put back to an older copy of itself. Keep the [`Anchor`]
//! of a [`Report`] elsewhere and hand it to the next [`verify()`] to find that too.

mod about;
mod append;
mod brief;
mod chain;
mod cut;
pub mod explain;
mod export;
mod find;
mod frame;
mod gathered;
mod journal;
mod pack;
mod record;
mod redact;
mod report;
mod ruled;
mod verify;
mod write;

pub use about::about;
pub use append::{append, head, seal_with};
pub use chain::{Anchor, AuditKey};
pub use cut::{cut, cuttable};
pub use export::{export, verify_export};
pub use find::{find, find_act, find_issuance, tail};
pub use journal::{Commit, Journal, JournalClosed, JournalSettings, JournalTask, Offered};
pub use record::{Access, Admin, Event, Grant, Record, TokenFacts};
pub use report::{Finding, Report, Wrong};
pub use ruled::{Cursor, RuledPage, RuledRecord, ruled};
pub use verify::verify;

use portcullis_store::Migration;

/// The tables of this room.
pub const MIGRATIONS: &[Migration] = &[
    Migration { room: "audit", number: 1, sql: CHAIN },
    Migration { room: "audit", number: 2, sql: ABOUT },
];

const ABOUT: &str = "CREATE TABLE audit_about (
              person TEXT NOT NULL,
              id TEXT NOT NULL,
              at BIGINT NOT NULL,
              PRIMARY KEY (person, id)
          ) WITHOUT ROWID;";

const CHAIN: &str = "CREATE TABLE audit (
              first_seq BIGINT NOT NULL PRIMARY KEY,
              count BIGINT NOT NULL,
              min_ms BIGINT NOT NULL,
              max_ms BIGINT NOT NULL,
              prev_hash BLOB NOT NULL,
              last_hash BLOB NOT NULL,
              seal BLOB,
              body BLOB NOT NULL,
              body_length BIGINT
          );
          CREATE INDEX audit_time ON audit (max_ms, min_ms);
          CREATE TABLE audit_head (
              id BIGINT PRIMARY KEY CHECK (id = 1),
              last_seq BIGINT NOT NULL,
              last_hash BLOB NOT NULL,
              seal BLOB
          );
          CREATE TABLE audit_cut (
              id BIGINT PRIMARY KEY CHECK (id = 1),
              last_seq BIGINT NOT NULL,
              last_hash BLOB NOT NULL,
              seal BLOB
          );";
