//! Migrations in a SQLite file.

use crate::{Migration, StoreFault, migration::Applied};
use rusqlite::Connection;

/// Applies what is missing, all in one transaction. The write lock comes first, so that of two
/// processes that start at once the second finds the work done.
pub(crate) fn apply(connection: &Connection, ours: &[Migration]) -> Result<(), StoreFault> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let outcome = within(connection, ours).and_then(|()| Ok(connection.execute_batch("COMMIT")?));
    if outcome.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    outcome
}

/// For a database that is only read.
pub(crate) fn check(connection: &Connection, ours: &[Migration]) -> Result<(), StoreFault> {
    applied(connection)?.complete(ours)
}

fn within(connection: &Connection, ours: &[Migration]) -> Result<(), StoreFault> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration \
         (room TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (room, number))",
    )?;
    for step in applied(connection)?.missing(ours)? {
        connection.execute_batch(step.sql).map_err(|e| StoreFault::Migration {
            room: step.room,
            number: step.number,
            reason: e.to_string(),
        })?;
        connection.execute(
            "INSERT INTO migration (room, number) VALUES ($1, $2)",
            (step.room, step.number),
        )?;
    }
    Ok(())
}

fn applied(connection: &Connection) -> Result<Applied, StoreFault> {
    let mut statement =
        connection.prepare("SELECT room, MAX(number) FROM migration GROUP BY room")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Applied(rows.collect::<Result<_, _>>()?))
}
