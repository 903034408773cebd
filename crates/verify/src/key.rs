//! Checks 7 and 8: the key belongs to the issuer, and the signature to the key (RFC 7515 §5.2).

use crate::{KnownIssuer, header::Accepted};
use portcullis_jose::{
    jwk::PublicKey,
    jws::{Compact, Payload},
};
use portcullis_types::{Denial, Kid, KnownKey};

/// Check 7: the keys of this issuer that the header may mean. Without `kid`, every one of that algorithm.
pub(crate) fn select<'a>(
    header: &Accepted,
    issuer: &'a KnownIssuer,
) -> Result<Vec<&'a PublicKey>, Denial> {
    let keys = issuer.keys.as_ref().map_err(|(reason, retry_after)| Denial::KeysUnavailable {
        issuer: issuer.trusted.issuer.clone(),
        reason: reason.clone(),
        retry_after: *retry_after,
    })?;
    let kid = header.kid.as_ref().map(Kid::as_str);
    let found: Vec<_> = keys.set.candidates(kid, header.alg).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    Err(Denial::UnknownKey {
        issuer: issuer.trusted.issuer.clone(),
        kid: kid.map(str::to_owned),
        alg: header.alg.name().into(),
        known: keys.set.iter().map(known).collect(),
        fetched_at: keys.fetched_at,
    })
}

/// Check 8.
pub(crate) fn verify(
    jws: &Compact<'_>,
    keys: &[&PublicKey],
    issuer: &KnownIssuer,
    header: &Accepted,
) -> Result<Payload, Denial> {
    verified(jws, keys).ok_or_else(|| Denial::BadSignature {
        issuer: issuer.trusted.issuer.clone(),
        kid: header.kid.clone(),
        alg: header.alg.name().into(),
    })
}

/// The payload, if one of these keys signed it.
pub(crate) fn verified(jws: &Compact<'_>, keys: &[&PublicKey]) -> Option<Payload> {
    keys.iter().find_map(|key| jws.verify(key).ok())
}

fn known(key: &PublicKey) -> KnownKey {
    KnownKey { kid: key.kid().and_then(|kid| Kid::new(kid).ok()), alg: key.alg().name().into() }
}
