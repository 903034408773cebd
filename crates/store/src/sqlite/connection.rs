//! How a connection is opened: durable, bounded, patient with other processes.

use crate::StoreFault;
use rusqlite::{Connection, OpenFlags};
use std::{fs, io, path::Path, thread, time::Duration};

/// How long to wait for another process that holds the write lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two attempts where SQLite does not wait by itself.
const PAUSE: Duration = Duration::from_millis(20);
/// Prepared statements kept per connection; all rooms together have fewer.
const STATEMENTS: usize = 256;

/// Opens, or creates with mode 0600, the database for writing.
pub(crate) fn writer(path: &Path) -> Result<Connection, StoreFault> {
    create(path).map_err(|e| cannot(path, &e))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    enter_wal(&connection).map_err(|e| cannot(path, &e))?;
    // FULL: a commit that was answered survives a power cut. The writer makes a checkpoint of its own only
    // when the one beside it has fallen 64 MiB behind. secure_delete: what was a sealed key is zeros once
    // its row is wiped, and so are records that were cut.
    let settings = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384; \
                    PRAGMA wal_autocheckpoint = 16384; PRAGMA journal_size_limit = 67108864; \
                    PRAGMA secure_delete = ON;";
    connection.execute_batch(settings).map_err(|e| cannot(path, &e))?;
    Ok(connection)
}

/// Opens an existing database for reading.
pub(crate) fn reader(path: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    let settings = "PRAGMA query_only = ON; PRAGMA cache_size = -8192;";
    connection.execute_batch(settings).map_err(|e| cannot(path, &e))?;
    Ok(connection)
}

/// `-wal` and `-shm` get the mode of the database file from SQLite.
fn create(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreFault> {
    let prepare = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Functions with side effects must not run because a stranger's schema says so.
        connection.execute_batch("PRAGMA trusted_schema = OFF;")?;
        Ok(connection)
    };
    prepare().map_err(|e: rusqlite::Error| cannot(path, &e))
}

/// Two processes that open a new file at once can meet in the change to WAL, and there SQLite
/// reports "busy" without waiting.
fn enter_wal(connection: &Connection) -> rusqlite::Result<()> {
    let enter =
        || connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
    let mut left = PATIENCE.as_millis() / PAUSE.as_millis();
    loop {
        match enter() {
            Ok(mode) if str::eq_ignore_ascii_case(&mode, "wal") => return Ok(()),
            Err(error) if left == 0 || !is_busy(&error) => return Err(error),
            Ok(_) if left == 0 => return Err(rusqlite::Error::InvalidQuery),
            Ok(_) | Err(_) => {}
        }
        left -= 1;
        thread::sleep(PAUSE);
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

pub(crate) fn cannot(path: &Path, reason: &dyn std::fmt::Display) -> StoreFault {
    StoreFault::Open { path: path.display().to_string(), reason: reason.to_string() }
}
