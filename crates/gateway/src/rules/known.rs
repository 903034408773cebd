//! Parts of inputs that were made before: who asks, as long as the token is remembered; of which tenant, as long as
//! that does not change; what for, as long as many ask for the same. Bounded; one thread's own.

use crate::{routes::Line, settings::Models};
use http::Method;
use portcullis_policy::{Actor, Caller, Dataset, Model, Part, Resource, TenantFacts, Text, Tool};
use portcullis_types::Scope;
use portcullis_verify::{Claims, Vouched};
use quick_cache::{Equivalent, unsync::Cache};
use serde_json::{Map, Value};
use std::{
    borrow::Cow,
    cell::RefCell,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Resources that are remembered.
const RESOURCES: usize = 4096;
/// Tenants that are remembered.
const TENANTS: usize = 16_384;
/// The longest path of a resource that is worth being remembered, in bytes.
const LONGEST_PATH: usize = 256;
/// Links of an `act` chain that are told.
const ACTORS: usize = 4;

pub(super) struct Known {
    /// By where the claims lie. Whoever is in here holds them, so nothing else can come to lie there.
    callers: RefCell<Cache<usize, (Vouched, Part)>>,
    tenants: RefCell<Cache<usize, (Arc<TenantFacts<'static>>, Part)>>,
    resources: RefCell<Cache<Stored, Part>>,
}

/// All that a resource depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ResourceKey<'a> {
    pub(super) line: usize,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) model: Option<&'a str>,
    /// With its owner.
    pub(super) dataset: Option<(&'a str, &'a str)>,
    /// With its server.
    pub(super) tool: Option<(&'a str, &'a str)>,
}

impl Known {
    pub(super) fn new(tokens: usize) -> Self {
        Self {
            callers: RefCell::new(Cache::new(tokens.max(16))),
            tenants: RefCell::new(Cache::new(TENANTS)),
            resources: RefCell::new(Cache::new(RESOURCES)),
        }
    }

    pub(super) fn caller(&self, vouched: &Vouched) -> Part {
        let claims = vouched.claims();
        let place = std::ptr::from_ref(claims).addr();
        if let Some((known, part)) = self.callers.borrow_mut().get(&place)
            && std::ptr::eq(known.claims(), claims)
        {
            return part.clone();
        }
        let part = caller(claims);
        self.callers.borrow_mut().insert(place, (vouched.clone(), part.clone()));
        part
    }

    pub(super) fn tenant(&self, facts: &Arc<TenantFacts<'static>>) -> Part {
        let place = Arc::as_ptr(facts).addr();
        if let Some((known, part)) = self.tenants.borrow_mut().get(&place)
            && Arc::ptr_eq(known, facts)
        {
            return part.clone();
        }
        let part = Part::tenant(facts);
        self.tenants.borrow_mut().insert(place, (facts.clone(), part.clone()));
        part
    }

    pub(super) fn resource(&self, key: &ResourceKey<'_>, (models, line): (&Models, &Line)) -> Part {
        if let Some(part) = self.resources.borrow_mut().get(key) {
            return part.clone();
        }
        let part = resource(key, models, line);
        if key.path.len() <= LONGEST_PATH {
            self.resources.borrow_mut().insert(Stored::of(key), part.clone());
        }
        part
    }
}

fn resource(key: &ResourceKey<'_>, models: &Models, line: &Line) -> Part {
    let model = key.model.map(|name| {
        let known = models.find(name);
        let tenant = known.and_then(|known| known.tenant.as_ref());
        Model {
            name: name.into(),
            class: known.and_then(|known| known.class.as_deref()).map(Text::from),
            tenant: tenant.map(|tenant| tenant.as_str().into()),
        }
    });
    Part::resource(&Resource {
        api: line.guarded.api.as_str().into(),
        route: line.route.path.as_str().into(),
        method: key.method.as_str().into(),
        path: key.path.into(),
        scopes: line.needed.iter().map(|scope| scope.as_str().into()).collect(),
        model,
        dataset: key.dataset.map(|(id, tenant)| Dataset {
            id: id.into(),
            tenant: tenant.into(),
            residency: None,
        }),
        tool: key.tool.map(|(server, name)| Tool { server: server.into(), name: name.into() }),
        ..Resource::default()
    })
}

fn caller(claims: &Claims) -> Part {
    let all: Map<String, Value> = serde_json::from_slice(claims.json()).unwrap_or_default();
    Part::caller(&Caller {
        sub: claims.sub.as_str().into(),
        client_id: claims.client_id.as_str().into(),
        tenant: claims.tenant.as_ref().map(|tenant| tenant.as_str().into()),
        roles: texts(&all, "roles"),
        groups: texts(&all, "groups"),
        scopes: claims.scope.iter().map(Scope::as_str).map(Cow::Borrowed).collect(),
        acr: claims.acr.as_deref().map(Cow::Borrowed),
        amr: texts(&all, "amr"),
        auth_time: claims.auth_time.map(portcullis_types::Timestamp::seconds),
        act: actors(all.get("act")),
    })
}

/// The texts of a list; what is none of either says nothing.
fn texts<'a>(claims: &'a Map<String, Value>, name: &str) -> Vec<Text<'a>> {
    let list = claims.get(name).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(Cow::Borrowed).collect()
}

/// RFC 8693 §4.1: the one who acts now first. One without a name is told as such, since somebody acts.
fn actors(mut act: Option<&Value>) -> Vec<Actor<'_>> {
    let mut actors = Vec::new();
    while let Some(link) = act.filter(|link| !link.is_null() && actors.len() < ACTORS) {
        let text = |name| link.get(name).and_then(Value::as_str).map(Cow::Borrowed);
        let (sub, client_id, iss) =
            (text("sub").unwrap_or_default(), text("client_id"), text("iss"));
        actors.push(Actor { sub, client_id, iss });
        act = link.get("act");
    }
    actors
}

/// A key that is kept.
struct Stored {
    line: usize,
    method: Method,
    path: Box<str>,
    model: Option<Box<str>>,
    dataset: Option<(Box<str>, Box<str>)>,
    tool: Option<(Box<str>, Box<str>)>,
}

impl Stored {
    fn of(key: &ResourceKey<'_>) -> Self {
        let both = |(one, other): (&str, &str)| (one.into(), other.into());
        Self {
            line: key.line,
            method: key.method.clone(),
            path: key.path.into(),
            model: key.model.map(Into::into),
            dataset: key.dataset.map(both),
            tool: key.tool.map(both),
        }
    }

    fn key(&self) -> ResourceKey<'_> {
        fn both((one, other): &(Box<str>, Box<str>)) -> (&str, &str) {
            (one, other)
        }
        ResourceKey {
            line: self.line,
            method: &self.method,
            path: &self.path,
            model: self.model.as_deref(),
            dataset: self.dataset.as_ref().map(both),
            tool: self.tool.as_ref().map(both),
        }
    }
}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Stored {}

impl Equivalent<Stored> for ResourceKey<'_> {
    fn equivalent(&self, stored: &Stored) -> bool {
        *self == stored.key()
    }
}
