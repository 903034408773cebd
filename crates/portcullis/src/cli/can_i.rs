//! `portcullis can-i`: what may be reached at most, computed by the code that grants it.

use super::{Exit, Format, Globals, House, Outcome, house, put, table};
use portcullis_directory::{KnownTenant, Tier};
use portcullis_types::{Allows, Details, Registry, Scope, Scopes, Tenant};
use serde::Serialize;

/// Say what a tenant's tokens can reach at most, or whether they can reach one thing.
///
/// The answer is what is left of the tenant's tier, of the ceiling of a trust, of the allow-list of a client and of
/// an API. Policies can only take more away.
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

/// One way by which a scope can be had.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Reach {
    scope: Scope,
    api: String,
    client: String,
    trust: String,
}

impl CanI {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        house::block_on(async {
            let directory = house.directory().await?;
            let tenant = super::tenant::known(&directory, &self.tenant)?;
            let contract = directory.contract_of(&tenant).map_err(super::Stop::refused)?;
            let mut reach = reach(&house, &directory, (&tenant, &contract));
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

/// What is left of every combination of trust, client and API. A halted tenant reaches nothing.
fn reach(
    house: &House,
    directory: &portcullis_directory::Directory,
    (tenant, contract): (&KnownTenant, &Tier),
) -> Vec<Reach> {
    let registry = &house.config.registry;
    let mut all = Vec::new();
    if tenant.halted.is_some() {
        return all;
    }
    let tier = allowed(registry, Allows::Patterns(&contract.scopes), &tenant.id);
    for client in directory.list() {
        let of_this = client.tenant.as_ref().is_none_or(|own| *own == tenant.id);
        let exchanges = [
            portcullis_directory::GrantType::TokenExchange,
            portcullis_directory::GrantType::JwtBearer,
        ];
        if !of_this
            || client.disabled_since.is_some()
            || !exchanges.iter().any(|grant| client.may(*grant))
        {
            continue;
        }
        let own = allowed(registry, Allows::Patterns(&client.scopes), &tenant.id);
        for api in &house.config.apis {
            let open = api.tenant.as_ref().is_none_or(|own| *own == tenant.id);
            if !open || !client.resources.contains(&api.resource) {
                continue;
            }
            for trust in &tenant.trusts {
                let (ceiling, _) = trust.reach();
                let ceiling = allowed(registry, Allows::Scopes(ceiling), &tenant.id);
                let sides = [&tier, &own, &ceiling, &api.scopes];
                let by_all = |scope: &&Scope| sides.iter().all(|side| registry.covers(side, scope));
                all.extend(registry.all().map(|(scope, _)| scope).filter(by_all).map(|scope| {
                    Reach {
                        scope: scope.clone(),
                        api: api.name.to_string(),
                        client: client.id.to_string(),
                        trust: trust.name().to_owned(),
                    }
                }));
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn allowed(registry: &Registry, allows: Allows<'_>, tenant: &Tenant) -> Scopes {
    let scopes = match allows {
        Allows::Scopes(scopes) => scopes.clone(),
        Allows::Patterns(patterns) => registry.expand(patterns),
    };
    scopes.unqualified(tenant)
}

fn told(format: Format, reach: &[Reach], details: &Details) -> Result<(), super::Stop> {
    match format {
        Format::Json => {
            let json = serde_json::json!({ "reach": reach, "authorization_details": details });
            format.print(&json, String::new)?;
        }
        Format::Text => {
            let row = |one: &Reach| {
                [one.scope.to_string(), one.api.clone(), one.client.clone(), one.trust.clone()]
            };
            let rows: Vec<_> = reach.iter().map(row).collect();
            put(format_args!("{}", table(["SCOPE", "API", "CLIENT", "TRUST"], &rows)))?;
            if !details.is_empty() {
                put(format_args!("\nwithin {details}\n"))?;
            }
        }
    }
    Ok(())
}
