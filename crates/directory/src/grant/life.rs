//! Grants: how each begins, goes on and ends. Ending one refuses its refresh tokens at once, and its access
//! tokens wherever revocations are heard.

use super::{PORTION, RevocationKind, code, device, revoke};
use crate::{Authorization, session_by_id_in, touch_session};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{
    Audience, ClientId, GrantId, IdentityScope, IdentityScopes, Jti, PersonId, Scopes, SessionId,
    Timestamp, Ttl,
};
use serde::{Deserialize, Serialize};

/// How long what was granted lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantSettings {
    /// A refresh token that was not used for so long is good no more.
    pub idle: Ttl,
    /// A grant ends after so long, used or not.
    pub max: Ttl,
    /// For how long after its use a refresh token is answered again, in case the answer was lost.
    pub grace: Ttl,
}

impl Default for GrantSettings {
    fn default() -> Self {
        Self {
            idle: Ttl::seconds(30 * 24 * 3600),
            max: Ttl::seconds(365 * 24 * 3600),
            grace: Ttl::seconds(10),
        }
    }
}

/// The key that a grant is bound to, by its thumbprint (RFC 9449 §5, RFC 8705 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// A key of DPoP: its `jkt`.
    Dpop(String),
    /// A client certificate: its `x5t#S256`.
    Certificate(String),
}

/// A grant in force.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Its name.
    pub id: GrantId,
    /// What was granted.
    pub authorization: Authorization,
    /// The key that its refresh tokens are bound to.
    pub bound: Option<Bound>,
    /// When it began.
    pub created: Timestamp,
}

/// A grant as its person, or an operator, sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantFacts {
    /// Its name.
    pub id: GrantId,
    /// Which app.
    pub client_id: ClientId,
    /// Whose.
    pub person: PersonId,
    /// The session that it ends with.
    pub session: Option<SessionId>,
    /// What the app may learn.
    pub identity: IdentityScopes,
    /// What the app may do.
    pub scope: Scopes,
    /// At which API.
    pub resource: Option<Audience>,
    /// When it began.
    pub created: Timestamp,
    /// When it last yielded a token.
    pub last_used: Timestamp,
    /// Whether it outlives the session.
    pub offline: bool,
}

const TOKEN_LIFE: Ttl = Ttl::LONGEST_ACCESS_TOKEN;

