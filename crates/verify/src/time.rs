//! Check 10: valid now (RFC 7519 §4.1.4–4.1.6), and not valid for longer than agreed.

use crate::{Claims, TrustedIssuer};
use portcullis_types::{Denial, Timestamp, Ttl};

/// Proof that the token was valid at the time of the decision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timely(());

/// When a token is good, as it says itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    pub(crate) exp: Timestamp,
    pub(crate) nbf: Option<Timestamp>,
    pub(crate) iat: Option<Timestamp>,
}

/// What was agreed with its issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) leeway: Ttl,
    pub(crate) max_lifetime: Ttl,
}

pub(crate) fn within(
    claims: &Claims,
    issuer: &TrustedIssuer,
    now: Timestamp,
) -> Result<Timely, Denial> {
    let dates = Dates { exp: claims.exp, nbf: claims.nbf, iat: claims.iat };
    let limits = Limits { leeway: issuer.leeway, max_lifetime: issuer.max_lifetime };
    agreed(&dates, &limits, now)
}

/// On or after `exp` a token is not accepted; the issuer's leeway is added on both sides.
pub(crate) fn agreed(dates: &Dates, limits: &Limits, now: Timestamp) -> Result<Timely, Denial> {
    let leeway = limits.leeway;
    if now >= dates.exp.plus(leeway) {
        return Err(Denial::Expired { exp: dates.exp, now, leeway });
    }
    for (claim, from) in [("nbf", dates.nbf), ("iat", dates.iat)] {
        if let Some(from) = from.filter(|from| *from > now.plus(leeway)) {
            return Err(Denial::NotYetValid { claim: claim.into(), from, now, leeway });
        }
    }
    // Without `iat` nobody knows how long it has lived: what is left must not be too long either.
    let born = dates.iat.unwrap_or_else(|| now.plus(leeway));
    let lifetime = Ttl::from_millis(u64::try_from(dates.exp.millis_since(born)).unwrap_or(0));
    if lifetime > limits.max_lifetime {
        return Err(Denial::LivesTooLong { lifetime, limit: limits.max_lifetime });
    }
    Ok(Timely(()))
}
