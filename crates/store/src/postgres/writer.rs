//! The one writer of this node; a lock in the database makes it take turns with those of other nodes.

use super::{
    Session, fault,
    link::{Ending, Link},
    reader::unreachable,
};
use crate::{
    Row, StoreFault, Tx,
    attached::Attached,
    closing::Closings,
    job::{Job, gather},
};
use std::sync::mpsc::Receiver;

/// Most jobs in one transaction. PostgreSQL keeps 64 savepoints of a transaction in shared memory; with more,
/// every reader has to look them up on the disk.
const BATCH: usize = 64;

/// READ COMMITTED: each statement sees what was committed before it, and so, after the lock, all that the
/// holders before us did. (A snapshot of the whole transaction would be older than the lock.)
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// A node that stops in the middle is disconnected after ten seconds, before those who wait for it give up.
pub(super) const SETUP: &str = "SET idle_in_transaction_session_timeout = '10s'; \
                                SET lock_timeout = '15s'; SET statement_timeout = '1min'";

/// The writer of one store.
pub(crate) struct Writer {
    link: Link,
    node: i64,
    /// Whether this store's name is in the list of those who committed.
    listed: bool,
}

/// What became of a batch's jobs before the commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Done,
    Undone,
}

impl Writer {
    pub(super) const fn new(link: Link, node: i64) -> Self {
        Self { link, node, listed: false }
    }

    /// The store's name among all that write to this database.
    pub(crate) const fn node(&self) -> i64 {
        self.node
    }

    /// Runs until every sender is gone and the queue is empty.
    pub(crate) fn run(mut self, attached: &Attached, jobs: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            gather(jobs, &mut batch, BATCH);
            let lost = self.commit(attached, &mut batch).map_err(unreachable).err();
            for job in batch {
                job.finish(lost.as_ref());
            }
        }
    }

    /// An error means that nothing of the whole batch was kept, unless it is [`StoreFault::Unknown`].
    fn commit(
        &mut self,
        attached: &Attached,
        batch: &mut [Box<dyn Job>],
    ) -> Result<(), StoreFault> {
        let count = self.counted();
        let savepoint = if batch.len() > 1 { "; SAVEPOINT job" } else { "" };
        let session =
            self.link.begin(|session| format!("{BEGIN}; {}{savepoint}", session.take_lock()))?;
        let outcome = match run_all(session, attached, batch) {
            Ok(Work::Done) => {
                session.batch(&format!("{count}; COMMIT")).map_err(|e| fault::of_commit(&e))
            }
            Ok(Work::Undone) => {
                self.link.settle(Ending::Open);
                return Ok(());
            }
            Err(fault) => Err(fault),
        };
        match &outcome {
            Ok(()) => {
                self.listed = true;
                self.link.settle(Ending::Closed);
            }
            // A server that became a standby, or a commit that may be on the disk: begin afresh.
            Err(StoreFault::ReadOnly | StoreFault::Unknown(_)) => self.link.drop_session(),
            Err(_) => self.link.settle(Ending::Open),
        }
        outcome
    }

    /// Counts this commit, if the transaction changed anything; reading is told to nobody.
    fn counted(&self) -> String {
        // Names of stores that are long gone would gather: now and then they are thrown together, and whoever
        // still lives lists itself again. The sum of all others never falls, so no change goes unseen.
        const TIDY: &str = "WITH old AS (DELETE FROM store_commit \
            WHERE node <> 0 AND (SELECT COUNT(*) FROM store_commit) > 64 RETURNING commits) \
            INSERT INTO store_commit (node, commits) \
            SELECT 0, CAST(SUM(commits) AS BIGINT) FROM old HAVING COUNT(*) > 0 \
            ON CONFLICT (node) DO UPDATE SET commits = store_commit.commits + excluded.commits; ";
        let tidy = if self.listed { "" } else { TIDY };
        format!(
            "{tidy}INSERT INTO store_commit (node, commits) SELECT {}, 1 \
             WHERE pg_current_xact_id_if_assigned() IS NOT NULL \
             ON CONFLICT (node) DO UPDATE SET commits = store_commit.commits + 1",
            self.node
        )
    }
}

/// One job needs no savepoint: the transaction is its own.
fn run_all(
    session: &mut Session,
    attached: &Attached,
    batch: &mut [Box<dyn Job>],
) -> Result<Work, StoreFault> {
    let mut work = Work::Undone;
    let mut closings = Closings::default();
    let last = batch.len().saturating_sub(1);
    for (index, job) in batch.iter_mut().enumerate() {
        let outcome = job.run(&mut Tx::postgres(session, attached).leaving(&mut closings));
        if session.is_lost() {
            let gone = || StoreFault::Unreachable("the connection was lost".to_owned());
            return Err(outcome.err().unwrap_or_else(gone));
        }
        let next = if outcome.is_ok() {
            work = Work::Done;
            closings.keep();
            (index < last).then_some("RELEASE job; SAVEPOINT job")
        } else {
            closings.undo();
            (last > 0).then_some("ROLLBACK TO job")
        };
        if let Some(next) = next {
            session.batch(next).map_err(|error| fault::of_statement(&error))?;
        }
    }
    if work == Work::Done {
        Tx::postgres(session, attached).leaving(&mut closings).close()?;
    }
    Ok(work)
}

/// How many commits of other stores there were on this database.
pub(crate) fn commits_elsewhere(tx: &mut Tx<'_>, node: i64) -> Result<Option<Row>, StoreFault> {
    let sql = "SELECT CAST(COALESCE(SUM(commits), 0) AS BIGINT) FROM store_commit WHERE node <> $1";
    tx.query_row(sql, &[node.into()])
}
