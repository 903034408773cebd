//! One connection: its settings, its prepared statements.

use super::{PostgresSettings, convert, fault};
use crate::{Row, StoreFault, Value};
use postgres::{
    Client, Statement,
    error::{Error, SqlState},
    fallible_iterator::FallibleIterator,
};
use std::collections::HashMap;

/// The oldest version that has what the writer asks for.
const OLDEST: i64 = 130_000;
/// A role may turn this off; then a crash would lose what was answered.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') = 'off'";

pub(crate) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    lock: i64,
}

impl Session {
    /// Connects, and refuses a server that does not fit. `setup` are statements that hold for the session.
    pub(super) fn connect(
        settings: &PostgresSettings,
        setup: &'static str,
    ) -> Result<Self, StoreFault> {
        let client = settings.connect()?;
        let mut session = Self { client, statements: HashMap::new(), lock: 0 };
        let setup = format!("SET client_min_messages = warning; {setup}; {DURABLE}");
        session.batch(&setup).map_err(|error| settings.cannot(&fault::text(&error)))?;
        session.inspect().map_err(|fault| settings.cannot(&fault))?;
        Ok(session)
    }

    fn inspect(&mut self) -> Result<(), StoreFault> {
        let version =
            self.number("SELECT CAST(current_setting('server_version_num') AS BIGINT)")?;
        if version < OLDEST {
            let found = format!("{}.{}", version / 10_000, version % 10_000);
            return Err(StoreFault::Settings(format!(
                "the server is PostgreSQL {found}; 13 or later is needed"
            )));
        }
        let sql = "SELECT current_setting('server_encoding'), \
                   CAST(hashtext(current_schema()) AS BIGINT)";
        let row = self.rows(sql, &[], 1)?.pop().ok_or(StoreFault::Closed)?;
        if row.text(0)? != "UTF8" {
            return Err(StoreFault::Settings(format!(
                "its encoding is {}; make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
                row.text(0)?
            )));
        }
        let no_schema =
            "no schema of the role's search_path exists; make one with: CREATE SCHEMA …";
        self.lock = row.opt_int(1)?.ok_or_else(|| StoreFault::Settings(no_schema.to_owned()))?;
        Ok(())
    }

    /// The statement that waits for the one lock of all writers in this schema, until the transaction ends.
    pub(super) fn take_lock(&self) -> String {
        // The first number is ours alone among the users of advisory locks; the second is the schema's.
        format!("SELECT pg_advisory_xact_lock(1349677172, {})", self.lock)
    }

    /// Statements without values, in one round trip.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql)
    }

    /// The number that a statement answers.
    pub(super) fn number(&mut self, sql: &'static str) -> Result<i64, StoreFault> {
        self.rows(sql, &[], 1)?.first().ok_or(StoreFault::Closed)?.int(0)
    }

    /// Runs a statement; returns how many rows it changed.
    pub(crate) fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, StoreFault> {
        let statement = self.prepared(sql)?;
        let params = convert::params(&statement, values)?;
        let params: Vec<_> = params.iter().map(|param| param as _).collect();
        self.client.execute(&statement, &params).map_err(|error| self.failed(&error))
    }

    /// Runs a statement to its end; returns the first `keep` rows.
    pub(crate) fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        keep: usize,
    ) -> Result<Vec<Row>, StoreFault> {
        let statement = self.prepared(sql)?;
        let params = convert::params(&statement, values)?;
        let read = |client: &mut Client| {
            let mut found = client.query_raw(&statement, params)?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                if rows.len() < keep {
                    rows.push(row);
                }
            }
            Ok(rows)
        };
        let rows = read(&mut self.client).map_err(|error| self.failed(&error))?;
        rows.iter().map(convert::row).collect()
    }

    /// Whether the server or the network ended it.
    pub(super) fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, StoreFault> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(|error| fault::of_statement(&error))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn failed(&mut self, error: &Error) -> StoreFault {
        // A plan does not outlive a change of its table's columns.
        if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) {
            self.statements.clear();
        }
        fault::of_statement(error)
    }
}
