//! The end of a session elsewhere, which ends those here that it vouched for.

use super::{life, rows};
use crate::Deed;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{PersonId, SessionId, Timestamp};

/// Ends the sessions that a session at another provider vouched for, at their beginning or later; all of its
/// subject's if `sid` is none (OpenID Connect Back-Channel Logout 1.0 §2.6). Says which. Publish the revocations
/// after the commit: [`Directory::publish`](crate::Directory::publish).
pub fn end_upstream_sessions(
    tx: &mut Tx<'_>,
    deed: Deed,
    issuer: &str,
    subject: Option<&str>,
    sid: Option<&str>,
) -> Result<Vec<SessionId>, StoreFault> {
    let meant = match (subject, sid) {
        (Some(subject), sid) => rows::of_subject(tx, issuer, subject, sid)?,
        (None, Some(sid)) => rows::of_sid(tx, issuer, sid)?,
        (None, None) => Vec::new(),
    };
    let mut ended = Vec::new();
    let mut person = None;
    for id in meant {
        let Some(kept) = rows::one(tx, id.as_str())? else { continue };
        life::end(tx, (&id, &kept.session.person), deed.at())?;
        person.get_or_insert(kept.session.person);
        ended.push(id);
    }
    if let Some(person) = person {
        let deed = deed.with("sessions", ended.len().to_string());
        deed.with("issuer", issuer.to_owned()).done(tx, person.as_str())?;
    }
    Ok(ended)
}

/// Ends the sessions of a person that an issuer vouched for, but one if `keep` names it.
pub(crate) fn end_vouched(
    tx: &mut Tx<'_>,
    person: &PersonId,
    issuer: &str,
    (keep, now): (Option<&SessionId>, Timestamp),
) -> Result<(), StoreFault> {
    for id in rows::of_issuer(tx, person, issuer)? {
        if Some(&id) != keep {
            life::end(tx, (&id, person), now)?;
        }
    }
    Ok(())
}
