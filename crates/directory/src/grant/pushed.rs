//! Pushed authorization requests (RFC 9126): what the client handed over, under a name that the browser carries.

use super::{CodeRandom, PORTION, secret::mint};
use crate::opaque;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{ClientId, Timestamp};
use secrecy::ExposeSecret as _;

/// RFC 9126 §2.2.
const URN: &str = "urn:ietf:params:oauth:request_uri:";
const PREFIX: &str = "par_";

/// Keeps a request until it expires, or is taken. Gives its `request_uri`.
pub fn push(
    tx: &mut Tx<'_>,
    client_id: &ClientId,
    request: &str,
    (now, expires): (Timestamp, Timestamp),
    random: &CodeRandom,
) -> Result<String, StoreFault> {
    let minted = mint(PREFIX, now, random);
    tx.execute(
        "INSERT INTO pushed_request (id, secret, client_id, request, expires) VALUES ($1, $2, $3, $4, $5)",
        &[
            (&minted.id).into(),
            (&minted.hash).into(),
            client_id.as_str().into(),
            request.into(),
            expires.into(),
        ],
    )?;
    Ok(format!("{URN}{}", minted.text.expose_secret()))
}

/// What was pushed under that name, by this client, if its time is not over. It stays.
pub fn pushed(
    tx: &mut Tx<'_>,
    request_uri: &str,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Option<String>, StoreFault> {
    Ok(found(tx, request_uri, client_id, now)?.map(|(_, request)| request))
}

/// The same, used up: nobody finds it again.
pub fn take_pushed(
    tx: &mut Tx<'_>,
    request_uri: &str,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Option<String>, StoreFault> {
    let Some((id, request)) = found(tx, request_uri, client_id, now)? else { return Ok(None) };
    tx.execute("DELETE FROM pushed_request WHERE id = $1", &[id.into()])?;
    Ok(Some(request))
}

fn found(
    tx: &mut Tx<'_>,
    request_uri: &str,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Option<(String, String)>, StoreFault> {
    let Some((id, secret)) = request_uri.strip_prefix(URN).and_then(opaque::part) else {
        return Ok(None);
    };
    let sql = "SELECT secret, request FROM pushed_request \
         WHERE id = $1 AND client_id = $2 AND expires > $3";
    let row = tx.query_row(sql, &[id.into(), client_id.as_str().into(), now.into()])?;
    match row {
        Some(row) if opaque::fits(row.blob(0)?, &secret) => {
            Ok(Some((id.to_owned(), row.text(1)?.to_owned())))
        }
        _ => Ok(None),
    }
}

pub(super) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    tx.execute(
        "DELETE FROM pushed_request WHERE id IN \
         (SELECT id FROM pushed_request WHERE expires <= $1 ORDER BY id LIMIT $2)",
        &[now.into(), PORTION.into()],
    )
}
