//! Tables are made in numbered steps; each room owns its own.

use crate::StoreFault;
use rusqlite::Connection;

/// One step in the life of a room's tables. Never changed once released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Whose tables.
    pub room: &'static str,
    /// Its place among the steps of the room, from 1.
    pub number: u32,
    /// One or more statements.
    pub sql: &'static str,
}

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

fn within(connection: &Connection, ours: &[Migration]) -> Result<(), StoreFault> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration \
         (room TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (room, number))",
    )?;
    let applied = applied(connection)?;
    refuse_newer(&applied, ours)?;
    for step in missing(&applied, ours) {
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

/// For a database that is only read: it must be exactly as new as this program.
pub(crate) fn check(connection: &Connection, ours: &[Migration]) -> Result<(), StoreFault> {
    let applied = applied(connection)?;
    refuse_newer(&applied, ours)?;
    match missing(&applied, ours).first() {
        Some(step) => Err(StoreFault::Older { room: step.room, number: step.number }),
        None => Ok(()),
    }
}

/// (room, highest number applied).
fn applied(connection: &Connection) -> Result<Vec<(String, u32)>, StoreFault> {
    let mut statement =
        connection.prepare("SELECT room, MAX(number) FROM migration GROUP BY room")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A step, or a whole room, that this program does not know may hold a rule that it would break.
fn refuse_newer(applied: &[(String, u32)], ours: &[Migration]) -> Result<(), StoreFault> {
    for (room, found) in applied {
        let known = ours.iter().filter(|step| step.room == room).map(|step| step.number).max();
        let known = known.unwrap_or(0);
        if *found > known {
            return Err(StoreFault::Newer { room: room.clone(), found: *found, known });
        }
    }
    Ok(())
}

/// In the order of the numbers within a room; rooms in the order given.
fn missing<'a>(applied: &[(String, u32)], ours: &'a [Migration]) -> Vec<&'a Migration> {
    let done =
        |room| applied.iter().find(|(name, _)| name == room).map_or(0, |(_, number)| *number);
    let place = |step: &Migration| ours.iter().position(|other| other.room == step.room);
    let mut steps: Vec<_> = ours.iter().filter(|step| step.number > done(step.room)).collect();
    steps.sort_by_key(|step| (place(step), step.number));
    steps
}
