//! Tenants: the companies whose own providers speak for their people here, what their contract gives them, and
//! whether it is in force.
//!
//! All of them are kept in memory, so that an exchange asks no database. What an operator says of one is one record,
//! in a file, on the command line and through the API alike; it is applied as a whole or not at all.

mod admin;
mod facts;
mod known;
mod own;
mod reach;
mod record;
mod rows;

pub use known::{Candidate, Tenants};
pub use reach::{Left, OpenApi, Reach};
pub use record::{CrossingRecord, TenantProblem, TenantRecord};

use crate::{Contracts, Directory, Fault, Tier};
use portcullis_store::Tx;
use portcullis_types::{Crossing, Denial, DetailsFault, Inbound, Tenant, TenantHalt, Timestamp};
use portcullis_verify::subject::CheckedTrust;
use record::RecordHome;
use serde_json::{Value, json};
use std::sync::Arc;

/// A tenant as it is known.
#[derive(Clone, Debug)]
pub struct KnownTenant {
    /// Its id, as it stands in scopes and tokens.
    pub id: Tenant,
    /// What was said of it.
    pub record: TenantRecord,
    /// What the operator said, if the tenant has changed its own part since.
    pub given: Option<TenantRecord>,
    /// What is wrong with that, since scopes and tiers may have gone: then it trusts nobody.
    pub problems: Vec<TenantProblem>,
    /// Whose tokens it trusts, and for what.
    pub trusts: Vec<Arc<CheckedTrust>>,
    /// What its tokens may do at other tenants.
    pub crossings: Vec<Crossing>,
    /// Whether its time has come to a halt, and since when.
    pub halted: Option<(TenantHalt, Timestamp)>,
    /// Counts up with each change.
    pub version: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl KnownTenant {
    /// That its contract is in force, for a token that came in that parameter.
    pub fn active(&self, inbound: Option<Inbound>) -> Result<(), Denial> {
        match self.halted {
            None => Ok(()),
            Some((halt, since)) => {
                Err(Denial::TenantHalted { tenant: self.id.clone(), halt, since, inbound })
            }
        }
    }

    /// As programs read it.
    pub fn view(&self) -> Value {
        json!({
            "id": self.id,
            "state": self.halted.map_or("active", |(halt, _)| halt.word()),
            "since": self.halted.map(|(_, since)| since.to_string()),
            "version": self.version,
            "created": self.created.to_string(),
            "updated": self.updated.to_string(),
            "record": self.record,
        })
    }

    /// What the operator said last.
    pub(crate) fn given(&self) -> &TenantRecord {
        self.given.as_ref().unwrap_or(&self.record)
    }

    /// The trust of that name.
    pub fn trust(&self, name: &str) -> Option<&Arc<CheckedTrust>> {
        self.trusts.iter().find(|trust| trust.name() == name)
    }
}

impl Directory {
    /// The tenant of that id, as of the last reload.
    pub fn tenant(&self, id: &Tenant) -> Option<Arc<KnownTenant>> {
        self.tenants().by_id(id)
    }

    /// All tenants, as of the last reload.
    pub fn tenants(&self) -> Arc<Tenants> {
        self.inner().tenants.load_full()
    }

    /// Sets what the tenants' records are held against, and reads them again. Without tiers no tenant may have
    /// anything.
    pub async fn contract(&self, contracts: Contracts) -> Result<(), Fault> {
        self.inner().contracts.store(Arc::new(contracts));
        // What is read may be other than what it was, although no row is.
        *self.inner().tenants_seen.lock().await = None;
        self.reload_tenants().await
    }

    /// The tiers that there are.
    pub fn contracts(&self) -> Arc<Contracts> {
        self.inner().contracts.load_full()
    }

    /// What the tenant's contract gives it: what its tier has, and of datasets its own. One whose tier is not
    /// configured has nothing.
    pub fn contract_of(&self, tenant: &KnownTenant) -> Result<Tier, DetailsFault> {
        let contracts = self.contracts();
        let mut tier = contracts.tiers.get(&tenant.record.tier).cloned().unwrap_or_default();
        let own = tenant.record.datasets()?;
        tier.details = tier.details.meet(&own)?;
        Ok(tier)
    }

    /// Reads all tenants, if any has changed since the last time.
    pub(crate) async fn reload_tenants(&self) -> Result<(), Fault> {
        // Held from reading to publishing, so that an older copy never replaces a newer one.
        let mut seen = self.inner().tenants_seen.lock().await;
        let (contracts, issuer, last) = (self.contracts(), self.inner().issuer.clone(), *seen);
        let tiers = contracts.clone();
        let read = move |tx: &mut Tx<'_>| {
            let state = rows::state(tx)?;
            let home = RecordHome { issuer: &issuer, registry: &contracts.registry };
            let changed = last != Some(state);
            Ok((state, changed.then(|| rows::all(tx, &home))))
        };
        let (state, tenants) = self.inner().store.read(read).await?;
        if let Some(tenants) = tenants {
            let tenants = Tenants::of(tenants?, &tiers, &self.tenants());
            self.inner().tenants.store(Arc::new(tenants));
            *seen = Some(state);
        }
        Ok(())
    }
}
