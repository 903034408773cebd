//! What a tenant's tokens can reach: for one subject, and at most. Both ask [`Rights::narrow`], which grants.

use super::KnownTenant;
use crate::{ApiKey, Client, Directory, GrantType, Tier};
use portcullis_types::{
    Allows, ApiName, Asked, Audience, Denial, Details, DetailsFault, Narrowed, Rights, Scope,
    Scopes, Side, Sides, Tenant, Timestamp,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// An API that tokens are issued for.
#[derive(Clone, Copy, Debug)]
pub struct OpenApi<'a> {
    /// The operator's name for it.
    pub name: &'a ApiName,
    /// Its identifier.
    pub resource: &'a Audience,
    /// What it offers.
    pub scopes: &'a Scopes,
    /// The tenant whose own it is.
    pub tenant: Option<&'a Tenant>,
}

/// One way by which a scope can be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reach {
    /// The scope; about the tenant's own things, unless it names another.
    pub scope: Scope,
    /// The API that the token is for.
    pub api: String,
    /// The client that exchanges.
    pub client: String,
    /// The trust that lets the subject in; empty where an API key does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trust: String,
    /// The API key, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
}

/// By what somebody comes to the tenant, and what that is good for at most.
struct Entrance {
    trust: String,
    api_key: Option<String>,
    rights: Rights,
}

/// Who has a say besides the subject's token and the contract, as far as they are known, and what is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left<'a> {
    /// The client that exchanges.
    pub client: Option<&'a Client>,
    /// What the API offers.
    pub api: Option<&'a Scopes>,
    /// What is asked for; all that the subject has, if nothing is.
    pub asked: Option<&'a Scopes>,
}

impl Directory {
    /// What an exchange leaves of a subject's rights, policies aside: they can only take more away.
    pub fn left(
        &self,
        tenant: &KnownTenant,
        rights: &Rights,
        left: Left<'_>,
    ) -> Result<Narrowed, Box<Denial>> {
        let contract = self.contract_of(tenant);
        let contract = contract.map_err(|fault| Box::new(Denial::BadDetails { fault }))?;
        self.left_by((tenant, &contract), rights, left)
    }

    fn left_by(
        &self,
        (tenant, contract): (&KnownTenant, &Tier),
        rights: &Rights,
        left: Left<'_>,
    ) -> Result<Narrowed, Box<Denial>> {
        let (nothing, expires) = (Details::default(), rights.expires);
        // Who has no say, takes nothing away.
        let every = Side { allows: Allows::Scopes(&rights.scopes), details: &nothing, expires };
        let of = |allows| Side { allows, ..every };
        let sides = Sides {
            subject: rights,
            client: left.client.map_or(every, |client| of(Allows::Patterns(&client.scopes))),
            tenant: Side {
                allows: Allows::Patterns(&contract.scopes),
                details: &contract.details,
                expires,
            },
            api: left.api.map_or(every, |scopes| of(Allows::Scopes(scopes))),
            policy: every,
            reason: "",
            crossings: &tenant.crossings,
        };
        let asked = Asked { scopes: left.asked, details: &nothing, expires };
        Rights::narrow(&asked, &sides, &self.contracts().registry)
    }