/// Begins the grant of a code that was redeemed and passed all checks.
pub fn begin_grant(
    tx: &mut Tx<'_>,
    id: &GrantId,
    authorization: &Authorization,
    jti: &Jti,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let offline = authorization.identity.has(IdentityScope::OfflineAccess);
    let session = authorization.session.as_ref().filter(|_| !offline);
    let content = serde_json::to_string(authorization).map_err(StoreFault::rejected)?;
    tx.execute(
        "INSERT INTO app_grant (id, client_id, person, session, content, created, last_used, expires, \
         number, jti) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, 0, $8)",
        &[
            id.as_str().into(),
            authorization.client_id.as_str().into(),
            authorization.person.as_str().into(),
            session.map(SessionId::as_str).into(),
            content.into(),
            now.into(),
            now.plus(TOKEN_LIFE).into(),
            jti.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Notes which access token the grant yielded last, and when.
pub fn keep_jti(
    tx: &mut Tx<'_>,
    id: &GrantId,
    jti: &Jti,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let sql = "UPDATE app_grant SET jti = $1, last_used = $2 WHERE id = $3";
    tx.execute(sql, &[jti.as_str().into(), now.into(), id.as_str().into()])?;
    Ok(())
}

/// The grant of that name, if it is in force: not ended, not expired, its session alive unless it outlives it.
pub fn grant_in(
    tx: &mut Tx<'_>,
    id: &GrantId,
    now: Timestamp,
) -> Result<Option<Granted>, StoreFault> {
    let sql =
        "SELECT content, bound, created, expires, ended, session FROM app_grant WHERE id = $1";
    let Some(row) = tx.query_row(sql, &[id.as_str().into()])? else { return Ok(None) };
    if row.opt_time(4)?.is_some() || row.time(3)? <= now {
        return Ok(None);
    }
    if let Some(session) = row.opt_text(5)? {
        let session = SessionId::new(session).map_err(StoreFault::rejected)?;
        if session_by_id_in(tx, &session, now)?.is_none() {
            return Ok(None);
        }
    }
    let authorization = serde_json::from_str(row.text(0)?).map_err(StoreFault::rejected)?;
    let bound = bound(row.opt_text(1)?)?;
    Ok(Some(Granted { id: id.clone(), authorization, bound, created: row.time(2)? }))
}

pub(super) fn bound(text: Option<&str>) -> Result<Option<Bound>, StoreFault> {
    text.map(serde_json::from_str).transpose().map_err(StoreFault::rejected)
}

/// Whether the session of a grant is alive; notes that it was used. Its person may be disabled: that is another
/// question.
pub(super) fn session_alive(
    tx: &mut Tx<'_>,
    session: &SessionId,
    now: Timestamp,
) -> Result<bool, StoreFault> {
    let Some(session) = session_by_id_in(tx, session, now)? else { return Ok(false) };
    touch_session(tx, &session, now)?;
    Ok(true)
}

/// Ends a grant, with all its tokens. False: there is none in force. The record is the caller's; publish
/// revocations after the commit: [`Directory::publish`](crate::Directory::publish).
pub fn end_grant(tx: &mut Tx<'_>, id: &GrantId, now: Timestamp) -> Result<bool, StoreFault> {
    let sql = "UPDATE app_grant SET ended = $1 WHERE id = $2 AND ended IS NULL";
    let ended = tx.execute(sql, &[now.into(), id.as_str().into()])? > 0;
    if ended {
        revoke(tx, RevocationKind::Grant, id.as_str(), now)?;
    }
    Ok(ended)
}

/// Ends all grants of a person: when they are disabled or go, or the password is a new one. Codes that nobody
/// redeemed yet expire, so that nothing in flight lands afterwards. Says how many grants.
pub fn end_grants_of_person(
    tx: &mut Tx<'_>,
    person: &PersonId,
    now: Timestamp,
) -> Result<u64, StoreFault> {
    code::expire(tx, person, now)?;
    device::expire(tx, person, now)?;
    let sql = "SELECT id FROM app_grant WHERE person = $1 AND ended IS NULL AND expires > $2";
    let rows = tx.query(sql, &[person.as_str().into(), now.into()])?;
    end_all(tx, &rows, now)
}

/// Ends all grants of a person to one app. Says how many.
pub fn end_grants_of_client(
    tx: &mut Tx<'_>,
    person: &PersonId,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<u64, StoreFault> {
    let sql = "SELECT id FROM app_grant WHERE person = $1 AND client_id = $2 AND ended IS NULL \
         AND expires > $3";
    let params = [person.as_str().into(), client_id.as_str().into(), now.into()];
    let rows = tx.query(sql, &params)?;
    end_all(tx, &rows, now)
}

fn end_all(tx: &mut Tx<'_>, rows: &[Row], now: Timestamp) -> Result<u64, StoreFault> {
    let mut ended = 0;
    for row in rows {
        let id = GrantId::new(row.text(0)?).map_err(StoreFault::rejected)?;
        ended += u64::from(end_grant(tx, &id, now)?);
    }
    Ok(ended)
}

/// Ends what depends on a session: its access tokens by revocations, of the session and of each grant, since apps with
/// pairwise subjects know the session by other names. Its grants need no mark of their own: they ask for the session
/// each time.
pub fn end_of_session(
    tx: &mut Tx<'_>,
    (session, person): (&SessionId, &PersonId),
    now: Timestamp,
) -> Result<(), StoreFault> {
    revoke(tx, RevocationKind::Session, session.as_str(), now)?;
    let sql = "SELECT id FROM app_grant WHERE person = $1 AND session = $2 AND ended IS NULL \
         AND last_used > $3";
    let alive = now.minus(TOKEN_LIFE);
    let params = [person.as_str().into(), session.as_str().into(), alive.into()];
    for row in tx.query(sql, &params)? {
        revoke(tx, RevocationKind::Grant, row.text(0)?, now)?;
    }
    Ok(())
}

/// The grants of a person that are in force, newest first; at most 500.
pub fn grants_of(
    tx: &mut Tx<'_>,
    person: &PersonId,
    now: Timestamp,
) -> Result<Vec<GrantFacts>, StoreFault> {
    let idle = tx.attached::<GrantSettings>().unwrap_or_default().idle;
    let sql = "SELECT g.id, g.session, g.content, g.created, g.last_used, g.family \
         FROM app_grant g LEFT JOIN session s ON s.id = g.session \
         WHERE g.person = $1 AND g.ended IS NULL AND g.expires > $2 \
         AND (g.session IS NULL OR s.expires > $2) ORDER BY g.id DESC LIMIT 500";
    let rows = tx.query(sql, &[person.as_str().into(), now.into()])?;
    let mut grants = Vec::with_capacity(rows.len());
    for row in &rows {
        let facts = facts(row)?;
        // Without refresh tokens it lasts as long as its access token may.
        let life = if row.opt_blob(5)?.is_some() { idle } else { TOKEN_LIFE };
        if facts.last_used.plus(life) > now {
            grants.push(facts);
        }
    }
    Ok(grants)
}

fn facts(row: &Row) -> Result<GrantFacts, StoreFault> {
    let authorization: Authorization =
        serde_json::from_str(row.text(2)?).map_err(StoreFault::rejected)?;
    let session = row.opt_text(1)?.map(SessionId::new).transpose();
    Ok(GrantFacts {
        id: GrantId::new(row.text(0)?).map_err(StoreFault::rejected)?,
        client_id: authorization.client_id,
        person: authorization.person,
        session: session.map_err(StoreFault::rejected)?,
        identity: authorization.identity,
        scope: authorization.scope,
        resource: authorization.resource,
        created: row.time(3)?,
        last_used: row.time(4)?,
        offline: authorization.identity.has(IdentityScope::OfflineAccess),
    })
}

/// Job: forgets grants that are over, looking at a portion of them behind `after`. Gives where to go on; `None`
/// at the end.
pub(crate) fn purge_some(
    tx: &mut Tx<'_>,
    after: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreFault> {
    let idle = tx.attached::<GrantSettings>().unwrap_or_default().idle;
    let sql = "SELECT id FROM app_grant WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";
    let last = tx.query_row(sql, &[after.into(), (PORTION - 1).into()])?;
    let last = last.map(|row| row.text(0).map(str::to_owned)).transpose()?;
    // `~` sorts behind all ids.
    let until = last.clone().unwrap_or_else(|| "~".to_owned());
    tx.execute(
        "DELETE FROM app_grant WHERE id > $1 AND id <= $2 AND (expires <= $3 OR ended <= $4 OR \
         last_used <= $5)",
        &[
            after.into(),
            until.into(),
            now.into(),
            now.minus(TOKEN_LIFE).into(),
            now.minus(idle.max(TOKEN_LIFE)).into(),
        ],
    )?;
    Ok(last)
}
