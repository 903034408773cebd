//! What a tenant's contract leaves of a grant, whichever grant it is.

use super::Course;
use crate::server::State;
use portcullis_directory::Tier;
use portcullis_types::{Check, Denial, Details, Dropped, DroppedBy, Registry, Scopes, Tenant};

/// The contract of whoever belongs to `tenant`, if it is in force. A tenant that is only a name has none.
pub(super) fn of(
    state: &State,
    tenant: Option<&Tenant>,
    course: &mut Course,
) -> Result<Option<Tier>, Denial> {
    let known = tenant.and_then(|tenant| state.directory.tenant(tenant));
    let Some(known) = known else { return Ok(None) };
    course.trace.step(Check::TenantActive, known.active(None))?;
    let contract = state.directory.contract_of(&known);
    contract.map(Some).map_err(|fault| Denial::BadDetails { fault })
}

/// What limits a token further.
pub(super) fn details(contract: Option<&Tier>) -> Details {
    contract.map(|tier| tier.details.clone()).unwrap_or_default()
}

/// The scopes that the contract has, and those that it has not.
pub(super) fn left(
    scopes: &Scopes,
    contract: Option<&Tier>,
    (tenant, registry): (Option<&Tenant>, &Registry),
) -> (Scopes, Vec<Dropped>) {
    let Some(contract) = contract else { return (scopes.clone(), Vec::new()) };
    let own = |scopes: &Scopes| tenant.map_or_else(|| scopes.clone(), |t| scopes.unqualified(t));
    let allowed = own(&registry.expand(&contract.scopes));
    let lost = scopes.iter().filter(|scope| !registry.covers(&allowed, scope));
    let dropped = lost.map(|scope| Dropped { scope: scope.clone(), by: DroppedBy::Tenant });
    let dropped: Vec<_> = dropped.collect();
    (scopes.minus(&dropped.iter().map(|lost| lost.scope.clone()).collect()), dropped)
}
