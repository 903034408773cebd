//! What policies are told of a tenant.

use super::KnownTenant;
use crate::Contracts;
use portcullis_policy::{Limits, State, TenantFacts};
use portcullis_types::TenantHalt;

/// What is known of a tenant, with the limits of its contract.
pub(super) fn of(tenant: &KnownTenant, contracts: &Contracts) -> TenantFacts<'static> {
    let limits = contracts.tiers.get(&tenant.record.tier).map(|tier| tier.limits.clone());
    let limits = limits.unwrap_or_default();
    TenantFacts {
        id: tenant.id.as_str().to_owned().into(),
        tier: tenant.record.tier.clone().into(),
        state: match tenant.halted {
            None => State::Active,
            Some((TenantHalt::Suspended, _)) => State::Suspended,
            Some((TenantHalt::Ended, _)) => State::Ended,
        },
        residency: tenant.record.residency.clone().map(Into::into),
        datasets: tenant.record.datasets.iter().map(|id| id.clone().into()).collect(),
        limits: Limits {
            max_output_tokens: limits.max_output_tokens.map(u64::from),
            requests_per_minute: limits.requests_per_minute.map(u64::from),
            tokens_per_day: limits.tokens_per_day,
        },
    }
}
