//! A tenant's clients. Secrets are shown once, to whoever made them.

use super::{
    Named,
    call::{Call, Reach, answer},
    may::{Act, Effect},
    new_client,
    refusal::{Outcome, Refusal},
    tenants::text,
};
use crate::server::State;
use axum::{
    extract::{Path, Request, State as Shared},
    response::Response,
};
use http::StatusCode;
use portcullis_directory::{Added, Client, ClientSecret, KnownTenant};
use portcullis_types::Ttl;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const READ: &str = "client:read";
const WRITE: &str = "client:write";
const DAY: Ttl = Ttl::seconds(24 * 3600);
const MONTH: Ttl = Ttl::seconds(31 * 24 * 3600);

/// A tenant and a client of it, as they stand in a path.
type Pair = Named<(String, String)>;

/// `GET /tenants/{tenant}/clients`
pub(super) async fn list(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    let mut call = match Call::of(state, request, READ).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = listed(&mut call, text(&name)).await;
    call.answer(outcome).await
}

/// `POST /tenants/{tenant}/clients`
pub(super) async fn add(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    let mut call = match Call::of(state, request, WRITE).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = added(&mut call, text(&name)).await;
    call.answer(outcome).await
}

/// `GET /tenants/{tenant}/clients/{client}`
pub(super) async fn show(
    Shared(state): Shared<Arc<State>>,
    names: Pair,
    request: Request,
) -> Response {
    let mut call = match Call::of(state, request, READ).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = shown(&mut call, &names).await;
    call.answer(outcome).await
}

/// `POST /tenants/{tenant}/clients/{client}/disable`: no more tokens, and those that are out open nothing.
pub(super) async fn disable(
    Shared(state): Shared<Arc<State>>,
    names: Pair,
    request: Request,
) -> Response {
    changed(state, &names, request, Change::Disable).await
}

/// `POST /tenants/{tenant}/clients/{client}/enable`
pub(super) async fn enable(
    Shared(state): Shared<Arc<State>>,
    names: Pair,
    request: Request,
) -> Response {
    changed(state, &names, request, Change::Enable).await
}

/// `POST /tenants/{tenant}/clients/{client}/secret`: a new one; the old one works for `overlap` longer.
pub(super) async fn renew(
    Shared(state): Shared<Arc<State>>,
    names: Pair,
    request: Request,
) -> Response {
    changed(state, &names, request, Change::Secret).await
}

#[derive(Clone, Copy)]
enum Change {
    Disable,
    Enable,
    Secret,
}

async fn changed(state: Arc<State>, names: &Pair, request: Request, change: Change) -> Response {
    let mut call = match Call::of(state, request, WRITE).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = match change {
        Change::Disable | Change::Enable => switched(&mut call, names, change).await,
        Change::Secret => renewed(&mut call, names).await,
    };
    call.answer(outcome).await
}

fn found(call: &mut Call, names: &Pair) -> Result<(Arc<KnownTenant>, Arc<Client>), Refusal> {
    let names = names.as_ref().ok().map(|Path((tenant, client))| (tenant, client));
    let tenant = call.tenant(names.map(|(tenant, _)| tenant.as_str()))?;
    let client = call.client(&tenant, names.map(|(_, client)| client.as_str()))?;
    Ok((tenant, client))
}

fn act<'a>(action: &'static str, tenant: &'a KnownTenant, id: &'a str) -> Act<'a> {
    let effect = if action == READ { Effect::Reads } else { Effect::Changes };
    Act { action, kind: "client", id, tenant: Some(&tenant.id), effect }
}

async fn listed(call: &mut Call, name: Option<&str>) -> Outcome {
    let tenant = call.tenant(name)?;
    call.may(act(READ, &tenant, "*")).await?;
    let all = call.state.directory.list();
    let own = all.iter().filter(|client| client.tenant.as_ref() == Some(&tenant.id));
    let own: Vec<_> = own.map(|client| view(client)).collect();
    Ok(answer(StatusCode::OK, None, &json!({ "clients": own })))
}