    /// Everything that the tenant's tokens can reach at most, by every trust, each of these keys of its own, every
    /// client and API. A halted tenant reaches nothing.
    pub fn reach(
        &self,
        tenant: &KnownTenant,
        keys: &[ApiKey],
        apis: &[OpenApi<'_>],
    ) -> Result<Vec<Reach>, DetailsFault> {
        let mut all = BTreeSet::new();
        if tenant.halted.is_some() {
            return Ok(Vec::new());
        }
        let contract = self.contract_of(tenant)?;
        let entrances = self.entrances(tenant, keys);
        for client in self.list().iter().filter(|client| exchanges(client, &tenant.id)) {
            let open = apis.iter().filter(|api| {
                api.tenant.is_none_or(|own| *own == tenant.id)
                    && client.resources.contains(api.resource)
            });
            for api in open {
                let fits = |entrance: &&Entrance| {
                    entrance.api_key.is_none() || client.may(GrantType::TokenExchange)
                };
                for entrance in entrances.iter().filter(fits) {
                    let by = (client.as_ref(), api.scopes);
                    let scopes = self.reached((tenant, &contract), &entrance.rights, by);
                    all.extend(scopes.into_iter().map(|scope| Reach {
                        scope,
                        api: api.name.to_string(),
                        client: client.id.to_string(),
                        trust: entrance.trust.clone(),
                        api_key: entrance.api_key.clone(),
                    }));
                }
            }
        }
        Ok(all.into_iter().collect())
    }

    fn entrances(&self, tenant: &KnownTenant, keys: &[ApiKey]) -> Vec<Entrance> {
        let rights = |scopes, details| Rights {
            scopes,
            details,
            expires: Timestamp::from_millis(i64::MAX),
            tenant: Some(tenant.id.clone()),
        };
        let by_trust = tenant.trusts.iter().map(|trust| {
            let (ceiling, details) = trust.reach();
            let rights = rights(ceiling.clone(), details.clone());
            Entrance { trust: trust.name().to_owned(), api_key: None, rights }
        });
        let registry = &self.contracts().registry;
        let own = keys.iter().filter(|key| key.tenant.as_ref() == Some(&tenant.id));
        let by_key = own.map(|key| {
            let rights = rights(key.most(registry), Details::default());
            Entrance { trust: String::new(), api_key: Some(key.id.clone()), rights }
        });
        by_trust.chain(by_key).collect()
    }

    /// What of everything that could be asked for is left.
    fn reached(
        &self,
        of: (&KnownTenant, &Tier),
        rights: &Rights,
        (client, api): (&Client, &Scopes),
    ) -> Vec<Scope> {
        let (tenant, contract) = of;
        let registry = &self.contracts().registry;
        // Whatever some side says, and every name: what is wider than a side is asked for and lost.
        let sides = [
            registry.all().map(|(scope, _)| scope.clone()).collect(),
            registry.closure(&rights.scopes.unqualified(&tenant.id)),
            registry.expand(&contract.scopes).unqualified(&tenant.id),
            registry.expand(&client.scopes).unqualified(&tenant.id),
        ];
        let crossed = tenant.crossings.iter().flat_map(|crossing| {
            let into = |scope: &Scope| format!("{scope}:{}", crossing.into).parse::<Scope>().ok();
            crossing.scopes.iter().filter(|scope| scope.resource().is_none()).filter_map(into)
        });
        let leads = |scope: &Scope| {
            scope
                .tenant()
                .is_none_or(|into| tenant.crossings.iter().any(|crossing| crossing.into == *into))
        };
        let all = sides.into_iter().flatten().chain(crossed).filter(leads);
        let all: BTreeSet<Scope> =
            all.filter(|scope| !Scopes::from_iter([scope.clone()]).may_impersonate()).collect();
        let all: Vec<Scope> = all.into_iter().collect();
        let mut reached = Vec::new();
        // In portions: nobody may ask for too many at a time.
        for some in all.chunks(PORTION) {
            let asked: Scopes = some.iter().cloned().collect();
            let left = Left { client: Some(client), api: Some(api), asked: Some(&asked) };
            if let Ok(narrowed) = self.left_by(of, rights, left) {
                reached.extend(narrowed.rights.scopes);
            }
        }
        reached
    }
}

const PORTION: usize = 12;

/// Whether tokens of that tenant's providers can be exchanged by this client.
fn exchanges(client: &Client, tenant: &Tenant) -> bool {
    let grants = [GrantType::TokenExchange, GrantType::JwtBearer];
    client.tenant.as_ref().is_none_or(|own| own == tenant)
        && client.disabled_since.is_none()
        && client.is_vouched_for()
        && grants.iter().any(|grant| client.may(*grant))
}
