//! A transaction as a job sees it: statements in, rows out.

use crate::{Row, StoreFault, Value, attached::Attached, postgres::Session, sqlite};
use rusqlite::Connection;
use std::{any::Any, sync::Arc};

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
    failed: Option<StoreFault>,
}

enum Database<'c> {
    Sqlite(&'c Connection),
    Postgres(&'c mut Session),
}

impl<'c> Tx<'c> {
    pub(crate) const fn sqlite(connection: &'c Connection, attached: &'c Attached) -> Self {
        Self { database: Database::Sqlite(connection), attached, failed: None }
    }

    pub(crate) const fn postgres(session: &'c mut Session, attached: &'c Attached) -> Self {
        Self { database: Database::Postgres(session), attached, failed: None }
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
