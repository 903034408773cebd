//! What a code or a refresh token stands for, before it is used: for those who must be asked before the
//! transaction that uses it. Nothing is decided here and nothing is changed; whoever shows what is unknown, used up or
//! not theirs learns that from that transaction.

use super::{Code, DeviceCode, RefreshToken, refresh};
use crate::{Authorization, opaque};
use portcullis_store::{StoreFault, Tx};
use serde::Deserialize;

/// What `shown` stands for, if anything does: an authorization code, a device code or a refresh token.
pub fn look(tx: &mut Tx<'_>, shown: &str) -> Result<Option<Authorization>, StoreFault> {
    let sql = if shown.starts_with(RefreshToken::PREFIX) {
        return refresh::authorization(tx, shown);
    } else if shown.starts_with(Code::PREFIX) {
        "SELECT secret, content FROM authorization_code WHERE id = $1"
    } else if shown.starts_with(DeviceCode::PREFIX) {
        "SELECT secret, content FROM device_code WHERE id = $1"
    } else {
        return Ok(None);
    };
    let Some((id, secret)) = opaque::part(shown) else { return Ok(None) };
    let Some(row) = tx.query_row(sql, &[id.into()])? else { return Ok(None) };
    if !opaque::fits(row.blob(0)?, &secret) {
        return Ok(None);
    }
    let content = row.opt_text(1)?.map(serde_json::from_str::<Content>).transpose();
    Ok(content.map_err(StoreFault::rejected)?.map(|content| match content {
        Content::OfACode { authorization } | Content::OfADevice(authorization) => authorization,
    }))
}

/// A code keeps more than the authorization, a device code nothing else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    OfACode { authorization: Authorization },
    OfADevice(Authorization),
}
