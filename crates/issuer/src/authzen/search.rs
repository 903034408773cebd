//! The searches (§8): each candidate that is known here is decided by the policy, and those that may are told, page by
//! page.

use super::{
    call::{Call, Problem},
    decision::Decision,
    question::{Action, Entity, Malformed, Named, Question, context, object, wrong},
    size,
};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// Results in one page, unless fewer are asked for.
const PAGE: usize = 100;
/// At most.
const MOST: usize = 1000;
/// Candidates that one call decides, at most; the next page goes on.
const DECIDED: usize = 2000;

/// What is searched for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// §8.4.
    Subject,
    /// §8.5.
    Resource,
    /// §8.6.
    Action,
}

pub(super) async fn run(call: &Call<'_>, wanted: Wanted) -> Result<Value, Problem> {
    let named = |entity| if entity == wanted { Named::Ignored } else { Named::Needed };
    let subject = Entity::read(&call.body, "subject", named(Wanted::Subject))?;
    let action = match wanted {
        Wanted::Action => Action { name: String::new(), properties: Map::new() },
        Wanted::Subject | Wanted::Resource => Action::read(&call.body)?,
    };
    let resource = Entity::read(&call.body, "resource", named(Wanted::Resource))?;
    let context = context(&call.body)?;
    let question = Question { subject, action, resource, context };
    let most = DECIDED.min(size::within(size::one(&call.body)?));
    let page = Page::read(&call.body, wanted)?.deciding(most);
    call.spend(1)?;
    let candidates = candidates(call, wanted, &question).await;
    let (results, next) = found(call, (wanted, &question), &candidates, &page).await?;
    let id = call.decision_id();
    call.record(vec![(id, None)]).await?;
    let next = next.map(|from| page.token(from)).unwrap_or_default();
    Ok(json!({
        "page": { "next_token": next, "count": results.len() },
        "context": { "decision_id": id },
        "results": results,
    }))
}

/// Those of the page that may, and where the next page begins.
async fn found(
    call: &Call<'_>,
    (wanted, question): (Wanted, &Question),
    candidates: &[String],
    page: &Page,
) -> Result<(Vec<Value>, Option<usize>), Problem> {
    let mut results = Vec::new();
    let kind =
        if wanted == Wanted::Subject { &question.subject.kind } else { &question.resource.kind };
    for (at, name) in candidates.iter().enumerate().skip(page.from) {
        if results.len() >= page.limit || at >= page.from.saturating_add(page.most) {
            return Ok((results, Some(at)));
        }
        match call.spend(1) {
            // What was found is told; the next page comes when more may be asked.
            Err(Problem::TooMany(_)) if at > page.from => return Ok((results, Some(at))),
            spent => spent?,
        }
        let mut question = question.clone();
        match wanted {
            Wanted::Subject => question.subject.id.clone_from(name),
            Wanted::Resource => question.resource.id.clone_from(name),
            Wanted::Action => question.action.name.clone_from(name),
        }
        let decision = Decision::on(call, &question).await?;
        if decision.is_unavailable() {
            return Err(Problem::Unavailable);
        }
        if decision.allow {
            results.push(match wanted {
                Wanted::Action => json!({ "name": name }),
                Wanted::Subject | Wanted::Resource => json!({ "type": kind, "id": name }),
            });
        }
        if at % 16 == 15 {
            tokio::task::yield_now().await;
        }
    }
    Ok((results, None))
}

/// The names that there are, as far as the caller may know them, each once and in order.
async fn candidates(call: &Call<'_>, wanted: Wanted, question: &Question) -> Vec<String> {
    let pdp = call.pdp;
    let lore = pdp.lore.of(&pdp.judge).await;
    let mut all: Vec<String> = match wanted {
        Wanted::Action => return actions(call, &lore.actions, &question.resource.kind),
        Wanted::Subject => clients(call, &question.subject.kind),
        Wanted::Resource => things(call, &question.resource.kind),
    };
    let (entities, kind) = match wanted {
        Wanted::Subject => (&lore.subjects, &question.subject.kind),
        Wanted::Resource | Wanted::Action => (&lore.resources, &question.resource.kind),
    };
    let listed = entities.get(kind).into_iter().flatten();
    let visible = listed.filter(|(_, of)| call.sees(of.get("tenant").and_then(Value::as_str)));
    all.extend(visible.map(|(name, _)| name.clone()));
    all.sort_unstable();
    all.dedup();
    all
}

