//! Check 10: valid now (RFC 7519 §4.1.4–4.1.6), and not valid for longer than agreed.

use crate::{Claims, TrustedIssuer};
use portcullis_types::{Denial, Timestamp, Ttl};

/// Proof that the token was valid at the time of the decision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timely(());

/// On or after `exp` a token is not accepted; the issuer's leeway is added on both sides.
pub(crate) fn within(
    claims: &Claims,
    issuer: &TrustedIssuer,
    now: Timestamp,
) -> Result<Timely, Denial> {
    let leeway = issuer.leeway;
    if now >= claims.exp.plus(leeway) {
        return Err(Denial::Expired { exp: claims.exp, now, leeway });
    }
    for (claim, from) in [("nbf", claims.nbf), ("iat", claims.iat)] {
        if let Some(from) = from.filter(|from| *from > now.plus(leeway)) {
            return Err(Denial::NotYetValid { claim: claim.into(), from, now, leeway });
        }
    }
    // Without `iat` nobody knows how long it has lived: what is left must not be too long either.
    let born = claims.iat.unwrap_or_else(|| now.plus(leeway));
    let lifetime = Ttl::from_millis(u64::try_from(claims.exp.millis_since(born)).unwrap_or(0));
    if lifetime > issuer.max_lifetime {
        return Err(Denial::LivesTooLong { lifetime, limit: issuer.max_lifetime });
    }
    Ok(Timely(()))
}
