//! A transaction as a job sees it: statements in, rows out.

use crate::{Row, StoreFault, Value, attached::Attached};
use rusqlite::{CachedStatement, Connection};
use std::{any::Any, sync::Arc};

/// An open transaction. It is committed when the job returns `Ok` and undone when it returns `Err`.
///
/// SQL text names its values `$1`, `$2`, … as PostgreSQL does and is limited to what SQLite and
/// PostgreSQL share. It is `'static`: no text is ever put together from what came from outside, and
/// each statement is prepared once per connection.
pub struct Tx<'c> {
    connection: &'c Connection,
    attached: &'c Attached,
}

impl<'c> Tx<'c> {
    pub(crate) const fn new(connection: &'c Connection, attached: &'c Attached) -> Self {
        Self { connection, attached }
    }

    /// Runs a statement that answers no rows; returns how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, StoreFault> {
        let changed = self.bound(sql, params)?.raw_execute()?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
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

    fn rows(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
        keep: usize,
    ) -> Result<Vec<Row>, StoreFault> {
        let mut statement = self.bound(sql, params)?;
        let columns = statement.column_count();
        let reading = statement.readonly();
        let mut cursor = statement.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = cursor.next()? {
            if rows.len() < keep {
                let values = (0..columns).map(|column| row.get_ref(column).map(Value::read));
                rows.push(Row(values.collect::<Result<_, _>>()?));
            } else if reading {
                break;
            }
        }
        Ok(rows)
    }

    /// SQLite numbers `$2`, `$1` in order of appearance; they are bound by name here, so that the
    /// text means the same as in PostgreSQL.
    fn bound(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<CachedStatement<'c>, StoreFault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let expected = statement.parameter_count();
        let mismatch = || StoreFault::Parameters { expected, found: params.len() };
        if expected != params.len() {
            return Err(mismatch());
        }
        for index in 1..=expected {
            let number =
                statement.parameter_name(index).and_then(|name| name.get(1..)?.parse().ok());
            let value = number.and_then(|n: usize| params.get(n.checked_sub(1)?));
            statement.raw_bind_parameter(index, value.ok_or_else(mismatch)?)?;
        }
        Ok(statement)
    }
}
