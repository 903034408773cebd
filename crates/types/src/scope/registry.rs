//! The closed list of families and verbs, and what each verb implies.
//!
//! Nothing is implied but what is written here or in the operator's configuration, except that
//! `admin` implies every verb of its family. `dataset:write` does not imply `dataset:read`.

use super::{Pattern, Scope, ScopeFault, Scopes, fault::excerpt};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Every scope that comes with the program: name, what it allows, what it implies.
pub(super) const STANDARD: &[(&str, &str, &[&str])] = &[
    ("inference:read", "See models and stored responses.", &[]),
    ("generate:basic", "Run generation on models of the basic tier.", &[]),
    ("generate:standard", "Run generation on models up to the standard tier.", &["generate:basic"]),
    (
        "generate:advanced",
        "Run generation on models up to the advanced tier.",
        &["generate:standard"],
    ),
    ("generate:premium", "Run generation on models of every tier.", &["generate:advanced"]),
    ("embedding:create", "Compute embeddings.", &[]),
    ("model:list", "List models.", &[]),
    ("model:upload", "Upload a model or a new version of one.", &[]),
    ("model:delete", "Delete a model.", &[]),
    ("model:deploy", "Put a model into service or take it out.", &[]),
    ("model:export", "Download a model's weights.", &[]),
    ("model:share", "Let another tenant use a model.", &[]),
    ("model:admin", "Do everything with models.", &[]),
    ("dataset:read", "Read datasets.", &[]),
    ("dataset:write", "Create datasets and append to them; not read them.", &[]),
    ("dataset:delete", "Delete datasets.", &[]),
    ("dataset:admin", "Do everything with datasets.", &[]),
    ("finetune:create", "Start a fine-tuning job.", &[]),
    ("finetune:read", "See fine-tuning jobs and their results.", &[]),
    ("finetune:admin", "Do everything with fine-tuning jobs.", &[]),
    ("analytics:read", "Read reports about a tenant's use.", &[]),
    ("mcp:list", "List the tools of an MCP server.", &[]),
    ("mcp:call", "Call tools of an MCP server.", &[]),
    ("mcp:read", "Read resources of an MCP server.", &[]),
    ("agent:run", "Start an agent.", &[]),
    ("key:create", "Create API keys.", &[]),
    ("key:list", "List API keys, without their secrets.", &[]),
    ("key:delete", "Revoke API keys.", &[]),
    ("key:admin", "Do everything with API keys.", &[]),
    ("batch:create", "Submit a batch of requests; each also needs its own scope.", &[]),
    ("batch:read", "See batches and their results.", &[]),
    ("usage:read", "Read one's own consumption and limits.", &[]),
    ("tenant:read", "See a tenant, its contract and whom it trusts.", &[]),
    ("tenant:write", "Change whom a tenant writes to and how it trusts its providers.", &[]),
    ("tenant:admin", "Make, change, suspend and end tenants.", &[]),
    ("client:read", "See clients, without their secrets.", &[]),
    ("client:write", "Register, disable and enable clients, and renew their secrets.", &[]),
    ("audit:read", "Read why something was allowed or refused.", &[]),
    ("policy:evaluate", "Ask what the policies would decide.", &[]),
    ("exchange:impersonate", "Exchange a token without leaving a trace of the actor in it.", &[]),
];

/// The families and verbs that exist, with what each implies.
#[derive(Clone, Debug)]
pub struct Registry {
    /// By `family:verb`.
    entries: BTreeMap<Arc<str>, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    scope: Scope,
    description: Box<str>,
    /// As declared: names one step away.
    implies: Vec<Arc<str>>,
    /// Every other name that this one brings.
    brings: BTreeSet<Arc<str>>,
    /// Every other name that brings this one: the hot path asks only this.
    brought_by: Vec<Arc<str>>,
}

impl Registry {
    /// The scopes that come with the program.
    pub fn standard() -> Self {
        let mut registry = Self { entries: BTreeMap::new() };
        for (name, description, implies) in STANDARD {
            // Each row is a scope, and a test says so.
            if let Ok(scope) = Scope::parse(name) {
                registry.insert(
                    scope,
                    description,
                    implies.iter().map(|name| (*name).into()).collect(),
                );
            }
        }
        registry.settle();
        registry
    }

    /// Adds an operator's `family:verb`. `implies` names scopes registered before, as
    /// `family:verb`; an ordinary verb may not imply a privileged one, which no wildcard may
    /// bring. `admin` implies its family without saying so.
    pub fn with(
        mut self,
        family: &str,
        verb: &str,
        description: &str,
        implies: &[&str],
    ) -> Result<Self, ScopeFault> {
        let text = format!("{family}:{verb}");
        let scope = registrable(&text)?;
        if self.entries.contains_key(scope.name()) {
            return Err(ScopeFault::Registered { seen: text });
        }
        let mut brought = Vec::with_capacity(implies.len());
        for name in implies {
            let lesser = registrable(name)?;
            self.known(&lesser)?;
            if lesser.is_privileged() && !scope.is_privileged() {
                return Err(ScopeFault::ImpliesPrivileged {
                    seen: text,
                    implied: lesser.to_string(),
                });
            }
            brought.push(lesser.name().into());
        }
        self.insert(scope, description, brought);
        self.settle();
        Ok(self)
    }

