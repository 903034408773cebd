//! Passkeys as rows.

use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{PersonId, Timestamp};
use webauthn_rs::prelude::Passkey;

/// What is known about a passkey, for its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyFacts {
    /// Its credential id, base64url.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was used last.
    pub last_used: Option<Timestamp>,
}

/// A passkey with its owner.
pub(super) struct Kept {
    pub(super) person: PersonId,
    pub(super) passkey: Passkey,
}

pub(super) fn of_person(
    tx: &mut Tx<'_>,
    person: &PersonId,
) -> Result<Vec<PasskeyFacts>, StoreFault> {
    let sql =
        "SELECT id, name, created, last_used FROM passkey WHERE person = $1 ORDER BY created, id";
    let facts = |row: &Row| {
        Ok(PasskeyFacts {
            id: row.text(0)?.to_owned(),
            name: row.text(1)?.to_owned(),
            created: row.time(2)?,
            last_used: row.opt_time(3)?,
        })
    };
    tx.query(sql, &[person.as_str().into()])?.iter().map(facts).collect()
}

pub(super) fn one(tx: &mut Tx<'_>, id: &str) -> Result<Option<Kept>, StoreFault> {
    let sql = "SELECT person, credential FROM passkey WHERE id = $1";
    let kept = |row: Row| {
        Ok(Kept {
            person: PersonId::new(row.text(0)?).map_err(StoreFault::rejected)?,
            passkey: serde_json::from_str(row.text(1)?).map_err(StoreFault::rejected)?,
        })
    };
    tx.query_row(sql, &[id.into()])?.map(kept).transpose()
}

/// False if there is one with this id, whosever it is.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    (id, name): (&str, &str),
    kept: &Kept,
    now: Timestamp,
) -> Result<bool, StoreFault> {
    let inserted = tx.execute(
        "INSERT INTO passkey (id, person, name, credential, created) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING",
        &[
            id.into(),
            kept.person.as_str().into(),
            name.into(),
            json(&kept.passkey)?.into(),
            now.into(),
        ],
    )?;
    Ok(inserted == 1)
}

pub(super) fn used(
    tx: &mut Tx<'_>,
    id: &str,
    passkey: &Passkey,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let sql = "UPDATE passkey SET credential = $1, last_used = $2 WHERE id = $3";
    tx.execute(sql, &[json(passkey)?.into(), now.into(), id.into()])?;
    Ok(())
}

fn json(passkey: &Passkey) -> Result<String, StoreFault> {
    serde_json::to_string(passkey).map_err(StoreFault::rejected)
}
