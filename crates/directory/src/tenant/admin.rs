//! Changes to tenants. Each says who acts, and is written with its audit record, and with what it ends, in one
//! transaction.

use super::{KnownTenant, TenantProblem, TenantRecord, own, record::RecordHome, rows};
use crate::{Acting, Action, Deed, Directory, Fault, grant};
use portcullis_types::{Tenant, TenantHalt, Timestamp};
use portcullis_verify::RevocationKind;
use std::sync::Arc;

impl Directory {
    /// Makes the tenant what the record says: a new one, or another version of one that is there. Refused with
    /// everything that is wrong, and then nothing has changed. With `version`, only that version is replaced.
    pub async fn apply_tenant(
        &self,
        mut by: Acting<'_>,
        id: &Tenant,
        record: TenantRecord,
        version: Option<u64>,
    ) -> Result<Arc<KnownTenant>, Fault> {
        let (contracts, issuer) = (self.contracts(), self.inner().issuer.clone());
        let problems = record.problems(id, &issuer, &contracts);
        if !problems.is_empty() {
            return Err(Fault::TenantProblems(problems));
        }
        let now = by.now;
        let add = Deed::new(&mut by, Action::TenantAdd).with("tier", record.tier.clone());
        let update = Deed::new(&mut by, Action::TenantUpdate);
        let target = id.clone();
        self.transact(move |tx| {
            let home = RecordHome { issuer: &issuer, registry: &contracts.registry };
            let before = rows::one(tx, &target, &home)?;
            let seen = before.as_ref().map_or(0, |before| before.version);
            if version.is_some_and(|version| version != seen) {
                return Err(Fault::Stale);
            }
            match before {
                None => {
                    rows::insert(tx, &target, &record, now)?;
                    Ok(add.done(tx, target.as_str())?)
                }
                Some(before) if before.record == record && before.given.is_none() => Ok(()),
                Some(before) => {
                    rows::update(tx, &target, (&record, None), now)?;
                    let update = update.with("changed", difference(&before.record, &record));
                    Ok(update.done(tx, target.as_str())?)
                }
            }
        })
        .await?;
        self.renewed(id).await
    }

    /// Makes the tenant what its own people want: as [`Directory::apply_tenant`] of that `version`, as far as the
    /// operator left it to them. Everything else must be as the operator said.
    pub async fn adjust_tenant(
        &self,
        mut by: Acting<'_>,
        id: &Tenant,
        record: TenantRecord,
        version: u64,
    ) -> Result<Arc<KnownTenant>, Fault> {
        let (contracts, issuer) = (self.contracts(), self.inner().issuer.clone());
        let now = by.now;
        let deed = Deed::new(&mut by, Action::TenantUpdate);
        let target = id.clone();
        self.transact(move |tx| {
            let home = RecordHome { issuer: &issuer, registry: &contracts.registry };
            let before = rows::one(tx, &target, &home)?;
            let before = before.ok_or_else(|| Fault::UnknownTenant(target.clone()))?;
            if version != before.version {
                return Err(Fault::Stale);
            }
            let given = before.given();
            let mut problems = own::trespasses(given, &record);
            problems.extend(record.problems(&target, &issuer, &contracts));
            if !problems.is_empty() {
                return Err(Fault::TenantProblems(problems));
            }
            if before.record == record {
                return Ok(());
            }
            rows::update(tx, &target, (&record, Some(given)), now)?;
            let deed = deed.with("changed", difference(&before.record, &record));
            Ok(deed.done(tx, target.as_str())?)
        })
        .await?;
        self.renewed(id).await
    }

    /// Everything for which [`Directory::adjust_tenant`] would refuse the record.
    pub fn trespasses(&self, tenant: &KnownTenant, record: &TenantRecord) -> Vec<TenantProblem> {
        let mut problems = own::trespasses(tenant.given(), record);
        problems.extend(record.problems(&tenant.id, self.issuer(), &self.contracts()));
        problems
    }

    /// No exchange, no request from now on, until it is taken back.
    pub async fn suspend_tenant(
        &self,
        by: Acting<'_>,
        id: &Tenant,
    ) -> Result<Arc<KnownTenant>, Fault> {
        self.halt(by, id, (Action::TenantSuspend, Some(TenantHalt::Suspended))).await
    }

    /// Takes `suspend_tenant` back: tokens that have not expired meanwhile work again.
    pub async fn resume_tenant(
        &self,
        by: Acting<'_>,
        id: &Tenant,
    ) -> Result<Arc<KnownTenant>, Fault> {
        self.halt(by, id, (Action::TenantResume, None)).await
    }

    /// For good.
    pub async fn end_tenant(&self, by: Acting<'_>, id: &Tenant) -> Result<Arc<KnownTenant>, Fault> {
        self.halt(by, id, (Action::TenantEnd, Some(TenantHalt::Ended))).await
    }

    async fn halt(
        &self,
        mut by: Acting<'_>,
        id: &Tenant,
        (action, halt): (Action, Option<TenantHalt>),
    ) -> Result<Arc<KnownTenant>, Fault> {
        let now = by.now;
        let deed = Deed::new(&mut by, action);
        let target = id.clone();
        let (contracts, issuer) = (self.contracts(), self.inner().issuer.clone());
        self.transact(move |tx| {
            let home = RecordHome { issuer: &issuer, registry: &contracts.registry };
            let before = rows::one(tx, &target, &home)?;
            let before = before.ok_or_else(|| Fault::UnknownTenant(target.clone()))?;
            let Some(kind) = step(&before, halt)? else { return Ok(()) };
            rows::set_halt(tx, &target, halt, now)?;
            grant::revoke(tx, kind, target.as_str(), now)?;
            Ok(deed.done(tx, target.as_str())?)
        })
        .await?;
        self.publish().await?;
        self.renewed(id).await
    }

    async fn renewed(&self, id: &Tenant) -> Result<Arc<KnownTenant>, Fault> {
        self.reload_tenants().await?;
        self.tenant(id).ok_or_else(|| Fault::UnknownTenant(id.clone()))
    }
}

/// What gateways are told; `None` if it is so already.
fn step(before: &KnownTenant, halt: Option<TenantHalt>) -> Result<Option<RevocationKind>, Fault> {
    let now: Option<(TenantHalt, Timestamp)> = before.halted;
    match (now.map(|(halt, _)| halt), halt) {
        (Some(TenantHalt::Ended), Some(TenantHalt::Ended)) => Ok(None),
        (Some(TenantHalt::Ended), _) => Err(Fault::Invalid(format!(
            "tenant {} has ended for good; make another one for a new contract",
            before.id
        ))),
        (before, after) if before == after => Ok(None),
        (_, Some(TenantHalt::Suspended)) => Ok(Some(RevocationKind::TenantSuspended)),
        (_, Some(TenantHalt::Ended)) => Ok(Some(RevocationKind::TenantEnded)),
        (_, None) => Ok(Some(RevocationKind::TenantResumed)),
    }
}

/// The names of what changed.
fn difference(before: &TenantRecord, after: &TenantRecord) -> String {
    let changed = [
        ("name", before.name != after.name),
        ("tier", before.tier != after.tier),
        ("contacts", before.contacts != after.contacts),
        ("residency", before.residency != after.residency),
        ("datasets", before.datasets != after.datasets),
        ("trust", before.trust != after.trust),
        ("crossing", before.crossing != after.crossing),
    ];
    let names = changed.into_iter().filter_map(|(name, changed)| changed.then_some(name));
    names.collect::<Vec<_>>().join(", ")
}
