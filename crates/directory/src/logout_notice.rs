//! Notices for apps that a session ended: left by whoever ends it, in the same transaction, and delivered by
//! any node (OpenID Connect Back-Channel Logout 1.0).

use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{ClientId, PersonId, SessionId, Timestamp};

/// One app that is to hear of the end of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Which app.
    pub client_id: ClientId,
    /// Which session.
    pub session: SessionId,
    /// Whose it was.
    pub person: PersonId,
    /// How often it was tried.
    pub tries: u32,
    /// When it is to be tried next.
    pub due: Timestamp,
}

/// Leaves a notice for each app that has a grant in the session, which is still there.
pub(crate) fn leave_notices(
    tx: &mut Tx<'_>,
    session: &SessionId,
    now: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute(
        // A grant that outlives its session names it in its content alone. SQLite would read ON as of a join
        // if there were no WHERE.
        "INSERT INTO logout_notice (session, client_id, person, tries, due) \
         SELECT DISTINCT CAST($1 AS TEXT), client_id, person, CAST(0 AS BIGINT), CAST($2 AS BIGINT) \
         FROM app_grant WHERE person = (SELECT person FROM session WHERE id = $1) \
         AND (session = $1 OR content LIKE $3) \
         ON CONFLICT DO NOTHING",
        &[
            session.as_str().into(),
            now.into(),
            format!("%\"session\":\"{session}\"%").into(),
        ],
    )?;
    Ok(())
}

/// The notices whose time has come, at most `limit`, longest due first.
pub fn notices_due(
    tx: &mut Tx<'_>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<LogoutNotice>, StoreFault> {
    let sql = "SELECT client_id, session, person, tries, due FROM logout_notice \
         WHERE due <= $1 ORDER BY due LIMIT $2";
    tx.query(sql, &[now.into(), limit.into()])?.iter().map(notice).collect()
}

/// Takes a notice until `again`: then it is due for everybody once more. False if another node has it.
pub fn take_notice(
    tx: &mut Tx<'_>,
    notice: &LogoutNotice,
    again: Timestamp,
) -> Result<bool, StoreFault> {
    let taken = tx.execute(
        "UPDATE logout_notice SET tries = tries + 1, due = $1 \
         WHERE session = $2 AND client_id = $3 AND due = $4",
        &[
            again.into(),
            notice.session.as_str().into(),
            notice.client_id.as_str().into(),
            notice.due.into(),
        ],
    )?;
    Ok(taken == 1)
}

/// The app knows, or will not be told any more.
pub fn drop_notice(tx: &mut Tx<'_>, notice: &LogoutNotice) -> Result<(), StoreFault> {
    tx.execute(
        "DELETE FROM logout_notice WHERE session = $1 AND client_id = $2",
        &[notice.session.as_str().into(), notice.client_id.as_str().into()],
    )?;
    Ok(())
}

fn notice(row: &Row) -> Result<LogoutNotice, StoreFault> {
    Ok(LogoutNotice {
        client_id: ClientId::new(row.text(0)?).map_err(StoreFault::rejected)?,
        session: SessionId::new(row.text(1)?).map_err(StoreFault::rejected)?,
        person: PersonId::new(row.text(2)?).map_err(StoreFault::rejected)?,
        tries: u32::try_from(row.int(3)?).unwrap_or(u32::MAX),
        due: row.time(4)?,
    })
}
