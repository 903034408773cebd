//! Check 15: still in force. Revocations are known to this machine before the request; nobody is asked.

use crate::{Claims, Revocations};
use portcullis_types::{ClientId, Denial, RevokedBy};

/// Proof that nothing has ended the token's life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live(());

pub(crate) fn live(claims: &Claims, revocations: &Revocations) -> Result<Live, Denial> {
    if revocations.issuer.as_ref() != Some(&claims.iss) {
        return Ok(Live(()));
    }
    match ended(claims, revocations) {
        Some(by) => Err(Denial::Revoked { by }),
        None => Ok(Live(())),
    }
}

fn ended(claims: &Claims, revocations: &Revocations) -> Option<RevokedBy> {
    if let Some(since) = claims.jti.as_ref().and_then(|jti| revocations.tokens.get(jti)) {
        return Some(RevokedBy::Token { since: *since });
    }
    let client = claims.client_id.as_str();
    if let Some((client_id, since)) = revocations.disabled_clients.get_key_value(client) {
        return Some(RevokedBy::Client { client_id: client_id.clone(), since: *since });
    }
    let (client_id, before): (&ClientId, _) = revocations.not_before.get_key_value(client)?;
    // `iat` has whole seconds, `before` has milliseconds: a token of the same second counts as earlier.
    (claims.iat.is_none_or(|iat| iat < *before))
        .then(|| RevokedBy::NotBefore { client_id: client_id.clone(), before: *before })
}
