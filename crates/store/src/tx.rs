//! A transaction as a job sees it: statements in, rows out.

use crate::{
    Closing, Row, StoreFault, Value, attached::Attached, closing::Closings, postgres::Session,
    sqlite,
};
use rusqlite::Connection;
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// An open transaction. It is committed when the job returns `Ok` and undone when it returns `Err`.
///
/// SQL text names its values `$1`, `$2`, … as PostgreSQL does and is limited to what SQLite and
/// PostgreSQL share. It is `'static`: no text is ever put together from what came from outside, and
/// each statement is prepared once per connection.
///
/// A statement that fails ends the job: whatever the job does with the fault, its work is undone and the
/// fault is its answer. (PostgreSQL can do nothing else, so SQLite is held to it.) What may well happen is
/// asked for with `ON CONFLICT`, not tried.
pub struct Tx<'c> {
    database: Database<'c>,
    attached: &'c Attached,
    /// `None` in a transaction that only reads.
    closings: Option<&'c mut Closings>,
    failed: Option<StoreFault>,
}

enum Database<'c> {
    Sqlite(&'c Connection),
    Postgres(&'c mut Session),
}

impl<'c> Tx<'c> {
    pub(crate) const fn sqlite(connection: &'c Connection, attached: &'c Attached) -> Self {
        Self { database: Database::Sqlite(connection), attached, closings: None, failed: None }
    }

    pub(crate) const fn postgres(session: &'c mut Session, attached: &'c Attached) -> Self {
        Self { database: Database::Postgres(session), attached, closings: None, failed: None }
    }

    /// In a transaction that writes.
    pub(crate) fn leaving(self, closings: &'c mut Closings) -> Self {
        Self { closings: Some(closings), ..self }
    }

    /// Runs a statement that answers no rows; returns how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreFault> {
        let outcome = match &mut self.database {
            Database::Sqlite(connection) => sqlite::execute(connection, sql, params),
            Database::Postgres(session) => session.execute(sql, params),
        };
        self.heeding(outcome)
    }

    /// All rows that a statement answers. Bound it with `LIMIT` where a table can grow.
    pub fn query(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreFault> {
        self.rows(sql, params, usize::MAX)
    }

    /// The first row that a statement answers. A `RETURNING` statement runs to its end.
    pub fn query_row(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Option<Row>, StoreFault> {
        Ok(self.rows(sql, params, 1)?.into_iter().next())
    }

    /// What was fastened to the store with [`Store::attach`](crate::Store::attach).
    pub fn attached<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.attached.find()
    }

    /// What the jobs of this transaction leave to its end, of one type.
    pub fn closing<T: Closing + Default>(&mut self) -> Result<&mut T, StoreFault> {
        let closings = self.closings.as_deref_mut().ok_or(StoreFault::ReadOnly)?;
        closings.of().ok_or(StoreFault::Closed)
    }

    /// Writes what was left to the end.
    pub(crate) fn close(&mut self) -> Result<(), StoreFault> {
        let Some(closings) = self.closings.as_deref_mut() else { return Ok(()) };
        for closing in closings.take() {
            // Unwind safety: the transaction is rolled back.
            let closed = catch_unwind(AssertUnwindSafe(|| closing.close(self)));
            closed.unwrap_or(Err(StoreFault::Panicked))?;
        }
        self.take_fault().map_or(Ok(()), Err)
    }

    /// The job that ran last is done.
    pub(crate) fn keep(&mut self) {
        self.closings.as_deref_mut().into_iter().for_each(Closings::keep);
    }

    /// The job that ran last is undone.
    pub(crate) fn undo(&mut self) {
        self.closings.as_deref_mut().into_iter().for_each(Closings::undo);
    }

    /// The first fault since this was last asked.
    pub(crate) const fn take_fault(&mut self) -> Option<StoreFault> {
        self.failed.take()
    }

    fn rows(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        keep: usize,
    ) -> Result<Vec<Row>, StoreFault> {
        let outcome = match &mut self.database {
            Database::Sqlite(connection) => sqlite::rows(connection, sql, params, keep),
            Database::Postgres(session) => session.rows(sql, params, keep),
        };
        self.heeding(outcome)
    }

    fn heeding<T>(&mut self, outcome: Result<T, StoreFault>) -> Result<T, StoreFault> {
        if let Err(fault) = &outcome
            && self.failed.is_none()
        {
            self.failed = Some(fault.clone());
        }
        outcome
    }
}
