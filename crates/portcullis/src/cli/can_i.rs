//! `portcullis can-i`: what may be reached at most, computed by the code that grants it.

use super::{Exit, Format, Globals, House, Outcome, house, person::refused, put, table};
use crate::clock;
use portcullis_directory::{OpenApi, Reach};
use portcullis_types::{Details, Scope, Scopes, Tenant};

/// Say what a tenant's tokens can reach at most, or whether they can reach one thing.
///
/// The answer is what is left of the tenant's tier, of the ceiling of a trust or the scopes of an API key, of the
/// allow-list of a client and of an API. Policies can only take more away.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis can-i --tenant t123 --list
  portcullis can-i --tenant t123 analytics:read")]
pub(super) struct CanI {
    /// As it stands in scopes: t123.
    #[arg(long, value_name = "TENANT")]
    tenant: Tenant,
    /// Everything.
    #[arg(long, required_unless_present = "scope")]
    list: bool,
    /// One scope: the answer is the exit code, too.
    #[arg(value_name = "SCOPE", conflicts_with = "list")]
    scope: Option<Scope>,
}

impl CanI {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let directory = house.directory().await?;
            let tenant = super::tenant::known(&directory, &self.tenant)?;
            let contract = directory.contract_of(&tenant).map_err(super::Stop::refused)?;
            let apis: Vec<_> = house.config.apis.iter().map(open_api).collect();
            let keys = directory.api_keys_of(&tenant.id, clock::now()).await.map_err(refused)?;
            let reach = directory.reach(&tenant, &keys, &apis);
            let mut reach = reach.map_err(super::Stop::refused)?;
            if let Some(scope) = &self.scope {
                let registry = &house.config.registry;
                let scope = scope.unqualified(&self.tenant);
                reach
                    .retain(|one| registry.covers(&Scopes::from_iter([one.scope.clone()]), &scope));
            }
            let can = !reach.is_empty();
            told(globals.format, &reach, &contract.details)?;
            Ok(if can || self.list { Exit::Done } else { Exit::Refused })
        })
    }
}

fn open_api(api: &crate::config::Api) -> OpenApi<'_> {
    let (name, resource) = (&api.name, &api.resource);
    OpenApi { name, resource, scopes: &api.scopes, tenant: api.tenant.as_ref() }
}

fn told(format: Format, reach: &[Reach], details: &Details) -> Result<(), super::Stop> {
    match format {
        Format::Json => {
            let json = serde_json::json!({ "reach": reach, "authorization_details": details });
            format.print(&json, String::new)?;
        }
        Format::Text => {
            let row = |one: &Reach| {
                let by = one.api_key.as_ref().unwrap_or(&one.trust).clone();
                [one.scope.to_string(), one.api.clone(), one.client.clone(), by]
            };
            let rows: Vec<_> = reach.iter().map(row).collect();
            put(format_args!("{}", table(["SCOPE", "API", "CLIENT", "BY"], &rows)))?;
            if !details.is_empty() {
                put(format_args!("\nwithin {details}\n"))?;
            }
        }
    }
    Ok(())
}
