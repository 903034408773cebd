//! Check 17: the person behind the token signed in strongly and recently enough for this (RFC 9470 §3).
//! The values are compared as they are; which is stronger, the configuration has said.

use crate::{Claims, Demand, TrustedIssuer};
use portcullis_types::{Denial, Timestamp};

/// Proof that the sign-in is what the route demands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authenticated(());

pub(crate) fn enough(
    claims: &Claims,
    issuer: &TrustedIssuer,
    demand: &Demand,
    now: Timestamp,
) -> Result<Authenticated, Denial> {
    let strong =
        demand.acr.is_empty() || claims.acr.as_ref().is_some_and(|acr| demand.acr.contains(acr));
    let fresh = demand.max_age.is_none_or(|age| {
        let within = |at: Timestamp| at.plus(age) >= now && at <= now.plus(issuer.leeway);
        claims.auth_time.is_some_and(within)
    });
    if strong && fresh {
        return Ok(Authenticated(()));
    }
    Err(Denial::WeakAuthentication {
        acr: claims.acr.clone(),
        auth_time: claims.auth_time,
        wanted_acr: demand.acr.clone(),
        max_age: demand.max_age,
        now,
    })
}
