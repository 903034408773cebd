//! What can go wrong with the database: faults of ours, shown to no caller of the APIs.

use rusqlite::{Error, ErrorCode};

/// Why the store could not do a job. Cloned to every job of a batch whose commit failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// The database cannot be opened or is none.
    #[error("the database {path} cannot be opened: {reason}")]
    Open {
        /// The file, or the URL without its password.
        path: String,
        /// What the database or the operating system said.
        reason: String,
    },
    /// The database was written by a newer program.
    #[error(
        "the database was written by a newer version of this program: its tables of '{room}' are at step {found}, this program knows {known}; use the newer program, or a copy of the database made before the upgrade"
    )]
    Newer {
        /// Whose tables.
        room: String,
        /// The highest migration in the database.
        found: u32,
        /// The highest migration of this program; 0 if it has no such room.
        known: u32,
    },
    /// The database lacks migrations, and it was opened for reading only.
    #[error(
        "the database is older than this program ('{room}' lacks step {number}); open it once for writing"
    )]
    Older {
        /// Whose tables.
        room: &'static str,
        /// The first migration that is missing.
        number: u32,
    },
    /// A migration failed; nothing of it was kept.
    #[error("step {number} of the tables of '{room}' failed: {reason}")]
    Migration {
        /// Whose tables.
        room: &'static str,
        /// Which migration.
        number: u32,
        /// What the database said.
        reason: String,
    },
    /// A row with this key is already there.
    #[error("there is already such a row: {0}")]
    Conflict(String),
    /// The settings of the database cannot be used.
    #[error("{0}")]
    Settings(String),
    /// Another process held the database for longer than the time-out.
    #[error("the database is in use by another process")]
    Busy,
    /// The database server cannot be reached, or went away before anything was kept.
    #[error("the database server cannot be reached: {0}")]
    Unreachable(String),
    /// The database server went away during a commit: what the job did may be kept, or not.
    #[error(
        "the database server went away during a commit, and whether it was kept is not known: {0}"
    )]
    Unknown(String),
    /// The disk, or the database's page limit, is full.
    #[error("the disk is full")]
    Full,
    /// Writing was tried on a store, connection or file that can only be read.
    #[error("the database can only be read")]
    ReadOnly,
    /// The number of values does not fit the statement's parameters.
    #[error("a statement takes {expected} values and was given {found}")]
    Parameters {
        /// How many it takes.
        expected: usize,
        /// How many there were.
        found: usize,
    },
    /// A column is absent, NULL or of another type.
    #[error("column {index} is not {expected}")]
    Column {
        /// Its position, from 0.
        index: usize,
        /// What the caller took it for.
        expected: &'static str,
    },
    /// Anything else that the database reports.
    #[error("database: {0}")]
    Sql(String),
    /// What was read breaks a rule of the room that reads it, or that room gave up and wants its
    /// work rolled back.
    #[error("{0}")]
    Rejected(String),
    /// The job panicked; its work was rolled back.
    #[error("a database job panicked")]
    Panicked,
    /// The store was closed.
    #[error("the database is closed")]
    Closed,
}

impl StoreFault {
    /// Whether the same job may succeed in a moment.
    pub const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Busy | Self::Unreachable(_) | Self::Unknown(_) | Self::Full | Self::Closed
        )
    }

    /// A fault of the caller's own, in its own words; the job is rolled back.
    pub fn rejected(reason: impl std::fmt::Display) -> Self {
        Self::Rejected(reason.to_string())
    }
}

impl From<Error> for StoreFault {
    fn from(error: Error) -> Self {
        /// `SQLITE_CONSTRAINT_UNIQUE` and `SQLITE_CONSTRAINT_PRIMARYKEY`.
        const TAKEN: [i32; 2] = [2067, 1555];
        let text = error.to_string();
        match error.sqlite_error() {
            Some(e) if TAKEN.contains(&e.extended_code) => Self::Conflict(text),
            Some(e) => match e.code {
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::ReadOnly => Self::ReadOnly,
                _ => Self::Sql(text),
            },
            None => Self::Sql(text),
        }
    }
}
