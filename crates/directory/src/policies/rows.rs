//! Applications of policies as rows.

use super::NewPolicy;
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::Timestamp;
use serde::Serialize;

/// Applications that are remembered.
pub(super) const REMEMBERED: u32 = 1000;
/// Applications whose bundles are kept, to go back to.
const KEPT: i64 = 100;

/// Where policies decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyPlace {
    /// For everybody.
    Force,
    /// Beside those in force, for the record alone.
    Shadow,
}

impl PolicyPlace {
    const fn word(self) -> &'static str {
        match self {
            Self::Force => "force",
            Self::Shadow => "shadow",
        }
    }
}

/// One application: a bundle was put into a place, or the place was emptied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppliedPolicy {
    /// Counts up.
    pub seq: u64,
    /// Where.
    pub place: PolicyPlace,
    /// `apply`, `rollback` or `off`.
    pub act: String,
    /// What; `None`: nothing any more.
    pub revision: Option<String>,
    /// To which application a rollback would go.
    #[serde(skip)]
    pub falls_back_to: Option<u64>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Where the bundle came from.
    pub origin: String,
    /// What whoever built it calls it.
    pub label: Option<String>,
}

/// A source that is polled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicySource {
    /// Which: a path or a URL.
    pub origin: String,
    /// Why it cannot be used; `None`: it can.
    pub fault: Option<String>,
    /// Since when that is so.
    pub since: Timestamp,
}

const LATEST: &str = "SELECT seq, place, act, revision, falls_back_to, at, actor, origin, label \
                      FROM policy_application WHERE place = $1 ORDER BY seq DESC LIMIT 1";
const LATEST_FROM: &str = "SELECT seq, place, act, revision, falls_back_to, at, actor, origin, label \
     FROM policy_application WHERE place = $1 AND origin = $2 AND act = 'apply' ORDER BY seq DESC LIMIT 1";
const CAME: &str = "SELECT seq FROM policy_application WHERE place = $1 AND origin = $2 \
                    AND act = 'apply' AND revision = $3 AND COALESCE(label, '') = $4 LIMIT 1";
const ONE: &str = "SELECT seq, place, act, revision, falls_back_to, at, actor, origin, label \
                   FROM policy_application WHERE seq = $1";
const ALL: &str = "SELECT seq, place, act, revision, falls_back_to, at, actor, origin, label \
                   FROM policy_application ORDER BY seq DESC LIMIT $1";

pub(super) fn latest(
    tx: &mut Tx<'_>,
    place: PolicyPlace,
) -> Result<Option<AppliedPolicy>, StoreFault> {
    tx.query_row(LATEST, &[place.word().into()])?.as_ref().map(applied).transpose()
}

pub(super) fn latest_from(
    tx: &mut Tx<'_>,
    place: PolicyPlace,
    origin: &str,
) -> Result<Option<AppliedPolicy>, StoreFault> {
    let row = tx.query_row(LATEST_FROM, &[place.word().into(), origin.into()])?;
    row.as_ref().map(applied).transpose()
}

/// Whether a source brought this release before.
pub(super) fn came(
    tx: &mut Tx<'_>,
    place: PolicyPlace,
    new: &NewPolicy,
) -> Result<bool, StoreFault> {
    let values = [
        place.word().into(),
        (&new.origin).into(),
        (&new.revision).into(),
        new.label.as_deref().unwrap_or_default().into(),
    ];
    Ok(tx.query_row(CAME, &values)?.is_some())
}

pub(super) fn one(tx: &mut Tx<'_>, seq: u64) -> Result<Option<AppliedPolicy>, StoreFault> {
    tx.query_row(ONE, &[number(seq).into()])?.as_ref().map(applied).transpose()
}

