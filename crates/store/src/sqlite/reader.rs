//! Readers: each has a read-only connection and takes the next job from the shared queue.

use crate::{StoreFault, Tx, attached::Attached, job::Job};
use rusqlite::Connection;
use std::sync::{Mutex, PoisonError, mpsc::Receiver};

/// Runs until every sender is gone and the queue is empty.
pub(crate) fn run(
    connection: &Connection,
    attached: &Attached,
    jobs: &Mutex<Receiver<Box<dyn Job>>>,
) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        let lost = snapshot(connection, attached, job.as_mut()).err();
        job.finish(lost.as_ref());
    }
}

/// All that a job reads is of one moment.
fn snapshot(
    connection: &Connection,
    attached: &Attached,
    job: &mut dyn Job,
) -> Result<(), StoreFault> {
    connection.prepare_cached("BEGIN")?.raw_execute()?;
    // The outcome stays in the job; a transaction that only read has nothing to keep or to lose.
    let _ = job.run(&mut Tx::sqlite(connection, attached));
    if !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.raw_execute()?;
    }
    Ok(())
}
