//! Apps register themselves (RFC 7591, OpenID Connect Dynamic Client Registration 1.0), and manage that
//! (RFC 7592).
//!
//! What makes a client and what is said about it in the audit log are one transaction, with the use of the
//! invitation. Who registers is nobody yet: the operator's ceiling decides what the client may have.

mod answer;
mod error;
mod sector;

use crate::{
    Ceiling, Registering, Registrations, client_metadata, remote,
    server::{State, preflight},
};
use answer::Information;
use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State as Shared},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use client_metadata::Said;
use error::RegistrationError as Error;
use http::{HeaderMap, StatusCode, request::Parts};
use portcullis_directory::{Acting, Action, Admission, Client, NewClient, Origin};
use portcullis_jose::json;
use portcullis_types::{ClientId, Timestamp};
use portcullis_web::{bearer, form};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Where all that is. Programs in a browser may register too: with a token, never with a cookie.
pub(crate) fn routes(path: &str) -> Router<Arc<State>> {
    let managed = get(read).put(update).delete(delete);
    Router::new()
        .without_v07_checks()
        .route(&format!("{path}/register"), post(register).options(preflight))
        .route(&format!("{path}/register/{{client_id}}"), managed.options(preflight))
}

/// `POST {issuer}/register` (RFC 7591 §3.1).
async fn register(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let outcome = registered(&state, &parts, body).await;
    answered(recorded(&state, &parts, outcome).await, StatusCode::CREATED)
}

/// `GET {issuer}/register/{client_id}` (RFC 7592 §2.1).
async fn read(Shared(state): Shared<Arc<State>>, Path(id): Path<String>, parts: Parts) -> Response {
    let outcome = shown(&state, &id, &parts.headers).await;
    answered(recorded(&state, &parts, outcome).await, StatusCode::OK)
}

/// `PUT {issuer}/register/{client_id}` (RFC 7592 §2.2).
async fn update(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let outcome = replaced(&state, &id, &parts, body).await;
    answered(recorded(&state, &parts, outcome).await, StatusCode::OK)
}

/// `DELETE {issuer}/register/{client_id}` (RFC 7592 §2.3).
async fn delete(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    parts: Parts,
) -> Response {
    let outcome = unregistered(&state, &id, &parts.headers).await;
    match recorded(&state, &parts, outcome).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    }
}

/// The same, after the log has who was turned away.
async fn recorded<T>(state: &State, parts: &Parts, outcome: Result<T, Error>) -> Result<T, Error> {
    let Some(problem) = outcome.as_ref().err().and_then(Error::refusal) else { return outcome };
    let from = remote::address(&parts.extensions, &parts.headers, &state.settings.trusted_proxies);
    let mut entropy = (state.entropy)();
    let by = Acting { actor: "registration", now: (state.clock)(), entropy: &mut *entropy };
    state.directory.turn_away(by, Action::RegistrationRefuse, from, &problem).await?;
    outcome
}

fn answered(outcome: Result<Information, Error>, status: StatusCode) -> Response {
    match outcome {
        Ok(information) => information.into_response(status),
        Err(error) => error.into_response(),
    }
}

async fn registered(state: &State, parts: &Parts, body: Body) -> Result<Information, Error> {
    let registrations = switched_on(state)?;
    let token = bearer(&parts.headers).map_err(|_| Error::WrongToken)?;
    if registrations.mode == Registering::Invited && token.is_none() {
        return Err(Error::NoToken);
    }
    let said = said(state, &parts.headers, body, &registrations.ceiling).await?;
    let now = (state.clock)();
    let expires = registrations.client_ttl.map(|ttl| now.plus(ttl));
    let new = said.into_new(None, Origin::Dynamic, &registrations.ceiling, expires);
    let admission = admission(registrations.mode, token, state, parts);
    let mut entropy = (state.entropy)();
    let by = Acting { actor: &actor(state, parts), now, entropy: &mut *entropy };
    let registered = state.directory.register(by, new, admission).await?;
    let registered = registered.map_err(Error::NotAdmitted)?;
    tracing::info!(client_id = %registered.client.id, "a client registered itself");
    let secret = registered.secret().map(str::to_owned);
    Ok(Information::of(state, &registered.client, registered.token(), secret))
}

async fn shown(state: &State, id: &str, headers: &HeaderMap) -> Result<Information, Error> {
    let (client, token) = managed(state, id, headers).await?;
    Ok(Information::of(state, &client, &token, None))
}

