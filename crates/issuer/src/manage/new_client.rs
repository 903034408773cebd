//! A client that is registered through the API: of that tenant, for machines, and with no right that the tenant's contract
//! does not give. Whom people sign in to, the operator registers.

use super::{
    call::{Call, Reach},
    refusal::Refusal,
};
use portcullis_directory::{
    Client, ClientKeys, GrantType, KnownTenant, NewAuth, NewClient, Registration, TenantProblem,
};
use portcullis_types::{Audience, ClientId, Pattern, Registry, Scope, Scopes};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is said of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    name: String,
    client_id: Option<String>,
    #[serde(default)]
    grant_types: Vec<String>,
    scopes: Vec<String>,
    default_scope: Option<String>,
    /// By name or by identifier.
    resources: Vec<String>,
    /// Public keys; with them, it has no secret.
    jwks: Option<Value>,
}

/// Whoever has one of these manages: no client has one that its maker lacks.
const MANAGEMENT: [&str; 3] = ["tenant", "client", "audit"];
const GRANTS: [GrantType; 3] =
    [GrantType::ClientCredentials, GrantType::TokenExchange, GrantType::JwtBearer];

/// Reads it; everything that is wrong, at once.
pub(super) fn read(
    call: &Call,
    tenant: &KnownTenant,
    object: Map<String, Value>,
) -> Result<NewClient, Refusal> {
    let said: Said = serde_json::from_value(Value::Object(object))
        .map_err(|fault| Refusal::malformed(fault.to_string()))?;
    let mut wrong = Wrong::default();
    let id = wrong.id(call, said.client_id.as_deref());
    let grant_types = wrong.grants(&said.grant_types);
    let (resources, offered) = wrong.resources(call, tenant, &said.resources);
    let scopes = wrong.scopes(call, tenant, (&said.scopes, &offered));
    let default_scope = said.default_scope.as_deref().and_then(|text| {
        let parsed = Scopes::parse(text);
        parsed.map_err(|fault| wrong.add("default_scope", fault.to_string(), "")).ok()
    });
    let auth = match &said.jwks {
        None => NewAuth::Generated,
        Some(jwks) => match ClientKeys::parse(&jwks.to_string()) {
            Ok(keys) => NewAuth::Keys(keys),
            Err(fault) => {
                wrong.add("jwks", fault.to_string(), "send a JWK Set of public keys");
                NewAuth::Generated
            }
        },
    };
    if !wrong.0.is_empty() {
        return Err(Refusal::all_of(wrong.0));
    }
    let exact = scopes.iter().filter_map(|pattern| pattern.to_string().parse::<Scope>().ok());
    let ordinary: Scopes = exact.filter(|scope| !scope.is_privileged()).collect();
    Ok(NewClient {
        id,
        name: said.name,
        auth,
        grant_types,
        default_scope: default_scope.or_else(|| (!ordinary.is_empty()).then_some(ordinary)),
        default_resource: resources.first().cloned(),
        scopes,
        resources,
        tenant: Some(tenant.id.clone()),
        registration: Registration::default(),
        expires: None,
    })
}

/// What is wrong so far.
#[derive(Default)]
struct Wrong(Vec<TenantProblem>);

impl Wrong {
    fn add(&mut self, field: &str, problem: impl Into<String>, remedy: &str) {
        let (field, remedy) = (field.to_owned(), remedy.to_owned());
        self.0.push(TenantProblem { field, problem: problem.into(), remedy });
    }

    /// Of all ids, one might be taken: a tenant that chose them would learn what others have.
    fn id(&mut self, call: &Call, said: Option<&str>) -> Option<ClientId> {
        let said = said?;
        if matches!(call.reach(), Reach::Of(_)) {
            self.add("client_id", "the id is made here", "leave it out");
            return None;
        }
        let id = ClientId::new(said);
        id.map_err(|fault| self.add("client_id", fault.to_string(), "choose another")).ok()
    }

    fn grants(&mut self, said: &[String]) -> Vec<GrantType> {
        if said.is_empty() {
            return vec![GrantType::ClientCredentials];
        }
        let mut grants: Vec<GrantType> = Vec::new();
        for (place, name) in said.iter().enumerate() {
            match name.parse::<GrantType>().ok().filter(|grant| GRANTS.contains(grant)) {
                Some(grant) if !grants.contains(&grant) => grants.push(grant),
                Some(_) => {}
                None => {
                    let known: Vec<_> = GRANTS.iter().map(|grant| grant.name()).collect();
                    let remedy = format!("use some of: {}", known.join(", "));
                    self.add(&format!("grant_types[{place}]"), "no such grant here", &remedy);
                }
            }
        }
        grants
    }

