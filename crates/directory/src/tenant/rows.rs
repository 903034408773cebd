//! Tenants as rows.

use super::{KnownTenant, TenantProblem, TenantRecord, record::RecordHome};
use crate::Fault;
use portcullis_store::{Row, StoreFault, Tx, Value};
use portcullis_types::{Tenant, TenantHalt, Timestamp};

const COLUMNS: &str =
    "SELECT id, record, halt, halted, version, created, updated, given FROM tenant ORDER BY id";
const ONE: &str =
    "SELECT id, record, halt, halted, version, created, updated, given FROM tenant WHERE id = $1";
/// Differs whenever any tenant does.
const STATE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(version), 0) AS BIGINT), COALESCE(MAX(updated), 0) \
     FROM tenant";

/// Every tenant. One whose row cannot be read stands still, and the others go on.
pub(super) fn all(tx: &mut Tx<'_>, home: &RecordHome<'_>) -> Result<Vec<KnownTenant>, Fault> {
    let rows = tx.query(COLUMNS, &[])?;
    let all = rows.iter().filter_map(|row| match known(row, home) {
        Ok(tenant) => Some(tenant),
        Err(fault) => {
            tracing::error!(%fault, "a tenant's row cannot be read: the tenant is halted");
            unreadable(row, &fault)
        }
    });
    Ok(all.collect())
}

/// What is left of a tenant whose row is damaged: its name, and that nothing is open to it. `None` without a name.
fn unreadable(row: &Row, fault: &Fault) -> Option<KnownTenant> {
    let id = Tenant::new(row.text(0).ok()?).ok()?;
    let now = row.time(6).unwrap_or(Timestamp::from_seconds(0));
    let ended = matches!(row.opt_text(2), Ok(Some(word)) if word == TenantHalt::Ended.word());
    let halt = if ended { TenantHalt::Ended } else { TenantHalt::Suspended };
    let since = row.opt_time(3).ok().flatten().unwrap_or(now);
    let problem = TenantProblem {
        field: String::new(),
        problem: fault.to_string(),
        remedy: "bring the row back from a backup".to_owned(),
    };
    Some(KnownTenant {
        record: TenantRecord::unknown(&id),
        id,
        given: None,
        problems: vec![problem],
        trusts: Vec::new(),
        crossings: Vec::new(),
        halted: Some((halt, since)),
        version: row.int(4).ok().and_then(|version| u64::try_from(version).ok()).unwrap_or(0),
        created: row.time(5).unwrap_or(now),
        updated: now,
    })
}

/// By which one sees that something changed: every change counts a version up.
pub(super) fn state(tx: &mut Tx<'_>) -> Result<[i64; 3], StoreFault> {
    let row = tx.query_row(STATE, &[])?;
    row.map_or(Ok([0; 3]), |row| Ok([row.int(0)?, row.int(1)?, row.int(2)?]))
}

/// One tenant, for a change of it.
pub(super) fn one(
    tx: &mut Tx<'_>,
    id: &Tenant,
    home: &RecordHome<'_>,
) -> Result<Option<KnownTenant>, Fault> {
    tx.query_row(ONE, &[id.as_str().into()])?.as_ref().map(|row| known(row, home)).transpose()
}

fn known(row: &Row, home: &RecordHome<'_>) -> Result<KnownTenant, Fault> {
    let id = row.text(0)?;
    let damaged = |problem: String| Fault::TenantRow { tenant: id.to_owned(), problem };
    let read = |text: &str| -> Result<TenantRecord, Fault> {
        serde_json::from_str(text).map_err(|fault| damaged(fault.to_string()))
    };
    let (record, given) = (read(row.text(1)?)?, row.opt_text(7)?.map(read).transpose()?);
    let id = Tenant::new(id).map_err(|fault| damaged(fault.to_string()))?;
    // What it was held against may have changed since: then it trusts nobody, and says why.
    let (checked, problems) = match record.checked(&id, home) {
        Ok(checked) => (checked, Vec::new()),
        Err(problems) => (Default::default(), problems),
    };
    let (trusts, crossings) = checked;
    let halt = row.opt_text(2)?.map(|word| {
        let known = [TenantHalt::Suspended, TenantHalt::Ended];
        known.into_iter().find(|halt| halt.word() == word).ok_or_else(|| damaged(word.to_owned()))
    });
    let halted = halt.transpose()?.zip(row.opt_time(3)?);
    let version = u64::try_from(row.int(4)?).unwrap_or_default();
    let (created, updated) = (row.time(5)?, row.time(6)?);
    Ok(KnownTenant {
        id,
        record,
        given,
        problems,
        trusts,
        crossings,
        halted,
        version,
        created,
        updated,
    })
}

/// A new one; `false` if there is one of that id.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    id: &Tenant,
    record: &TenantRecord,
    now: Timestamp,
) -> Result<bool, Fault> {
    let sql = "INSERT INTO tenant (id, record, version, created, updated) \
               VALUES ($1, $2, 1, $3, $4) ON CONFLICT DO NOTHING";
    let record = written(record)?;
    Ok(tx.execute(sql, &[id.as_str().into(), record.into(), now.into(), now.into()])? == 1)
}

/// `given`: what the operator said, if the record is no longer that.
pub(super) fn update(
    tx: &mut Tx<'_>,
    id: &Tenant,
    (record, given): (&TenantRecord, Option<&TenantRecord>),
    now: Timestamp,
) -> Result<(), Fault> {
    let sql = "UPDATE tenant SET record = $2, version = version + 1, updated = $3, given = $4 \
               WHERE id = $1";
    let given = given.map(written).transpose()?;
    let row = [id.as_str().into(), written(record)?.into(), now.into(), given.into()];
    tx.execute(sql, &row)?;
    Ok(())
}

pub(super) fn set_halt(
    tx: &mut Tx<'_>,
    id: &Tenant,
    halt: Option<TenantHalt>,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let sql = "UPDATE tenant SET halt = $2, halted = $3, version = version + 1, updated = $4 \
               WHERE id = $1";
    let since: Value<'_> = halt.map(|_| now).into();
    tx.execute(sql, &[id.as_str().into(), halt.map(TenantHalt::word).into(), since, now.into()])?;
    Ok(())
}

fn written(record: &TenantRecord) -> Result<String, Fault> {
    serde_json::to_string(record).map_err(|fault| Fault::Invalid(fault.to_string()))
}