async fn shown(call: &mut Call, names: &Pair) -> Outcome {
    let (tenant, client) = found(call, names)?;
    call.may(act(READ, &tenant, client.id.as_str())).await?;
    Ok(answer(StatusCode::OK, None, &view(&client)))
}

async fn added(call: &mut Call, name: Option<&str>) -> Outcome {
    let tenant = call.tenant(name)?;
    let object = call.json().await?;
    let new = new_client::read(call, &tenant, object)?;
    call.may(act(WRITE, &tenant, new.id.as_ref().map_or("*", |id| id.as_str()))).await?;
    let directory = call.state.directory.clone();
    let mut by = call.actor();
    let added = directory.add(call.acting(&mut by), new).await?;
    Ok(answer(StatusCode::CREATED, None, &with_secret(&added)))
}

async fn switched(call: &mut Call, names: &Pair, change: Change) -> Outcome {
    let (tenant, client) = found(call, names)?;
    call.json().await?;
    call.may(act(WRITE, &tenant, client.id.as_str())).await?;
    if matches!(change, Change::Enable) {
        new_client::within_reach(call, &tenant, &client)?;
    }
    let directory = call.state.directory.clone();
    let operator = matches!(call.reach(), Reach::Everything);
    let mut by = call.actor();
    let by = call.acting(&mut by);
    let (id, own) = (&client.id, (&client.id, &tenant.id));
    let client = match (change, operator) {
        (Change::Enable, true) => directory.enable(by, id).await?,
        (Change::Enable, false) => directory.enable_own(by, own).await?,
        (_, true) => directory.disable(by, id).await?,
        (_, false) => directory.disable_own(by, own).await?,
    };
    Ok(answer(StatusCode::OK, None, &view(&client)))
}

/// What a new secret is asked for with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renewal {
    /// How long the old one works on, in seconds.
    overlap: Option<u64>,
}

async fn renewed(call: &mut Call, names: &Pair) -> Outcome {
    let (tenant, client) = found(call, names)?;
    let asked: Renewal = serde_json::from_value(Value::Object(call.json().await?))
        .map_err(|fault| Refusal::malformed(fault.to_string()))?;
    let overlap = asked.overlap.map_or(DAY, Ttl::seconds);
    if overlap > MONTH {
        return Err(Refusal::invalid(format!("overlap: at most {MONTH}")));
    }
    call.may(act(WRITE, &tenant, client.id.as_str())).await?;
    new_client::within_reach(call, &tenant, &client)?;
    let directory = call.state.directory.clone();
    let mut by = call.actor();
    let by = call.acting(&mut by);
    let added = directory.rotate_own(by, (&client.id, &tenant.id), overlap).await?;
    Ok(answer(StatusCode::OK, None, &with_secret(&added)))
}

fn with_secret(added: &Added) -> Value {
    let mut body = view(&added.client);
    let secret = added.secret.as_ref().map(ClientSecret::expose);
    if let (Some(secret), Some(body)) = (secret, body.as_object_mut()) {
        body.insert("client_secret".to_owned(), secret.into());
    }
    body
}

/// A client as its tenant reads it: each member is named here, so that none slips in.
fn view(client: &Client) -> Value {
    let secrets = client.secrets.iter().map(|secret| {
        json!({
            "number": secret.number,
            "created": secret.created.to_string(),
            "expires": secret.expires.map(|at| at.to_string()),
            "last_used": secret.last_used.map(|at| at.to_string()),
        })
    });
    json!({
        "client_id": client.id,
        "name": client.name,
        "tenant": client.tenant,
        "auth": client.auth.name(),
        "keys": client.keys().map(ToString::to_string),
        "grant_types": client.grant_types,
        "scopes": client.scopes,
        "default_scope": client.default_scope,
        "resources": client.resources,
        "default_resource": client.default_resource,
        "disabled_since": client.disabled_since.map(|at| at.to_string()),
        "disabled_by_operator": client.held,
        "created": client.created.to_string(),
        "expires": client.expires.map(|at| at.to_string()),
        "secrets": secrets.collect::<Vec<_>>(),
    })
}
