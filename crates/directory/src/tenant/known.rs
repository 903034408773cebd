//! All tenants in memory: by id, and by the issuers whose tokens they trust.

use super::{KnownTenant, facts};
use crate::Contracts;
use portcullis_policy::TenantFacts;
use portcullis_types::Tenant;
use portcullis_verify::subject::CheckedTrust;
use std::{collections::HashMap, sync::Arc};

/// Immutable; replaced as a whole.
#[derive(Debug, Default)]
pub struct Tenants {
    by_id: HashMap<Tenant, Arc<KnownTenant>>,
    by_issuer: HashMap<String, Vec<Candidate>>,
    /// What did not change is the same as before: whoever has made something of it need not do that again.
    facts: HashMap<Tenant, Arc<TenantFacts<'static>>>,
}

/// A tenant that trusts an issuer, and on what terms.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The tenant.
    pub tenant: Arc<KnownTenant>,
    /// Its trust.
    pub trust: Arc<CheckedTrust>,
}

impl Tenants {
    pub(super) fn of(all: Vec<KnownTenant>, contracts: &Contracts, before: &Self) -> Self {
        let mut tenants = Self::default();
        for tenant in all {
            let tenant = Arc::new(tenant);
            for trust in &tenant.trusts {
                let candidate = Candidate { tenant: tenant.clone(), trust: trust.clone() };
                let issuer = trust.issuer().to_owned();
                tenants.by_issuer.entry(issuer).or_default().push(candidate);
            }
            let facts = facts::of(&tenant, contracts);
            let same = before.facts.get(&tenant.id).filter(|before| ***before == facts);
            let facts = same.cloned().unwrap_or_else(|| Arc::new(facts));
            tenants.facts.insert(tenant.id.clone(), facts);
            tenants.by_id.insert(tenant.id.clone(), tenant);
        }
        tenants
    }

    /// The tenant of that id.
    pub fn by_id(&self, id: &Tenant) -> Option<Arc<KnownTenant>> {
        self.by_id.get(id).cloned()
    }

    /// What policies are told of the tenant of that id.
    pub fn facts(&self, id: &Tenant) -> Option<Arc<TenantFacts<'static>>> {
        self.facts.get(id).cloned()
    }

    /// Who trusts that issuer, byte by byte, in the order of the tenants' ids. Which of them a token is for,
    /// its claims say after its signature.
    pub fn trusting(&self, issuer: &str) -> &[Candidate] {
        self.by_issuer.get(issuer).map_or(&[], Vec::as_slice)
    }

    /// Every tenant, in the order of their ids.
    pub fn all(&self) -> Vec<Arc<KnownTenant>> {
        let mut all: Vec<_> = self.by_id.values().cloned().collect();
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        all
    }
}
