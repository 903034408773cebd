//! Checks 18 and 20: the scopes cover the request, and the object is the caller's tenant's own.

use crate::{Claims, Target, TrustedIssuer};
use portcullis_types::{Denial, Registry, Scope, Scopes};

/// Proof that the token's scopes cover what the route needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Covered(());

/// Proof that the object in the path belongs to the tenant that the token speaks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owned(());

/// Check 18: all missing scopes in one answer (RFC 6750 §3.1).
pub(crate) fn covers(
    claims: &Claims,
    issuer: &TrustedIssuer,
    target: &Target<'_>,
    registry: &Registry,
) -> Result<Covered, Denial> {
    let effective = effective(claims, issuer, target);
    let missing = registry.missing(&effective, target.needed);
    if missing.is_empty() {
        return Ok(Covered(()));
    }
    Err(Denial::WeakScope { found: claims.scope.clone(), needed: target.needed.clone(), missing })
}

/// The scopes that speak here, without their tenant: one without a tenant is for the token's own, one
/// with a tenant for that tenant alone, if its issuer may speak for it.
fn effective(claims: &Claims, issuer: &TrustedIssuer, target: &Target<'_>) -> Scopes {
    let here = target.object_tenant.or(target.guarded.tenant.as_ref()).or(claims.tenant.as_ref());
    if claims.scope.iter().all(|scope| scope.tenant().is_none()) {
        return claims.scope.clone();
    }
    let applies = |scope: &&Scope| {
        scope.tenant().is_none_or(|tenant| Some(tenant) == here && issuer.speaks.may_name(tenant))
    };
    let scopes: Scopes = claims.scope.iter().filter(applies).cloned().collect();
    match here {
        Some(here) => scopes.unqualified(here),
        None => scopes,
    }
}

/// Check 20: an object of another tenant does not exist for this caller, unless one of its scopes
/// names that tenant, and its issuer may speak for it.
pub(crate) fn owned(
    claims: &Claims,
    issuer: &TrustedIssuer,
    target: &Target<'_>,
    registry: &Registry,
) -> Result<Owned, Denial> {
    let Some(object_tenant) = target.object_tenant else { return Ok(Owned(())) };
    if claims.tenant.as_ref() == Some(object_tenant) {
        return Ok(Owned(()));
    }
    let named: Scopes = claims
        .scope
        .iter()
        .filter(|scope| scope.tenant() == Some(object_tenant))
        .cloned()
        .collect();
    if !named.is_empty()
        && issuer.speaks.may_name(object_tenant)
        && registry.missing(&named.unqualified(object_tenant), target.needed).is_empty()
    {
        return Ok(Owned(()));
    }
    Err(Denial::ForeignObject {
        tenant: claims.tenant.clone(),
        object_tenant: object_tenant.clone(),
    })
}
