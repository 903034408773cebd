//! Sessions as rows.

use super::{Session, UpstreamSession};
use crate::opaque::Hash;
use portcullis_store::{Row, StoreFault, Tx, Value};
use portcullis_types::{PersonId, SessionId, Timestamp};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.person, s.authentication, s.started, s.seen, s.device, s.remote, s.upstream, \
             s.secret, s.expires, p.disabled_since \
             FROM session s JOIN person p ON p.id = s.person ",
            $rest
        )
    };
}

const BY_ID: &str = select!("WHERE s.id = $1");
const BY_PERSON: &str = select!("WHERE s.person = $1 ORDER BY s.id DESC");

/// A session with what decides whether it is in force.
pub(super) struct Kept {
    pub(super) session: Session,
    pub(super) secret: Vec<u8>,
    pub(super) expires: Timestamp,
    pub(super) disabled: bool,
}

pub(super) fn one(tx: &mut Tx<'_>, id: &str) -> Result<Option<Kept>, StoreFault> {
    tx.query_row(BY_ID, &[id.into()])?.as_ref().map(kept).transpose()
}

/// Newest first.
pub(super) fn of_person(tx: &mut Tx<'_>, person: &PersonId) -> Result<Vec<Kept>, StoreFault> {
    all(tx, BY_PERSON, &[person.as_str().into()])
}

fn all(tx: &mut Tx<'_>, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Kept>, StoreFault> {
    tx.query(sql, params)?.iter().map(kept).collect()
}

fn kept(row: &Row) -> Result<Kept, StoreFault> {
    let json = |column| -> Result<Option<UpstreamSession>, StoreFault> {
        row.opt_text(column)?.map(serde_json::from_str).transpose().map_err(StoreFault::rejected)
    };
    Ok(Kept {
        session: Session {
            id: SessionId::new(row.text(0)?).map_err(StoreFault::rejected)?,
            person: PersonId::new(row.text(1)?).map_err(StoreFault::rejected)?,
            authentication: serde_json::from_str(row.text(2)?).map_err(StoreFault::rejected)?,
            started: row.time(3)?,
            seen: row.time(4)?,
            device: row.text(5)?.to_owned(),
            remote: row.opt_text(6)?.map(str::to_owned),
            upstream: json(7)?,
        },
        secret: row.blob(8)?.to_vec(),
        expires: row.time(9)?,
        disabled: row.opt_time(10)?.is_some(),
    })
}

pub(super) fn insert(
    tx: &mut Tx<'_>,
    session: &Session,
    secret: &Hash,
    expires: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute(
        "INSERT INTO session (id, secret, person, authentication, device, remote, upstream, started, seen, \
         expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            session.id.as_str().into(),
            secret.into(),
            session.person.as_str().into(),
            json(&session.authentication)?.into(),
            (&session.device).into(),
            session.remote.as_deref().into(),
            session.upstream.as_ref().map(json).transpose()?.into(),
            session.started.into(),
            session.seen.into(),
            expires.into(),
        ],
    )?;
    vouched(tx, session)
}

pub(super) fn strengthen(
    tx: &mut Tx<'_>,
    session: &Session,
    secret: &Hash,
) -> Result<(), StoreFault> {
    tx.execute(
        "UPDATE session SET authentication = $1, secret = $2, seen = $3, upstream = $4 WHERE id = $5",
        &[
            json(&session.authentication)?.into(),
            secret.into(),
            session.seen.into(),
            session.upstream.as_ref().map(json).transpose()?.into(),
            session.id.as_str().into(),
        ],
    )?;
    vouched(tx, session)
}

/// Keeps every session elsewhere that ever vouched for this one: the end of any of them ends it.
fn vouched(tx: &mut Tx<'_>, session: &Session) -> Result<(), StoreFault> {
    let Some(upstream) = &session.upstream else { return Ok(()) };
    tx.execute(
        "INSERT INTO upstream_session (session, issuer, subject, sid) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
        &[
            session.id.as_str().into(),
            (&upstream.issuer).into(),
            (&upstream.subject).into(),
            upstream.sid.as_deref().unwrap_or_default().into(),
        ],
    )?;
    Ok(())
}

/// The sessions that a subject of an issuer vouched for. Those without a `sid` are meant by every `sid`: nobody
/// knows that they are not.
pub(super) fn of_subject(
    tx: &mut Tx<'_>,
    issuer: &str,
    subject: &str,
    sid: Option<&str>,
) -> Result<Vec<SessionId>, StoreFault> {
    let sql = "SELECT DISTINCT session FROM upstream_session WHERE subject = $1 \
         AND (issuer = $2 OR issuer = '') AND ($3 = '' OR sid = $3 OR sid = '') ORDER BY session";
    ids(tx, sql, &[subject.into(), issuer.into(), sid.unwrap_or_default().into()])
}

/// The sessions that a session of that name at an issuer vouched for.
pub(super) fn of_sid(
    tx: &mut Tx<'_>,
    issuer: &str,
    sid: &str,
) -> Result<Vec<SessionId>, StoreFault> {
    let sql = "SELECT DISTINCT session FROM upstream_session WHERE sid = $1 \
         AND (issuer = $2 OR issuer = '') ORDER BY session";
    ids(tx, sql, &[sid.into(), issuer.into()])
}

/// The sessions of a person that an issuer vouched for.
pub(super) fn of_issuer(
    tx: &mut Tx<'_>,
    person: &PersonId,
    issuer: &str,
) -> Result<Vec<SessionId>, StoreFault> {
    let sql = "SELECT DISTINCT u.session FROM upstream_session u JOIN session s ON s.id = u.session \
         WHERE s.person = $1 AND (u.issuer = $2 OR u.issuer = '') ORDER BY u.session";
    ids(tx, sql, &[person.as_str().into(), issuer.into()])
}

fn ids(
    tx: &mut Tx<'_>,
    sql: &'static str,
    params: &[Value<'_>],
) -> Result<Vec<SessionId>, StoreFault> {
    let id = |row: &Row| SessionId::new(row.text(0)?).map_err(StoreFault::rejected);
    tx.query(sql, params)?.iter().map(id).collect()
}

pub(super) fn touch(tx: &mut Tx<'_>, id: &SessionId, now: Timestamp) -> Result<(), StoreFault> {
    let sql = "UPDATE session SET seen = $1 WHERE id = $2 AND seen < $1";
    tx.execute(sql, &[now.into(), id.as_str().into()])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, id: &SessionId) -> Result<(), StoreFault> {
    tx.execute("DELETE FROM upstream_session WHERE session = $1", &[id.as_str().into()])?;
    tx.execute("DELETE FROM session WHERE id = $1", &[id.as_str().into()])?;
    Ok(())
}

/// The sessions whose time is over, some of them.
pub(super) fn over(
    tx: &mut Tx<'_>,
    now: Timestamp,
    unused_since: Timestamp,
) -> Result<Vec<SessionId>, StoreFault> {
    let sql = "SELECT id FROM session WHERE expires <= $1 OR seen <= $2 ORDER BY id LIMIT 500";
    ids(tx, sql, &[now.into(), unused_since.into()])
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreFault> {
    serde_json::to_string(value).map_err(StoreFault::rejected)
}