fn actions(call: &Call<'_>, listed: &[super::known::Deed], kind: &str) -> Vec<String> {
    let on = |deed: &&super::known::Deed| {
        deed.types.as_ref().is_none_or(|types| types.iter().any(|one| one == kind))
    };
    let mut all: Vec<String> = listed.iter().filter(on).map(|deed| deed.name.clone()).collect();
    if ["api", "route", "model", "dataset", "tool"].contains(&kind) {
        let family = |family: &str| match kind {
            "model" => matches!(family, "model" | "generate" | "embedding" | "inference"),
            "dataset" => matches!(family, "dataset" | "analytics"),
            "tool" => family == "mcp",
            _ => true,
        };
        let scopes = call.pdp.state.settings.registry.all().map(|(scope, _)| scope);
        all.extend(scopes.filter(|scope| family(scope.family())).map(ToString::to_string));
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn clients(call: &Call<'_>, kind: &str) -> Vec<String> {
    let is_one = |agent: bool| match kind {
        "client" => true,
        "service" => !agent,
        "agent" => agent,
        _ => false,
    };
    let all = call.pdp.state.directory.list().into_iter();
    all.filter(|client| is_one(client.registration.agent))
        .filter(|client| call.tenant().is_none_or(|own| client.tenant.as_ref() == Some(own)))
        .map(|client| client.id.to_string())
        .collect()
}

fn things(call: &Call<'_>, kind: &str) -> Vec<String> {
    let state = &call.pdp.state;
    let tenants = || {
        let all = state.directory.tenants();
        let own = call.tenant().map(|own| all.by_id(own).into_iter().collect::<Vec<_>>());
        own.unwrap_or_else(|| all.all())
    };
    match kind {
        "api" => {
            let own = |tenant: Option<&portcullis_types::Tenant>| {
                call.sees(tenant.map(portcullis_types::Tenant::as_str))
            };
            let apis = state.settings.apis().iter().filter(|api| own(api.tenant.as_ref()));
            apis.map(|api| api.name.to_string()).collect()
        }
        "dataset" => tenants().iter().flat_map(|tenant| tenant.record.datasets.clone()).collect(),
        "tenant" => tenants().iter().map(|tenant| tenant.id.to_string()).collect(),
        _ => Vec::new(),
    }
}

/// §8.2: a part of the whole. Its token names where it begins, how long it is, and for which search.
struct Page {
    from: usize,
    limit: usize,
    /// Candidates that it decides, at most.
    most: usize,
    of: String,
}

impl Page {
    fn read(body: &Map<String, Value>, wanted: Wanted) -> Result<Self, Malformed> {
        let of = fingerprint(body, wanted);
        let page = object(body, "page")?;
        let limit = match page.and_then(|page| page.get("limit")) {
            None | Some(Value::Null) => None,
            Some(limit) => {
                let number = limit.as_u64().and_then(|limit| usize::try_from(limit).ok());
                let number = number.ok_or_else(|| wrong("page.limit", "a whole number", limit));
                // None at all would never come to an end.
                Some(number?.clamp(1, MOST))
            }
        };
        let token = match page.and_then(|page| page.get("token")) {
            None | Some(Value::Null) => None,
            Some(Value::String(token)) if token.is_empty() => None,
            Some(Value::String(token)) => Some(token),
            Some(other) => return Err(wrong("page.token", "a string", other)),
        };
        let Some(token) = token else {
            return Ok(Self { from: 0, limit: limit.unwrap_or(PAGE), most: DECIDED, of });
        };
        let unknown = || Malformed("'page.token' is none that came with this search".to_owned());
        let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|text| String::from_utf8(text).ok());
        let text = text.ok_or_else(unknown)?;
        let mut parts = text.split('.');
        let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok());
        let (from, was) = (number().ok_or_else(unknown)?, number().ok_or_else(unknown)?);
        if parts.next() != Some(&of) || limit.is_some_and(|limit| limit != was) {
            let what = "the search is another than the one that 'page.token' came with";
            return Err(Malformed(what.to_owned()));
        }
        Ok(Self { from, limit: was.clamp(1, MOST), most: DECIDED, of })
    }

    fn deciding(self, most: usize) -> Self {
        Self { most, ..self }
    }

    fn token(&self, from: usize) -> String {
        URL_SAFE_NO_PAD.encode(format!("{from}.{}.{}", self.limit, self.of))
    }
}

/// What must stay the same from page to page.
fn fingerprint(body: &Map<String, Value>, wanted: Wanted) -> String {
    let part = |name: &str| body.get(name).cloned().unwrap_or_default();
    let kind = match wanted {
        Wanted::Subject => "subject",
        Wanted::Resource => "resource",
        Wanted::Action => "action",
    };
    let all = json!([kind, part("subject"), part("action"), part("resource"), part("context")]);
    let hash = digest(&SHA256, all.to_string().as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..12).unwrap_or_default())
}
