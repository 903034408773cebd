//! Check 11: made for this API (RFC 7519 §4.1.3, RFC 8707 §2). Byte for byte, never a prefix.

use crate::{Claims, Guarded};
use portcullis_types::{ApiName, Audience, Denial};

/// Proof that the token was made for this API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addressed(());

pub(crate) fn names(
    claims: &Claims,
    at: &Guarded,
    apis: &[(ApiName, Audience)],
) -> Result<Addressed, Denial> {
    if claims.aud.iter().any(|aud| aud == at.audience.as_str()) {
        return Ok(Addressed(()));
    }
    let made_for =
        apis.iter().filter(|(_, audience)| claims.aud.iter().any(|aud| aud == audience.as_str()));
    Err(Denial::WrongAudience {
        found: claims.aud.clone(),
        expected: at.audience.clone(),
        made_for: made_for.map(|(name, _)| name.clone()).collect(),
    })
}
