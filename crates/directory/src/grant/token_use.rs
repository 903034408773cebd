//! Tokens of others that were exchanged: some may be once (RFC 8693 §2.1, RFC 7523 §3).

use super::PORTION;
use crate::opaque::sha256;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Inbound, Jti, Tenant, Timestamp};

/// A use of a token of a tenant's provider.
#[derive(Clone, Debug)]
pub struct TokenUse {
    /// Whose trust let it in.
    pub tenant: Tenant,
    /// Which of its trusts.
    pub trust: String,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// Its `jti`: with one, a token that was signed again is the same.
    pub jti: Option<Jti>,
    /// How often it may be used; `None`: as often as its subject may come.
    pub times: Option<u32>,
    /// As what it came.
    pub inbound: Inbound,
    /// When it has expired by every clock: the same each time it comes.
    pub expires: Timestamp,
}

/// Counts a use of a token. False: it was used as often as it may be.
pub fn use_token(tx: &mut Tx<'_>, used: &TokenUse) -> Result<bool, StoreFault> {
    let Some(times) = used.times else { return Ok(true) };
    let named = used.jti.as_ref().map_or(&used.digest[..], |jti| jti.as_str().as_bytes());
    let scope = format!("{} {} ", used.tenant, used.trust);
    let mark = sha256(&[scope.as_bytes(), named].concat());
    let sql = "INSERT INTO token_use (expires, mark) VALUES ($1, $2) \
               ON CONFLICT (expires, mark) DO UPDATE SET uses = token_use.uses + 1 \
               WHERE token_use.uses < $3";
    let counted = &[used.expires.into(), (&mark).into(), i64::from(times).into()];
    Ok(tx.execute(sql, counted)? == 1)
}

pub(super) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    tx.execute(
        "DELETE FROM token_use WHERE expires < $1 AND expires <= (SELECT MAX(expires) FROM \
         (SELECT expires FROM token_use ORDER BY expires LIMIT $2) AS oldest)",
        &[now.into(), PORTION.into()],
    )
}
