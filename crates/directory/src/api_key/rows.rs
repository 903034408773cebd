//! API keys as rows.

use super::ApiKey;
use crate::secret::Tag;
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{PrincipalKey, Tenant, Timestamp};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, tenant, name, sub, scopes, imported, created, expires, disabled, last_used, mark \
             FROM api_key ",
            $rest
        )
    };
}

pub(super) fn all(tx: &mut Tx<'_>) -> Result<Vec<ApiKey>, StoreFault> {
    tx.query(select!("ORDER BY id"), &[])?.iter().map(key).collect()
}

pub(super) fn one(tx: &mut Tx<'_>, id: &str) -> Result<Option<ApiKey>, StoreFault> {
    tx.query_row(select!("WHERE id = $1"), &[id.into()])?.as_ref().map(key).transpose()
}

/// The key of that mark, and the mark as it is kept.
pub(super) fn by_mark(tx: &mut Tx<'_>, mark: &Tag) -> Result<Option<(ApiKey, Tag)>, StoreFault> {
    let Some(row) = tx.query_row(select!("WHERE mark = $1"), &[mark.bytes().into()])? else {
        return Ok(None);
    };
    let kept = <[u8; 32]>::try_from(row.blob(10)?).map(Tag::of);
    Ok(Some((key(&row)?, kept.unwrap_or(Tag::NONE))))
}

/// False if there is a key of that mark.
pub(super) fn insert(tx: &mut Tx<'_>, key: &ApiKey, mark: &Tag) -> Result<bool, StoreFault> {
    let scopes: Vec<_> = key.scopes.iter().map(ToString::to_string).collect();
    let sql = "INSERT INTO api_key (id, tenant, name, sub, scopes, imported, created, expires, mark) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let inserted = tx.execute(
        sql,
        &[
            key.id.as_str().into(),
            key.tenant.as_ref().map(Tenant::as_str).into(),
            key.name.as_str().into(),
            key.sub.as_str().into(),
            scopes.join(" ").into(),
            i64::from(key.imported).into(),
            key.created.into(),
            key.expires.into(),
            mark.bytes().into(),
        ],
    )?;
    Ok(inserted == 1)
}

pub(super) fn set_disabled(
    tx: &mut Tx<'_>,
    id: &str,
    since: Option<Timestamp>,
) -> Result<(), StoreFault> {
    tx.execute("UPDATE api_key SET disabled = $1 WHERE id = $2", &[since.into(), id.into()])?;
    Ok(())
}

pub(super) fn touch(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<(), StoreFault> {
    tx.execute("UPDATE api_key SET last_used = $1 WHERE id = $2", &[now.into(), id.into()])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreFault> {
    tx.execute("DELETE FROM api_key WHERE id = $1", &[id.into()])?;
    Ok(())
}

fn key(row: &Row) -> Result<ApiKey, StoreFault> {
    let damaged = |fault: &dyn std::error::Error| StoreFault::rejected(fault);
    let tenant = row.opt_text(1)?.map(Tenant::new).transpose();
    let scopes = row.text(4)?.split(' ').filter(|word| !word.is_empty()).map(str::parse);
    Ok(ApiKey {
        id: row.text(0)?.to_owned(),
        tenant: tenant.map_err(|fault| damaged(&fault))?,
        name: row.text(2)?.to_owned(),
        sub: PrincipalKey::new(row.text(3)?).map_err(|fault| damaged(&fault))?,
        scopes: scopes.collect::<Result<_, _>>().map_err(|fault| damaged(&fault))?,
        imported: row.int(5)? != 0,
        created: row.time(6)?,
        expires: row.opt_time(7)?,
        disabled_since: row.opt_time(8)?,
        last_used: row.opt_time(9)?,
    })
}
