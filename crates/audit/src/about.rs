//! Which records are about a person: a list of names beside the chain. Evidence is the chain alone; the list
//! spares who asks for one person's records from reading everybody's.

use crate::{Event, Record, find};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{DecisionId, PersonId};

/// Notes whom a record is about, in its own transaction.
pub(crate) fn note(tx: &mut Tx<'_>, record: &Record<'_>) -> Result<(), StoreFault> {
    let person = match &record.event {
        Event::Admin(admin) => PersonId::new(&admin.target).ok(),
        Event::Grant(grant) => grant.person.clone(),
        Event::Access(_) => None,
    };
    let Some(person) = person else { return Ok(()) };
    tx.execute(
        "INSERT INTO audit_about (person, id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        &[person.as_str().into(), record.id.to_string().into(), record.at.into()],
    )?;
    Ok(())
}

/// Forgets what points before the oldest record that is left.
pub(crate) fn forget(tx: &mut Tx<'_>) -> Result<(), StoreFault> {
    let sql = "DELETE FROM audit_about WHERE at < (SELECT MIN(min_ms) FROM audit)";
    tx.execute(sql, &[]).map(drop)
}

/// The newest records about a person: sign-ins, changes, access of apps. At most `limit`, newest first.
pub fn about(
    tx: &mut Tx<'_>,
    person: &PersonId,
    limit: usize,
) -> Result<Vec<Record<'static>>, StoreFault> {
    let sql = "SELECT id FROM audit_about WHERE person = $1 ORDER BY id DESC LIMIT $2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = tx.query(sql, &[person.as_str().into(), limit.into()])?;
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: DecisionId = row.text(0)?.parse().map_err(StoreFault::rejected)?;
        records.extend(find(tx, id)?);
    }
    Ok(records)
}
