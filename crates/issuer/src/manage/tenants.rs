//! Tenants: what they are, what they have, and what becomes of them.

use super::{
    Named,
    call::{Call, Reach, answer, media_type},
    may::{Act, Effect},
    open_api,
    refusal::{Outcome, Refusal},
};
use crate::server::State;
use axum::{
    extract::{Path, Request, State as Shared},
    response::Response,
};
use http::StatusCode;
use portcullis_directory::{KnownTenant, TenantRecord};
use portcullis_types::{Tenant, TenantHalt};
use portcullis_web::form;
use serde_json::{Value, json};
use std::sync::Arc;

const READ: &str = "tenant:read";
const WRITE: &str = "tenant:write";
const ADMIN: &str = "tenant:admin";

/// `GET /tenants`: those that the caller reaches.
pub(super) async fn list(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let mut call = match Call::of(state, request, READ).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = listed(&mut call).await;
    call.answer(outcome).await
}

/// `GET /tenants/{tenant}`
pub(super) async fn show(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    let mut call = match Call::of(state, request, READ).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = shown(&mut call, text(&name)).await;
    call.answer(outcome).await
}

/// `PUT /tenants/{tenant}`: the content of `tenants/ID.toml`, as JSON or as it is.
pub(super) async fn apply(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    let mut call = match Call::of(state, request, WRITE).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = applied(&mut call, text(&name)).await;
    call.answer(outcome).await
}

/// `GET /tenants/{tenant}/limits`: what the contract gives, and everything that can be reached by it.
pub(super) async fn limits(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    let mut call = match Call::of(state, request, READ).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = limited(&mut call, text(&name)).await;
    call.answer(outcome).await
}

/// `POST /tenants/{tenant}/suspend`
pub(super) async fn suspend(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    halt(state, &name, request, Some(TenantHalt::Suspended)).await
}

/// `POST /tenants/{tenant}/resume`
pub(super) async fn resume(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    halt(state, &name, request, None).await
}

/// `POST /tenants/{tenant}/end`: for good.
pub(super) async fn end(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    halt(state, &name, request, Some(TenantHalt::Ended)).await
}

async fn halt(
    state: Arc<State>,
    name: &Named<String>,
    request: Request,
    halt: Option<TenantHalt>,
) -> Response {
    let mut call = match Call::of(state, request, WRITE).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = halted(&mut call, text(name), halt).await;
    call.answer(outcome).await
}

/// What stands in the path, if it can be read.
pub(super) fn text(name: &Named<String>) -> Option<&str> {
    name.as_ref().ok().map(|Path(name)| name.as_str())
}

fn act<'a>(action: &'static str, effect: Effect, id: &'a Tenant) -> Act<'a> {
    Act { action, kind: "tenant", id: id.as_str(), tenant: Some(id), effect }
}

async fn listed(call: &mut Call) -> Outcome {
    let own = match call.reach() {
        Reach::Everything => None,
        Reach::Of(own) => Some(own.clone()),
    };
    let (id, tenant) = (own.as_ref().map_or("*", |own| own.as_str()), own.as_ref());
    call.may(Act { action: READ, kind: "tenant", id, tenant, effect: Effect::Reads }).await?;
    let known = call.state.directory.tenants();
    let all = match &own {
        None => known.all(),
        Some(own) => known.by_id(own).into_iter().collect(),
    };
    let all: Vec<_> = all.iter().map(|tenant| tenant.view()).collect();
    Ok(answer(StatusCode::OK, None, &json!({ "tenants": all })))
}

async fn shown(call: &mut Call, name: Option<&str>) -> Outcome {
    let tenant = call.tenant(name)?;
    call.may(act(READ, Effect::Reads, &tenant.id)).await?;
    Ok(known(&tenant, StatusCode::OK))
}

fn known(tenant: &KnownTenant, status: StatusCode) -> Response {
    let mut view = tenant.view();
    if let (false, Some(view)) = (tenant.problems.is_empty(), view.as_object_mut()) {
        view.insert("problems".to_owned(), json!(tenant.problems));
    }
    answer(status, Some(tenant.version), &view)
}

