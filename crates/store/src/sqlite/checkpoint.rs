//! Moves what was committed from the write-ahead log to the database, beside the writer: a commit that had
//! to do it would make everyone behind it wait for two syncs more.

use crate::StoreFault;
use rusqlite::Connection;
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

/// Between two checkpoints, while there are commits.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs until the writer is gone. Hears of commits through `committed`; sleeps while there are none.
pub(crate) fn run(connection: &Connection, committed: &Receiver<()>) {
    while committed.recv().is_ok() && paused(committed) {
        // PASSIVE waits for nobody. What it leaves, or fails to do, the next one does, or the writer at its
        // own limit, which reports.
        let _ = checkpoint(connection);
    }
}

/// False if the writer went away meanwhile.
fn paused(committed: &Receiver<()>) -> bool {
    let until = Instant::now() + PAUSE;
    loop {
        match committed.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn checkpoint(connection: &Connection) -> Result<(), StoreFault> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    statement.query_row([], |_| Ok(()))?;
    Ok(())
}