/// The whole registration anew: what is not said again is not so any more.
async fn replaced(
    state: &State,
    id: &str,
    parts: &Parts,
    body: Body,
) -> Result<Information, Error> {
    let ceiling = &switched_on(state)?.ceiling;
    let (client, _) = managed(state, id, &parts.headers).await?;
    let metadata = metadata(&parts.headers, body).await?;
    same_client(state, &client, &metadata, parts)?;
    let said = judged(state, &metadata, ceiling).await?;
    let new: NewClient = said.into_new(None, Origin::Dynamic, ceiling, client.expires);
    let mut entropy = (state.entropy)();
    let now = (state.clock)();
    let by = Acting { actor: &actor(state, parts), now, entropy: &mut *entropy };
    let registered = state.directory.reregister(by, &client.id, new).await?;
    Ok(Information::of(state, &registered.client, registered.token(), None))
}

async fn unregistered(state: &State, id: &str, headers: &HeaderMap) -> Result<(), Error> {
    let (client, _) = managed(state, id, headers).await?;
    let mut entropy = (state.entropy)();
    let by = Acting { actor: client.id.as_str(), now: (state.clock)(), entropy: &mut *entropy };
    Ok(state.directory.unregister(by, &client.id).await?)
}

/// RFC 7592 §2.2: the client's own id, and its own secret if it says one.
fn same_client(
    state: &State,
    client: &Client,
    metadata: &Map<String, Value>,
    parts: &Parts,
) -> Result<(), Error> {
    if metadata.get("client_id").and_then(Value::as_str) != Some(client.id.as_str()) {
        return Err(Error::Request("client_id must be the client's own".into()));
    }
    let Some(secret) = metadata.get("client_secret") else { return Ok(()) };
    let remote =
        remote::address(&parts.extensions, &parts.headers, &state.settings.trusted_proxies);
    let now = (state.clock)();
    let attempt = state.directory.attempt(Some(client.id.to_string()), remote, now);
    let tried = attempt.map_err(|_| Error::Request("too many wrong secrets; wait".into()))?;
    let secret = secret.as_str().unwrap_or_default();
    if state.directory.has_secret(&tried, secret) {
        return Ok(());
    }
    Err(Error::Request("client_secret must be the client's own, or left out".into()))
}

fn switched_on(state: &State) -> Result<&Registrations, Error> {
    state.settings.registrations.as_ref().ok_or(Error::Off)
}

/// The client whose registration this token manages.
async fn managed(
    state: &State,
    id: &str,
    headers: &HeaderMap,
) -> Result<(Arc<Client>, String), Error> {
    let token = bearer(headers).map_err(|_| Error::WrongToken)?.ok_or(Error::NoToken)?;
    let id = ClientId::new(id).map_err(|_| Error::WrongToken)?;
    let found = state.directory.managed(&id, token, (state.clock)()).await?;
    Ok((found.ok_or(Error::WrongToken)?, token.to_owned()))
}

fn admission<'a>(
    mode: Registering,
    token: Option<&'a str>,
    state: &State,
    parts: &Parts,
) -> Admission<'a> {
    match (token, mode) {
        // A token that is there must be right, even where none is needed.
        (Some(token), _) => Admission::Invited(token),
        (None, Registering::Invited) => Admission::Invited(""),
        (None, Registering::Anybody { per_hour, most }) => {
            let proxies = &state.settings.trusted_proxies;
            let from = remote::address(&parts.extensions, &parts.headers, proxies);
            Admission::Open { from, per_hour, most }
        }
    }
}

/// As the audit log shows it.
fn actor(state: &State, parts: &Parts) -> String {
    let proxies = &state.settings.trusted_proxies;
    let from = remote::address(&parts.extensions, &parts.headers, proxies);
    from.map_or_else(|| "registration".to_owned(), |from| format!("registration:{from}"))
}

async fn said(
    state: &State,
    headers: &HeaderMap,
    body: Body,
    ceiling: &Ceiling,
) -> Result<Said, Error> {
    let metadata = metadata(headers, body).await?;
    judged(state, &metadata, ceiling).await
}

async fn judged(
    state: &State,
    metadata: &Map<String, Value>,
    ceiling: &Ceiling,
) -> Result<Said, Error> {
    let said = client_metadata::read(metadata, ceiling, &state.settings.signing_algs())?;
    if let Some(url) = &said.sector_identifier_uri {
        sector::check(&state.directory, url, &said.registration.redirect_uris).await?;
    }
    Ok(said)
}

/// A JSON object of at most 64 KiB.
async fn metadata(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Error> {
    if !form::is_json(headers) {
        return Err(Error::MediaType);
    }
    let body = form::bytes(headers, body).await;
    let body = body.map_err(|fault| Error::Request(fault.to_string()))?;
    json::object(&body).map_err(|fault| {
        client_metadata::MetadataError::Metadata(format!("the body: {fault}")).into()
    })
}

/// `client_id_issued_at` and the like: whole seconds.
fn seconds(at: Timestamp) -> i64 {
    at.seconds()
}
