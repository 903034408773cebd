//! Migrations in a PostgreSQL schema.

use super::{Session, dialect, fault};
use crate::{Migration, StoreFault, migration::Applied};

/// The list of steps, and who has committed how often: see [`commits_elsewhere`](super::commits_elsewhere).
const OWN_TABLES: &str = "\
    CREATE TABLE migration (room TEXT COLLATE \"C\" NOT NULL, number BIGINT NOT NULL, \
        PRIMARY KEY (room, number)); \
    CREATE SEQUENCE store_node; \
    CREATE TABLE store_commit (node BIGINT PRIMARY KEY, commits BIGINT NOT NULL) \
        WITH (fillfactor = 50);";
const ARE_THERE: &str = "SELECT to_regclass(format('%I.migration', current_schema())) IS NOT NULL";

/// Applies what is missing, all in one transaction, under the lock of all writers: of two nodes that start
/// at once the second finds the work done.
pub(super) fn apply(session: &mut Session, ours: &[Migration]) -> Result<(), StoreFault> {
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '10min'; {}; \
         SET LOCAL statement_timeout = 0",
        session.take_lock()
    );
    session.batch(&begin).map_err(|error| fault::of_statement(&error))?;
    let outcome = within(session, ours);
    if outcome.is_err() {
        let _ = session.batch("ROLLBACK");
        return outcome;
    }
    session.batch("COMMIT").map_err(|error| fault::of_commit(&error))
}

/// Whether these tables are as new as this program, or older, or not there.
pub(super) fn look(session: &mut Session, ours: &[Migration]) -> Result<(), StoreFault> {
    if session.number(ARE_THERE)? == 1 {
        applied(session)?.missing(ours)?;
    }
    Ok(())
}

fn within(session: &mut Session, ours: &[Migration]) -> Result<(), StoreFault> {
    // Asked for, not tried: so that a role that may make no tables can use those that are there.
    if session.number(ARE_THERE)? == 0 {
        session.batch(OWN_TABLES).map_err(|error| StoreFault::Migration {
            room: "store",
            number: 1,
            reason: fault::text(&error),
        })?;
    }
    for step in applied(session)?.missing(ours)? {
        session.batch(&dialect::tables(step.sql)).map_err(|error| StoreFault::Migration {
            room: step.room,
            number: step.number,
            reason: fault::text(&error),
        })?;
        session.execute(
            "INSERT INTO migration (room, number) VALUES ($1, $2)",
            &[step.room.into(), step.number.into()],
        )?;
    }
    Ok(())
}

fn applied(session: &mut Session) -> Result<Applied, StoreFault> {
    let rows =
        session.rows("SELECT room, MAX(number) FROM migration GROUP BY room", &[], usize::MAX)?;
    let step = |row: &crate::Row| {
        let number = u32::try_from(row.int(1)?).map_err(StoreFault::rejected)?;
        Ok((row.text(0)?.to_owned(), number))
    };
    rows.iter().map(step).collect::<Result<_, _>>().map(Applied)
}