pub(super) fn history(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<AppliedPolicy>, StoreFault> {
    tx.query(ALL, &[limit.min(REMEMBERED).into()])?.iter().map(applied).collect()
}

fn applied(row: &Row) -> Result<AppliedPolicy, StoreFault> {
    let seq = |number: i64| u64::try_from(number).unwrap_or_default();
    let own = |text: Option<&str>| text.map(str::to_owned);
    Ok(AppliedPolicy {
        seq: seq(row.int(0)?),
        place: match row.text(1)? {
            "shadow" => PolicyPlace::Shadow,
            _ => PolicyPlace::Force,
        },
        act: row.text(2)?.to_owned(),
        revision: own(row.opt_text(3)?),
        falls_back_to: row.opt_int(4)?.map(seq),
        at: row.time(5)?,
        by: row.text(6)?.to_owned(),
        origin: row.text(7)?.to_owned(),
        label: own(row.opt_text(8)?),
    })
}

/// The number of the next application.
pub(super) fn next(tx: &mut Tx<'_>) -> Result<u64, StoreFault> {
    let row = tx.query_row("SELECT COALESCE(MAX(seq), 0) FROM policy_application", &[])?;
    let last = row.map(|row| row.int(0)).transpose()?.unwrap_or(0);
    Ok(u64::try_from(last).unwrap_or_default() + 1)
}

pub(super) fn insert(tx: &mut Tx<'_>, applied: &AppliedPolicy) -> Result<(), StoreFault> {
    let sql = "INSERT INTO policy_application \
               (seq, place, act, revision, falls_back_to, at, actor, origin, label) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = [
        number(applied.seq).into(),
        applied.place.word().into(),
        (&applied.act).into(),
        applied.revision.as_ref().into(),
        applied.falls_back_to.map(number).into(),
        applied.at.into(),
        (&applied.by).into(),
        (&applied.origin).into(),
        applied.label.as_ref().into(),
    ];
    tx.execute(sql, &values).map(|_| ())
}

/// Keeps a bundle, by its newest file: the same policies may have been signed anew.
pub(super) fn keep(
    tx: &mut Tx<'_>,
    revision: &str,
    packed: &[u8],
    now: Timestamp,
) -> Result<(), StoreFault> {
    let sql = "INSERT INTO policy_bundle (revision, packed, kept) VALUES ($1, $2, $3) \
               ON CONFLICT (revision) DO UPDATE SET packed = excluded.packed";
    tx.execute(sql, &[revision.into(), packed.into(), now.into()]).map(|_| ())
}

pub(super) fn packed(tx: &mut Tx<'_>, revision: &str) -> Result<Option<Vec<u8>>, StoreFault> {
    let row =
        tx.query_row("SELECT packed FROM policy_bundle WHERE revision = $1", &[revision.into()])?;
    row.map(|row| row.blob(0).map(<[u8]>::to_vec)).transpose()
}

pub(super) fn is_kept(tx: &mut Tx<'_>, revision: &str) -> Result<bool, StoreFault> {
    let sql = "SELECT 1 FROM policy_bundle WHERE revision = $1";
    Ok(tx.query_row(sql, &[revision.into()])?.is_some())
}

/// Forgets applications, and bundles that nobody goes back to. What stands in a place stays.
pub(super) fn forget(tx: &mut Tx<'_>, last: u64) -> Result<(), StoreFault> {
    let bundles = "DELETE FROM policy_bundle WHERE revision NOT IN (\
                   SELECT a.revision FROM policy_application a WHERE a.revision IS NOT NULL AND (\
                   a.seq > $1 OR a.seq = (\
                   SELECT MAX(b.seq) FROM policy_application b WHERE b.place = a.place)))";
    tx.execute(bundles, &[(number(last) - KEPT).into()])?;
    let applications = "DELETE FROM policy_application WHERE seq <= $1 AND seq NOT IN (\
                        SELECT MAX(b.seq) FROM policy_application b GROUP BY b.place)";
    tx.execute(applications, &[(number(last) - i64::from(REMEMBERED)).into()]).map(|_| ())
}

pub(super) fn note_source(
    tx: &mut Tx<'_>,
    origin: &str,
    fault: Option<String>,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let sql = "INSERT INTO policy_source (origin, since, fault) VALUES ($1, $2, $3) \
               ON CONFLICT (origin) DO UPDATE SET since = excluded.since, fault = excluded.fault";
    tx.execute(sql, &[origin.into(), now.into(), fault.into()]).map(|_| ())
}

pub(super) fn sources(tx: &mut Tx<'_>) -> Result<Vec<PolicySource>, StoreFault> {
    let rows = tx.query("SELECT origin, since, fault FROM policy_source ORDER BY origin", &[])?;
    let source = |row: &Row| {
        let (origin, since) = (row.text(0)?.to_owned(), row.time(1)?);
        Ok(PolicySource { origin, since, fault: row.opt_text(2)?.map(str::to_owned) })
    };
    rows.iter().map(source).collect()
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
