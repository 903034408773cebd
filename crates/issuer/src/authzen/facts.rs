//! From a question to the input of a policy: subject to caller, resource and action to resource or target.

use super::{
    call::Call,
    known::Known,
    question::{Entity, Malformed, Question, wrong},
};
use portcullis_directory::{Client, KnownTenant};
use portcullis_policy::{
    Actor, Behaviour, Caller, Context, Dataset, Input, ManageInput, Model, Point, Quota,
    RequestInput, Resource, Target, Text, Tool,
};
use portcullis_types::{ClientId, Scope, Scopes, Tenant, Timestamp};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// Bytes of a property, at most.
const LONGEST: usize = 4096;
/// What is managed, and never asked for at a gateway.
const MANAGED: [&str; 6] = ["tenant", "client", "key", "policy", "person", "trust"];
/// What is done to a model or a dataset when it is managed.
const MANAGING: [&str; 6] = ["upload", "deploy", "delete", "export", "share", "admin"];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What a policy is told, and what the subject must hold besides.
pub(super) struct Facts {
    pub(super) input: Input,
    /// What it holds; as much as it needs, where nobody says.
    pub(super) held: Scopes,
    pub(super) needed: Scopes,
    /// The dataset that is asked for.
    pub(super) dataset: Option<String>,
}

/// The subject, as far as it is known here.
struct Subject<'a> {
    entity: &'a Entity,
    client: Option<Arc<Client>>,
    tenant: Option<String>,
    /// That tenant, if there is one.
    known: Option<Arc<KnownTenant>>,
}

impl Facts {
    pub(super) async fn of(call: &Call<'_>, question: &Question) -> Result<Self, Malformed> {
        let lore = call.pdp.lore.of(&call.pdp.judge).await;
        let question = completed(call, &lore, question.clone())?;
        let subject = subject(call, &question.subject)?;
        let action = question.action.name.parse::<Scope>().ok();
        let registry = &call.pdp.state.settings.registry;
        let action = action.filter(|scope| registry.known(scope).is_ok());
        let needed = needed(&question.resource, action.as_ref())?;
        let held = held(call, &subject, &needed);
        let caller = caller(call, &subject, &held)?;
        let context = context(call, &question.context)?;
        let tenant =
            subject.known.as_deref().map(|known| crate::policy::tenant(&call.pdp.state, known));
        let behaviour = Behaviour::default();
        if point(&question, action.as_ref())? == Point::Manage {
            let target = Target {
                kind: question.resource.kind.as_str().into(),
                id: question.resource.id.as_str().into(),
                tenant: question.resource.said("tenant", "resource")?.map(Into::into),
                in_service: question.resource.properties.get("in_service")
                    == Some(&Value::Bool(true)),
            };
            let action = question.action.name.as_str().into();
            let input = ManageInput { caller, tenant, action, target, context, behaviour };
            return Ok(Self { input: Input::new(&input), held, needed, dataset: None });
        }
        let resource = resource(&question, &subject, &needed)?;
        let dataset = resource.dataset.as_ref().map(|dataset| dataset.id.to_string());
        let quota = Quota::default();
        let input = RequestInput { caller, tenant, resource, quota, context, behaviour };
        Ok(Self { input: Input::new(&input), held, needed, dataset })
    }
}

/// With the properties that are known here and were left out.
fn completed(call: &Call<'_>, lore: &Known, mut question: Question) -> Result<Question, Malformed> {
    for (entity, all, name) in [
        (&mut question.subject, &lore.subjects, "subject"),
        (&mut question.resource, &lore.resources, "resource"),
    ] {
        let known = all.get(&entity.kind).and_then(|kind| kind.get(&entity.id));
        let visible = known.filter(|known| call.sees(known.get("tenant").and_then(Value::as_str)));
        for (property, value) in visible.into_iter().flatten() {
            entity.properties.entry(property).or_insert_with(|| value.clone());
        }
        entity.said("tenant", name)?;
    }
    Ok(question)
}