    /// Whether the scope's family and verb are registered; if not, which one may be meant.
    pub fn known(&self, scope: &Scope) -> Result<(), ScopeFault> {
        if self.entries.contains_key(scope.name()) {
            return Ok(());
        }
        let seen = excerpt(scope.as_str());
        let verbs: Vec<_> = self.family(scope.family()).map(|entry| entry.scope.verb()).collect();
        if !verbs.is_empty() {
            let nearest =
                nearest(scope.verb(), &verbs).map(|verb| format!("{}:{verb}", scope.family()));
            let known = verbs.iter().map(|verb| format!("{}:{verb}", scope.family())).collect();
            return Err(ScopeFault::UnknownVerb { seen, nearest, known });
        }
        let names: Vec<_> = self.entries.keys().map(|name| &**name).collect();
        let swapped = format!("{}:{}", scope.verb(), scope.family());
        let nearest = nearest(scope.name(), &names).or_else(|| nearest(&swapped, &names));
        let families: BTreeSet<_> =
            self.entries.values().map(|entry| entry.scope.family()).collect();
        Err(ScopeFault::UnknownFamily {
            seen,
            nearest: nearest.map(str::to_owned),
            known: families.into_iter().map(str::to_owned).collect(),
        })
    }

    /// The scopes with everything they imply, in the same tenant and on the same resource.
    pub fn closure(&self, scopes: &Scopes) -> Scopes {
        let implied = scopes.iter().flat_map(|scope| {
            let brings = self.entries.get(scope.name()).map(|entry| &entry.brings);
            brings.into_iter().flatten().filter_map(|name| scope.renamed(name))
        });
        scopes.iter().cloned().chain(implied).collect()
    }

    /// Whether the holder of `have` may do `need`: some scope of it, or of its closure, names the
    /// same family, verb and tenant, and the same resource or one that `need` lies beneath.
    ///
    /// A scope without tenant is about the token's own tenant: that this is the tenant of the
    /// resource is for the caller to check. Builds nothing.
    pub fn covers(&self, have: &Scopes, need: &Scope) -> bool {
        let mut spanning = have.iter().filter(|scope| scope.spans(need));
        if spanning.clone().any(|scope| scope.name() == need.name()) {
            return true;
        }
        let Some(entry) = self.entries.get(need.name()) else {
            return false;
        };
        spanning.any(|scope| entry.brought_by.iter().any(|name| **name == *scope.name()))
    }

    /// The scopes of `need` that `have` does not cover.
    pub fn missing(&self, have: &Scopes, need: &Scopes) -> Scopes {
        need.filter(|scope| !self.covers(have, scope))
    }

    /// The registered scopes that an allow-list stands for: no wildcard leaves this function.
    pub fn expand<'p>(&self, patterns: impl IntoIterator<Item = &'p Pattern>) -> Scopes {
        patterns.into_iter().flat_map(|pattern| pattern.expand(self)).collect()
    }

    /// Every registered scope with what it allows, in the order of their bytes.
    pub fn all(&self) -> impl Iterator<Item = (&Scope, &str)> {
        self.entries.values().map(|entry| (&entry.scope, &*entry.description))
    }

    fn family<'a>(&'a self, family: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.values().filter(move |entry| entry.scope.family() == family)
    }

    fn insert(&mut self, scope: Scope, description: &str, implies: Vec<Arc<str>>) {
        let entry = Entry {
            description: description.into(),
            implies,
            brings: BTreeSet::new(),
            brought_by: Vec::new(),
            scope,
        };
        self.entries.insert(entry.scope.name().into(), entry);
    }

    /// Works out `brings` and `brought_by` from what was declared.
    fn settle(&mut self) {
        let brings: BTreeMap<_, _> =
            self.entries.keys().map(|name| (name.clone(), self.reachable(name))).collect();
        for (name, entry) in &mut self.entries {
            let bringing = brings.iter().filter(|(_, brought)| brought.contains(name));
            entry.brought_by = bringing.map(|(other, _)| other.clone()).collect();
            entry.brings = brings.get(name).cloned().unwrap_or_default();
        }
    }

    /// Every other name that can be reached from `start`.
    fn reachable(&self, start: &Arc<str>) -> BTreeSet<Arc<str>> {
        let mut reached = BTreeSet::new();
        let mut open = vec![start.clone()];
        while let Some(name) = open.pop() {
            let Some(entry) = self.entries.get(&name) else { continue };
            if !reached.insert(name) {
                continue;
            }
            open.extend(entry.implies.iter().cloned());
            if entry.scope.verb() == "admin" {
                let verbs = self.family(entry.scope.family());
                open.extend(verbs.map(|entry| entry.scope.name().into()));
            }
        }
        reached.remove(start);
        reached
    }
}

fn registrable(text: &str) -> Result<Scope, ScopeFault> {
    let scope = Scope::parse(text)?;
    if scope.name() != text {
        return Err(ScopeFault::NotAName { seen: excerpt(text) });
    }
    Ok(scope)
}

/// The name nearest to `seen`, if at most a third of its letters differ.
fn nearest<'a>(seen: &str, names: &[&'a str]) -> Option<&'a str> {
    let limit = (seen.len() / 3).max(1);
    let scored = names.iter().map(|name| (distance(seen, name), *name));
    scored.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

/// How many letters to insert, remove or replace (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (place, a) in from.bytes().enumerate() {
        let mut left = place + 1;
        let mut next = vec![left];
        for (b, above) in to.bytes().zip(row.windows(2)) {
            let [diagonal, up] = above else { continue };
            left = (diagonal + usize::from(a != b)).min(up + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
