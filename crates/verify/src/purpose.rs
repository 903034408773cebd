//! Check 12: an ID token, a logout token or an event is no access token, whatever its `typ` says
//! (RFC 8725 §3.12).

use crate::Claims;
use portcullis_types::Denial;

/// Proof that no claim of another kind of token is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purposeful(());

pub(crate) fn access(claims: &Claims) -> Result<Purposeful, Denial> {
    match claims.foreign {
        Some(claim) => Err(Denial::WrongPurpose { claim: claim.into() }),
        None => Ok(Purposeful(())),
    }
}