fn subject<'a>(call: &Call<'_>, entity: &'a Entity) -> Result<Subject<'a>, Malformed> {
    let client = matches!(entity.kind.as_str(), "client" | "service" | "agent")
        .then(|| ClientId::new(&entity.id).ok())
        .flatten()
        .and_then(|id| call.pdp.state.directory.client(&id))
        // A tenant's caller knows of that tenant's clients alone.
        .filter(|client| call.tenant().is_none_or(|own| client.tenant.as_ref() == Some(own)));
    let of_client = client.as_ref().map(|client| client.tenant.as_ref());
    let told = entity.said("tenant", "subject")?;
    // The policies, and what they know of another tenant, are not asked for this one; whether there is another of that
    // name, nobody is told.
    if !call.sees(told) {
        let what = "'subject.properties.tenant' is not the caller's own; leave it out";
        return Err(Malformed(what.to_owned()));
    }
    let tenant = match (told, of_client) {
        (Some(told), _) => Some(told.to_owned()),
        (None, Some(tenant)) => tenant.map(ToString::to_string),
        (None, None) => call.tenant().map(ToString::to_string),
    };
    let known = tenant.as_deref().and_then(|tenant| Tenant::new(tenant).ok());
    let known = known.and_then(|tenant| call.pdp.state.directory.tenant(&tenant));
    Ok(Subject { entity, client, tenant, known })
}

/// Where the policy is asked: as the question says, else by what is done to what.
fn point(question: &Question, action: Option<&Scope>) -> Result<Point, Malformed> {
    match question.context.get("point") {
        Some(Value::String(point)) if point == "request" => return Ok(Point::Request),
        Some(Value::String(point)) if point == "manage" => return Ok(Point::Manage),
        Some(_) => {
            return Err(Malformed("'context.point' is one of request, manage".to_owned()));
        }
        None => {}
    }
    let kind = question.resource.kind.as_str();
    let managing = matches!(kind, "model" | "dataset")
        && action.is_some_and(|scope| MANAGING.contains(&scope.verb()));
    Ok(if managing || MANAGED.contains(&kind) { Point::Manage } else { Point::Request })
}

fn needed(resource: &Entity, action: Option<&Scope>) -> Result<Scopes, Malformed> {
    let words = resource.words("scopes").unwrap_or_default();
    let scopes = words.into_iter().map(|word| {
        let scope = word.parse::<Scope>();
        scope.map_err(|fault| Malformed(format!("'resource.properties.scopes': {fault}")))
    });
    let scopes: Scopes = scopes.collect::<Result<_, _>>()?;
    Ok(scopes.union(&action.cloned().into_iter().collect()))
}

fn held(call: &Call<'_>, subject: &Subject<'_>, needed: &Scopes) -> Scopes {
    if let Some(words) = subject.entity.words("scopes") {
        // Words that are no scopes of ours grant nothing here.
        return words.into_iter().filter_map(|word| word.parse::<Scope>().ok()).collect();
    }
    match &subject.client {
        Some(client) if client.enabled(call.now).is_ok() => {
            call.pdp.state.settings.registry.expand(&client.scopes)
        }
        Some(_) => Scopes::default(),
        // Nobody says: the question is what the policy says of somebody who holds them.
        None => needed.clone(),
    }
}

fn caller<'a>(
    call: &'a Call<'_>,
    subject: &'a Subject<'_>,
    held: &Scopes,
) -> Result<Caller<'a>, Malformed> {
    let entity = subject.entity;
    let words = |name: &str| -> Vec<Text<'a>> {
        let words = entity.words(name).unwrap_or_default();
        words.into_iter().map(|word| word.to_owned().into()).collect()
    };
    let said = |name| entity.said(name, "subject");
    // An agent acts for somebody, or by itself: either way it acts.
    let is_agent = entity.kind == "agent"
        || subject.client.as_ref().is_some_and(|client| client.registration.agent);
    let actor = said("actor")?.or(is_agent.then_some(entity.id.as_str()));
    let sub = said("on_behalf_of")?.unwrap_or(&entity.id);
    let client_id = said("client_id")?.unwrap_or(match entity.kind.as_str() {
        "client" | "service" | "agent" => &entity.id,
        _ => call.client_id(),
    });
    let all = call.pdp.state.settings.registry.closure(held);
    let mut roles = words("roles");
    roles.extend(words("role"));
    Ok(Caller {
        sub: sub.into(),
        client_id: client_id.into(),
        tenant: subject.tenant.as_deref().map(Into::into),
        roles,
        groups: words("groups"),
        scopes: all.iter().map(|scope| scope.as_str().to_owned().into()).collect(),
        acr: said("acr")?.map(Into::into),
        amr: words("amr"),
        auth_time: entity.properties.get("auth_time").and_then(Value::as_i64),
        act: actor.into_iter().map(|sub| Actor { sub: sub.into(), ..Actor::default() }).collect(),
    })
}

