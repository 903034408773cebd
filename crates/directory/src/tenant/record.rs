//! What an operator says of a tenant, and everything that is wrong with it in one go.

use crate::Contracts;
use portcullis_types::{Crossing, Details, DetailsFault, Issuer, Registry, Scopes, Tenant};
use portcullis_verify::subject::{CheckedTrust, Home, Trust};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// The content of `tenants/ID.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantRecord {
    /// What people call it.
    pub name: String,
    /// What it pays for: one of `[tiers.NAME]`.
    pub tier: String,
    /// Whom to write to: addresses for mail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Where its data must stay. A label: policies read it, nothing else does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<String>,
    /// The datasets that are its own. Its tokens may name no other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<String>,
    /// Whose tokens are traded for ours, and for what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trust: Vec<Trust>,
    /// What its tokens may do at other tenants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crossing: Vec<CrossingRecord>,
}

/// A grant across tenants, as an operator says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossingRecord {
    /// Whose things.
    pub into: Tenant,
    /// What may be done there, without tenant.
    pub scopes: Scopes,
}

/// One thing that is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantProblem {
    /// Where, as in the file: `trust[0].issuer`.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// What a record comes to when nothing is wrong with it.
pub(super) type Checked = (Vec<Arc<CheckedTrust>>, Vec<Crossing>);

/// Where records are to be good.
pub(super) struct RecordHome<'a> {
    pub(super) issuer: &'a Issuer,
    pub(super) registry: &'a Registry,
}

const LONGEST_NAME: usize = 128;
const MOST_TRUSTS: usize = 32;

impl TenantRecord {
    /// Of a tenant of which nothing more is known: it has nothing, and trusts nobody.
    pub(super) fn unknown(id: &Tenant) -> Self {
        Self {
            name: id.to_string(),
            tier: String::new(),
            contacts: Vec::new(),
            residency: None,
            datasets: Vec::new(),
            trust: Vec::new(),
            crossing: Vec::new(),
        }
    }

    /// Everything that is wrong with it, if it is to be the tenant `id`.
    pub fn problems(
        &self,
        id: &Tenant,
        issuer: &Issuer,
        contracts: &Contracts,
    ) -> Vec<TenantProblem> {
        let tiers = &contracts.tiers;
        let mut problems = self.own_problems(id);
        if !tiers.contains_key(&self.tier) {
            let known: Vec<_> = tiers.keys().map(String::as_str).collect();
            let remedy = if known.is_empty() {
                format!("add [tiers.{}] to the configuration", self.tier)
            } else {
                format!("use one of: {}", known.join(", "))
            };
            problems.push(found("tier", format!("there is no tier '{}'", self.tier), remedy));
        }
        let home = RecordHome { issuer, registry: &contracts.registry };
        problems.extend(self.checked(id, &home).err().into_iter().flatten());
        if let Err(fault) = self.datasets() {
            problems.push(found("datasets", fault.to_string(), "name at most 16".into()));
        }
        problems
    }

    fn own_problems(&self, id: &Tenant) -> Vec<TenantProblem> {
        let mut problems = Vec::new();
        if self.name.is_empty() || self.name.chars().count() > LONGEST_NAME {
            let problem = format!("a name has 1 to {LONGEST_NAME} characters");
            problems.push(found("name", problem, "give it the company's name".into()));
        }
        for (place, contact) in self.contacts.iter().enumerate() {
            if !contact.contains('@')
                || contact.len() > 254
                || contact.contains(char::is_whitespace)
            {
                let field = format!("contacts[{place}]");
                problems.push(found(&field, "this is no address for mail".into(), String::new()));
            }
        }
        if self.trust.len() > MOST_TRUSTS {
            let problem = format!("there are {}, at most {MOST_TRUSTS}", self.trust.len());
            problems.push(found("trust", problem, String::new()));
        }
        for (place, crossing) in self.crossing.iter().enumerate() {
            let field = format!("crossing[{place}]");
            if crossing.into == *id {
                let problem = "a tenant needs no grant for its own things".into();
                problems.push(found(&field, problem, "take it out".into()));
            }
            if crossing.scopes.iter().any(|scope| scope.tenant().is_some()) {
                let problem = "these scopes name a tenant; 'into' does that".into();
                problems.push(found(&field, problem, "write the scopes without it".into()));
            }
        }
        problems
    }

    /// Its datasets, as `authorization_details` say them (RFC 9396).
    pub(super) fn datasets(&self) -> Result<Details, DetailsFault> {
        let named = |name: &String| json!({ "type": "ai_dataset", "identifier": name });
        let all: Vec<_> = self.datasets.iter().map(named).collect();
        if all.is_empty() { Ok(Details::default()) } else { Details::of(&all.into()) }
    }

    /// Its trusts and crossings, ready for use; or what is wrong with them.
    pub(super) fn checked(
        &self,
        id: &Tenant,
        home: &RecordHome<'_>,
    ) -> Result<Checked, Vec<TenantProblem>> {
        let home = Home { tenant: id, issuer: home.issuer, registry: home.registry };
        let trusts = Trust::checked_all(self.trust.clone(), &home).map_err(|faults| {
            let problem = |fault: portcullis_verify::subject::TrustFault| TenantProblem {
                field: fault.field,
                problem: fault.what,
                remedy: fault.remedy,
            };
            faults.into_iter().map(problem).collect::<Vec<_>>()
        })?;
        let crossing = |crossing: &CrossingRecord| Crossing {
            of: id.clone(),
            into: crossing.into.clone(),
            scopes: crossing.scopes.clone(),
        };
        let trusts = trusts.into_iter().map(Arc::new).collect();
        Ok((trusts, self.crossing.iter().map(crossing).collect()))
    }
}

pub(super) fn found(field: &str, problem: String, remedy: String) -> TenantProblem {
    TenantProblem { field: field.to_owned(), problem, remedy }
}
