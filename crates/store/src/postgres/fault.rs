//! What PostgreSQL and its driver report, as faults of the store.

use crate::StoreFault;
use postgres::error::{Error, Severity, SqlState};
use std::{error::Error as _, fmt::Write as _, io};

/// A statement failed. Says what the server said, but not its details: they show values.
pub(super) fn of_statement(error: &Error) -> StoreFault {
    let Some(found) = error.as_db_error() else {
        return if error.is_closed() || is_io(error) {
            StoreFault::Unreachable(text(error))
        } else {
            StoreFault::Sql(text(error))
        };
    };
    if ends_the_session(error) {
        return StoreFault::Unreachable(found.message().to_owned());
    }
    match found.code() {
        code if *code == SqlState::UNIQUE_VIOLATION => {
            let table = found.table().unwrap_or("?");
            StoreFault::Conflict(format!("{} (table {table})", found.message()))
        }
        code if [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
        ]
        .contains(code) =>
        {
            StoreFault::Busy
        }
        code if *code == SqlState::DISK_FULL => StoreFault::Full,
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => StoreFault::ReadOnly,
        code => StoreFault::Sql(format!("{} (SQLSTATE {})", found.message(), code.code())),
    }
}

/// A commit failed. An error of the server's means that it undid everything; anything else may have come
/// after the commit was kept.
pub(super) fn of_commit(error: &Error) -> StoreFault {
    if error.as_db_error().is_some() && !ends_the_session(error) {
        of_statement(error)
    } else {
        StoreFault::Unknown(text(error))
    }
}

/// Whether the connection is of no more use.
pub(super) fn ends_the_session(error: &Error) -> bool {
    match error.as_db_error() {
        Some(found) => {
            matches!(found.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
                || found.code().code().starts_with("57P")
        }
        None => error.is_closed() || is_io(error),
    }
}

/// The error with its reasons.
pub(super) fn text(error: &Error) -> String {
    if let Some(found) = error.as_db_error() {
        return found.message().to_owned();
    }
    let mut text = error.to_string();
    let mut reason = error.source();
    while let Some(found) = reason {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {found}");
        reason = found.source();
    }
    text
}

fn is_io(error: &Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>)
}