    /// The APIs, and everything that they offer.
    fn resources(
        &mut self,
        call: &Call,
        tenant: &KnownTenant,
        said: &[String],
    ) -> (Vec<Audience>, Scopes) {
        let settings = &call.state.settings;
        let (mut resources, mut offered) = (Vec::new(), Vec::new());
        if said.is_empty() {
            self.add("resources", "it is not said for which API", "name at least one");
        }
        for (place, name) in said.iter().enumerate() {
            let api = settings.apis().iter().find(|api| {
                (api.name.as_ref() == name.as_str() || api.resource.as_str() == name)
                    && api.tenant.as_ref().is_none_or(|own| *own == tenant.id)
            });
            let Some(api) = api else {
                self.add(&format!("resources[{place}]"), "there is no such API", "");
                continue;
            };
            if !resources.contains(&api.resource) {
                resources.push(api.resource.clone());
                offered.extend(api.scopes.iter().cloned());
            }
        }
        let offered: Scopes = offered.into_iter().collect();
        (resources, settings.registry.closure(&offered))
    }

    fn scopes(
        &mut self,
        call: &Call,
        tenant: &KnownTenant,
        (said, offered): (&[String], &Scopes),
    ) -> Vec<Pattern> {
        let registry = &call.state.settings.registry;
        let contract = contract(call, tenant);
        let bounds = Bounds { registry, offered, contract: &contract };
        let mut patterns: Vec<Pattern> = Vec::new();
        for (place, text) in said.iter().enumerate() {
            let field = format!("scopes[{place}]");
            match Pattern::parse(text) {
                Err(fault) => self.add(&field, fault.to_string(), ""),
                Ok(pattern) => match bounds.excess(call, tenant, &pattern) {
                    Some((problem, remedy)) => self.add(&field, problem, remedy),
                    None if patterns.contains(&pattern) => {}
                    None => patterns.push(pattern),
                },
            }
        }
        patterns
    }
}

/// Whoever has a client's new secret, or brings it back, has its rights: they must be such as the caller could give to
/// a new one.
pub(super) fn within_reach(
    call: &Call,
    tenant: &KnownTenant,
    client: &Client,
) -> Result<(), Refusal> {
    let registry = &call.state.settings.registry;
    let contract = contract(call, tenant);
    let bounds = Bounds { registry, offered: &Scopes::default(), contract: &contract };
    let mut wrong = Wrong::default();
    for (place, pattern) in client.scopes.iter().enumerate() {
        let all = registry.expand([pattern]).unqualified(&tenant.id);
        if let Some((problem, remedy)) = bounds.beyond(call, &all) {
            wrong.add(&format!("scopes[{place}]"), problem, remedy);
        }
    }
    if wrong.0.is_empty() { Ok(()) } else { Err(Refusal::all_of(wrong.0)) }
}

fn contract(call: &Call, tenant: &KnownTenant) -> Scopes {
    match call.state.directory.contract_of(tenant) {
        Ok(contract) => {
            let registry = &call.state.settings.registry;
            registry.expand(&contract.scopes).unqualified(&tenant.id)
        }
        Err(_) => Scopes::default(),
    }
}

/// What a right may lie within.
struct Bounds<'a> {
    registry: &'a Registry,
    offered: &'a Scopes,
    contract: &'a Scopes,
}

impl Bounds<'_> {
    /// Why the right is too much; `None` if it is not.
    fn excess(
        &self,
        call: &Call,
        tenant: &KnownTenant,
        pattern: &Pattern,
    ) -> Option<(&'static str, &'static str)> {
        let all = self.registry.expand([pattern]).unqualified(&tenant.id);
        if all.is_empty() {
            return Some(("there is no such scope", ""));
        }
        if !all.iter().any(|scope| self.registry.covers(self.offered, scope)) {
            return Some(("no token for these APIs can have it", ""));
        }
        self.beyond(call, &all)
    }

    /// Why these rights are not the caller's to give.
    fn beyond(&self, call: &Call, all: &Scopes) -> Option<(&'static str, &'static str)> {
        if matches!(call.reach(), Reach::Everything) {
            return None;
        }
        if all.may_impersonate() {
            return Some(("the operator alone gives it", "ask the operator"));
        }
        if all.iter().any(|scope| !self.registry.covers(self.contract, scope)) {
            return Some(("the contract does not have it", "see /limits for what it has"));
        }
        let manages = |scope: &&Scope| MANAGEMENT.contains(&scope.family());
        let own = &call.claims().scope;
        if all.iter().filter(manages).any(|scope| !self.registry.covers(own, scope)) {
            return Some(("who makes a client gives it no management that they lack", ""));
        }
        None
    }
}
