//! Readers: each has a connection of its own and takes the next job from the shared queue.

use super::{
    PostgresSettings,
    link::{Ending, Link},
};
use crate::{StoreFault, Tx, attached::Attached, job::Job};
use std::sync::{Mutex, PoisonError, mpsc::Receiver};

/// All that a job reads is of one moment, that of its first statement.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// A reader is in nobody's way, but keeps the database from tidying up.
const SETUP: &str =
    "SET statement_timeout = '5min'; SET idle_in_transaction_session_timeout = '10min'";

/// Runs until every sender is gone and the queue is empty.
pub(crate) fn run(
    settings: PostgresSettings,
    attached: &Attached,
    jobs: &Mutex<Receiver<Box<dyn Job>>>,
) {
    let mut link = Link::new(settings, SETUP);
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        match link.begin(|_| BEGIN.to_owned()) {
            Ok(session) => {
                // A transaction that only read has nothing to keep or to lose: nobody waits for its end.
                let _ = job.run(&mut Tx::postgres(session, attached));
                job.finish(None);
                link.settle(Ending::Open);
            }
            Err(fault) => job.finish(Some(&unreachable(fault))),
        }
    }
}

/// After the start, a database that does not open is one that cannot be reached.
pub(super) fn unreachable(fault: StoreFault) -> StoreFault {
    match fault {
        StoreFault::Open { path, reason } => StoreFault::Unreachable(format!("{path}: {reason}")),
        fault => fault,
    }
}
