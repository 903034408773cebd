//! The one writer: what has gathered in the queue is committed together.

use crate::{
    StoreFault, Tx,
    attached::Attached,
    closing::Closings,
    job::{Job, gather},
};
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, SyncSender};

/// Most jobs in one transaction.
const BATCH: usize = 512;

/// Runs until every sender is gone and the queue is empty. Says so after each commit.
pub(crate) fn run(
    connection: &Connection,
    attached: &Attached,
    jobs: &Receiver<Box<dyn Job>>,
    committed: &SyncSender<()>,
) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        gather(jobs, &mut batch, BATCH);
        let lost = commit(connection, attached, &mut batch).err();
        for job in batch {
            job.finish(lost.as_ref());
        }
        // Full means that it was said already.
        let _ = committed.try_send(());
    }
}

/// An error means that nothing of the whole batch was kept.
fn commit(
    connection: &Connection,
    attached: &Attached,
    batch: &mut [Box<dyn Job>],
) -> Result<(), StoreFault> {
    // IMMEDIATE takes the write lock now, so that no job reads what another process then changes.
    statement(connection, "BEGIN IMMEDIATE")?;
    let mut closings = Closings::default();
    let mut tx = Tx::sqlite(connection, attached).leaving(&mut closings);
    if let [job] = batch {
        return alone(connection, job.as_mut(), &mut tx);
    }
    let outcome = batch
        .iter_mut()
        .try_for_each(|job| within_savepoint(connection, job.as_mut(), &mut tx))
        .and_then(|()| tx.close())
        .and_then(|()| statement(connection, "COMMIT"));
    if outcome.is_err() {
        roll_back(connection);
    }
    outcome
}

/// One job needs no savepoint: the transaction is its own.
fn alone(connection: &Connection, job: &mut dyn Job, tx: &mut Tx<'_>) -> Result<(), StoreFault> {
    // The job keeps its own fault, and with it undone there is nothing that can be lost.
    let Ok(()) = job.run(tx) else {
        roll_back(connection);
        return Ok(());
    };
    let outcome = tx.close().and_then(|()| statement(connection, "COMMIT"));
    if outcome.is_err() {
        roll_back(connection);
    }
    outcome
}

/// If this fails too, the next BEGIN does and says why.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        let _ = statement(connection, "ROLLBACK");
    }
}

/// A job that fails is undone alone. Only if SQLite itself gave up the transaction (a full disk,
/// an I/O error) does its fault become that of the batch.
fn within_savepoint(
    connection: &Connection,
    job: &mut dyn Job,
    tx: &mut Tx<'_>,
) -> Result<(), StoreFault> {
    statement(connection, "SAVEPOINT job")?;
    match job.run(tx) {
        Err(fault) if connection.is_autocommit() => return Err(fault),
        Err(_) => {
            tx.undo();
            statement(connection, "ROLLBACK TO job")?;
        }
        Ok(()) => tx.keep(),
    }
    statement(connection, "RELEASE job")
}

fn statement(connection: &Connection, sql: &'static str) -> Result<(), StoreFault> {
    connection.prepare_cached(sql)?.raw_execute()?;
    Ok(())
}