/// The operator says everything; a tenant, what is left to it. With `?dry_run`, only what is wrong.
async fn applied(call: &mut Call, name: Option<&str>) -> Outcome {
    let own = matches!(call.reach(), Reach::Of(_));
    let id = if own {
        call.tenant(name)?.id.clone()
    } else {
        call.for_the_operator(ADMIN)?;
        name.and_then(|name| Tenant::new(name).ok()).ok_or(Refusal::Hidden(None))?
    };
    let dry_run = match call.parts.uri.query() {
        None | Some("") => false,
        Some("dry_run" | "dry_run=true") => true,
        Some(_) => return Err(Refusal::malformed("the query may be dry_run=true, or nothing")),
    };
    let before = call.state.directory.tenant(&id);
    let record = record(call).await?;
    let version = version(call, before.as_deref(), dry_run)?;
    let effect = if dry_run { Effect::Reads } else { Effect::Changes };
    call.may(act(WRITE, effect, &id)).await?;
    let directory = call.state.directory.clone();
    if dry_run {
        let problems = match &before {
            Some(before) if own => directory.trespasses(before, &record),
            _ => record.problems(&id, directory.issuer(), &directory.contracts()),
        };
        let body = json!({ "problems": problems });
        return Ok(answer(StatusCode::OK, None, &body));
    }
    let mut by = call.actor();
    let by = call.acting(&mut by);
    let tenant = if own {
        directory.adjust_tenant(by, &id, record, version).await?
    } else {
        directory.apply_tenant(by, &id, record, Some(version)).await?
    };
    let status = if before.is_none() { StatusCode::CREATED } else { StatusCode::OK };
    Ok(known(&tenant, status))
}

/// Of one that is there, the caller says which version it has read: nobody undoes what they have not seen.
fn version(call: &Call, before: Option<&KnownTenant>, dry_run: bool) -> Result<u64, Refusal> {
    match (call.version(), before) {
        (Some(version), _) => Ok(version),
        (None, None) => Ok(0),
        (None, Some(before)) if dry_run => Ok(before.version),
        (None, Some(_)) => Err(Refusal::of(
            StatusCode::PRECONDITION_REQUIRED,
            "version_required",
            "It is not said which version is to be replaced",
            "read it, and send its ETag as If-Match",
        )),
    }
}

async fn record(call: &mut Call) -> Result<TenantRecord, Refusal> {
    const TOML: &str = "application/toml";
    let (media, bytes) = call.bytes().await?;
    let unread = |fault: String| Refusal::malformed(fault.trim_end().to_owned());
    match media.as_str() {
        form::JSON => {
            let object = portcullis_jose::json::object(&bytes);
            let object = object.map_err(|fault| unread(fault.to_string()))?;
            serde_json::from_value(Value::Object(object)).map_err(|fault| unread(fault.to_string()))
        }
        TOML => {
            let text = std::str::from_utf8(&bytes).map_err(|fault| unread(fault.to_string()))?;
            toml::from_str(text).map_err(|fault| unread(fault.message().to_owned()))
        }
        _ => Err(media_type("application/json or application/toml")),
    }
}

async fn limited(call: &mut Call, name: Option<&str>) -> Outcome {
    let tenant = call.tenant(name)?;
    call.may(act(READ, Effect::Reads, &tenant.id)).await?;
    let (directory, settings) = (&call.state.directory, &call.state.settings);
    let broken = |fault: portcullis_types::DetailsFault| Refusal::invalid(fault.to_string());
    let contract = directory.contract_of(&tenant).map_err(broken)?;
    let apis: Vec<_> = settings.apis().iter().map(open_api).collect();
    let keys = directory.api_keys_of(&tenant.id, call.now).await?;
    let mut reach = directory.reach(&tenant, &keys, &apis).map_err(broken)?;
    if matches!(call.reach(), Reach::Of(_)) {
        // The operator's own clients serve several; what they are called is no tenant's business.
        let own = |id: &str| call.client(&tenant, Some(id)).is_ok();
        for one in reach.iter_mut().filter(|one| !own(&one.client)) {
            "(of the operator)".clone_into(&mut one.client);
        }
        reach.sort_unstable();
        reach.dedup();
    }
    let body = json!({
        "tier": tenant.record.tier,
        "title": contract.title,
        "price": contract.price,
        "scopes": contract.scopes,
        "authorization_details": contract.details,
        "limits": contract.limits,
        "reach": reach,
    });
    Ok(answer(StatusCode::OK, None, &body))
}

async fn halted(call: &mut Call, name: Option<&str>, halt: Option<TenantHalt>) -> Outcome {
    let tenant = call.tenant(name)?;
    call.for_the_operator(ADMIN)?;
    call.json().await?;
    call.may(act(ADMIN, Effect::Changes, &tenant.id)).await?;
    let directory = call.state.directory.clone();
    let mut by = call.actor();
    let by = call.acting(&mut by);
    let tenant = match halt {
        Some(TenantHalt::Suspended) => directory.suspend_tenant(by, &tenant.id).await?,
        Some(TenantHalt::Ended) => directory.end_tenant(by, &tenant.id).await?,
        None => directory.resume_tenant(by, &tenant.id).await?,
    };
    Ok(known(&tenant, StatusCode::OK))
}