fn resource<'a>(
    question: &'a Question,
    subject: &'a Subject<'_>,
    needed: &'a Scopes,
) -> Result<Resource<'a>, Malformed> {
    let entity = &question.resource;
    let (id, said) = (entity.id.as_str(), |name| entity.said(name, "resource"));
    let name = question.action.name.as_str();
    let method = if METHODS.contains(&name) {
        name.to_owned()
    } else {
        let method = question.action.properties.get("method").and_then(Value::as_str);
        method.unwrap_or_default().to_ascii_uppercase()
    };
    let kind = entity.kind.as_str();
    let of_kind = |wanted: &str| (kind == wanted).then_some(id);
    let mut resource = Resource {
        api: of_kind("api").or(said("api")?).unwrap_or_default().into(),
        route: of_kind("route").or(said("route")?).unwrap_or_default().into(),
        method: method.into(),
        path: said("path")?.unwrap_or_default().into(),
        scopes: needed.iter().map(|scope| scope.as_str().into()).collect(),
        attributes: attributes(question)?,
        ..Resource::default()
    };
    match kind {
        "model" => {
            let (class, tenant) = (said("class")?, said("tenant")?);
            let (class, tenant) = (class.map(Into::into), tenant.map(Into::into));
            resource.model = Some(Model { name: id.into(), class, tenant });
        }
        "dataset" => {
            let own = subject
                .known
                .as_deref()
                .filter(|tenant| tenant.record.datasets.iter().any(|dataset| dataset == id));
            // Of nobody that we know: then it is nobody's, and no tenant's either.
            let tenant = said("tenant")?.or(own.map(|tenant| tenant.id.as_str()));
            let tenant = tenant.unwrap_or_default().into();
            let residency =
                said("residency")?.or(own.and_then(|own| own.record.residency.as_deref()));
            resource.dataset =
                Some(Dataset { id: id.into(), tenant, residency: residency.map(Into::into) });
        }
        "tool" => {
            let (server, name) = id.split_once('/').unwrap_or(("", id));
            resource.tool = Some(Tool { server: server.into(), name: name.into() });
        }
        _ => {}
    }
    Ok(resource)
}

/// Everything that was said, for policies that know it: `action`, `resource.status`, `subject.department`.
fn attributes(question: &Question) -> Result<BTreeMap<Text<'_>, Text<'_>>, Malformed> {
    let Question { subject, action, resource, context } = question;
    let mut all: BTreeMap<Text<'_>, Text<'_>> = BTreeMap::from([
        ("type".into(), resource.kind.as_str().into()),
        ("id".into(), resource.id.as_str().into()),
        ("action".into(), action.name.as_str().into()),
        ("subject.type".into(), subject.kind.as_str().into()),
    ]);
    for (name, properties) in [
        ("subject", &subject.properties),
        ("action", &action.properties),
        ("resource", &resource.properties),
        ("context", context),
    ] {
        for (property, value) in properties {
            let text: Text<'_> = match value {
                Value::Null => continue,
                Value::String(text) => text.as_str().into(),
                other => other.to_string().into(),
            };
            if text.len() > LONGEST {
                let what = format!("'{name}': a property is longer than {LONGEST} bytes");
                return Err(Malformed(what));
            }
            let whole = format!("{name}.{property}");
            all.entry(whole.into()).or_insert(text);
        }
    }
    Ok(all)
}

/// When and from where: as the question says, else now, and from nowhere.
fn context<'a>(call: &'a Call<'_>, told: &Map<String, Value>) -> Result<Context<'a>, Malformed> {
    let at = match told.get("time") {
        None | Some(Value::Null) => call.now,
        Some(Value::String(text)) => {
            let read = text.parse::<jiff::Timestamp>();
            let read = read.map_err(|_| {
                let example = "2026-01-31T09:30:00+01:00";
                Malformed(format!("'context.time' is no time with its offset, such as {example}"))
            });
            Timestamp::from_seconds(read?.as_second())
        }
        Some(other) => match other.as_i64() {
            Some(seconds) => Timestamp::from_seconds(seconds),
            None => return Err(wrong("context.time", "a string", other)),
        },
    };
    let ip = match told.get("ip") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => {
            let ip = text.parse::<IpAddr>();
            Some(ip.map_err(|_| Malformed("'context.ip' is no address".to_owned()))?)
        }
        Some(other) => return Err(wrong("context.ip", "a string", other)),
    };
    Ok(call.pdp.judge.surroundings().context(at, ip))
}
