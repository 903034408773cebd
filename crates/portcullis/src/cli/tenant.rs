//! `portcullis tenant`

mod apply;
mod check;
mod show;

use super::{
    Exit, Format, Globals, House, Outcome, Stop, house,
    person::{acting, refused},
    table, talk,
};
use crate::clock::Chance;
use clap::Subcommand;
use portcullis_directory::{Directory, KnownTenant};
use portcullis_types::Tenant;
use std::sync::Arc;

const EXAMPLES: &str = "Examples:
  portcullis tenant apply tenants/t123.toml
  portcullis tenant apply --dry-run tenants/*.toml
  portcullis tenant check t123 --token token.jwt
  portcullis tenant list
  portcullis tenant show t123 > tenants/t123.toml
  portcullis tenant suspend t123
  portcullis tenant resume t123";

/// Manage tenants: customers whose own providers speak for their people here.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum TenantCommand {
    Apply(apply::Apply),
    Check(Box<check::Check>),
    /// List tenants.
    List,
    /// Print a tenant as the file that 'tenant apply' reads.
    Show(One),
    /// Stop everything of a tenant within seconds, until 'resume': exchanges and requests.
    Suspend(One),
    /// Let a suspended tenant go on; tokens that have not expired work again.
    Resume(One),
    /// Stop everything of a tenant for good.
    End(One),
}

/// A tenant, by id.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// As it stands in scopes: t123.
    #[arg(value_name = "TENANT")]
    id: Tenant,
}

impl TenantCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        let format = globals.format;
        house::block_on(async {
            let directory = house.directory().await?;
            let (actor, mut chance) = (house::actor(), Chance);
            let by = acting(&mut chance, &actor);
            let (changed, word) = match self {
                Self::Apply(apply) => return apply.run(&directory, format).await,
                Self::Check(check) => return check.run(&house, &directory, format).await,
                Self::List => return list(&directory, format),
                Self::Show(one) => return show::one(&*known(&directory, &one.id)?, format),
                Self::Suspend(one) => (
                    directory.suspend_tenant(by, &one.id).await,
                    "suspended: nothing of it opens anything",
                ),
                Self::Resume(one) => (directory.resume_tenant(by, &one.id).await, "active again"),
                Self::End(one) => (directory.end_tenant(by, &one.id).await, "ended for good"),
            };
            let tenant = changed.map_err(refused)?;
            talk(format_args!("tenant {} is {word}", tenant.id));
            Ok(Exit::Done)
        })
    }
}

pub(super) fn known(directory: &Directory, id: &Tenant) -> Result<Arc<KnownTenant>, Stop> {
    directory.tenant(id).ok_or_else(|| {
        let all = directory.tenants().all();
        let stop = Stop::refused(format!("there is no tenant {id}"));
        let names = all.iter().map(|tenant| tenant.id.as_str());
        stop.hint(crate::config::did_you_mean(id.as_str(), names).unwrap_or_else(|| {
            "'portcullis tenant list' shows all; 'tenant apply FILE' makes one".to_owned()
        }))
    })
}

fn list(directory: &Directory, format: Format) -> Outcome {
    let all = directory.tenants().all();
    let json: Vec<_> = all.iter().map(|tenant| tenant.view()).collect();
    format.print(&json, || {
        let row = |tenant: &Arc<KnownTenant>| {
            let trusts: Vec<_> = tenant.trusts.iter().map(|trust| trust.name()).collect();
            [
                tenant.id.to_string(),
                tenant.record.name.clone(),
                tenant.record.tier.clone(),
                show::state(tenant),
                trusts.join(", "),
            ]
        };
        let rows: Vec<_> = all.iter().map(row).collect();
        table(["TENANT", "NAME", "TIER", "STATE", "TRUSTS"], &rows)
    })
}
