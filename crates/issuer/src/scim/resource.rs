//! What people and groups have in common: each request of RFC 7644 §3, once.
//!
//! A change is computed from what was read, outside the transaction, and written if that is still there: a
//! costly one takes nobody else's time.

use super::{
    Call, answer,
    error::{Kind, ScimError},
    json,
    patch::{self, Operation},
    plain,
    query::Query,
};
use crate::server::State;
use axum::{
    Router,
    extract::{Path, Request, State as Shared},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::StatusCode;
use portcullis_directory::Found;
use serde_json::Value;
use std::sync::Arc;

/// How often a change is computed anew because others were faster.
const TRIES: u32 = 5;

/// A kind of resource: all that differs. Each sees those of the calling directory, and no others.
pub(super) trait Resource: Sized + Send + Sync + 'static {
    /// The largest body, in bytes.
    const LARGEST: usize;
    /// What `schemas` must name (RFC 7643 §3).
    const SCHEMA: &'static str;
    /// What a change makes of one.
    type Next: Send;

    fn find(call: &Call, id: &str) -> impl Future<Output = Result<Option<Self>, ScimError>> + Send;
    fn found(
        call: &Call,
        query: &Query,
    ) -> impl Future<Output = Result<Found<Value>, ScimError>> + Send;
    fn create(call: &Call, body: &Value) -> impl Future<Output = Result<Self, ScimError>> + Send;
    /// What it is to be by PUT: of what the body does not say nothing stays (RFC 7644 §3.5.1).
    fn replaced(&self, body: &Value) -> Result<Self::Next, ScimError>;
    /// What it is to be by PATCH.
    fn patched(&self, operations: &[Operation]) -> Result<Self::Next, ScimError>;
    /// Writes it. [`Kind::Stale`] if `self` is not what is there.
    fn commit(
        &self,
        call: &Call,
        next: Self::Next,
    ) -> impl Future<Output = Result<Self, ScimError>> + Send;
    /// Forgets it. [`Kind::Stale`] if `self` is not what is there.
    fn remove(&self, call: &Call) -> impl Future<Output = Result<(), ScimError>> + Send;
    fn version(&self) -> u32;
    fn shown(&self, call: &Call) -> impl Future<Output = Result<Value, ScimError>> + Send;
}

/// The endpoint of a kind, and that of each one of it.
pub(super) fn routes<R: Resource>(at: &str) -> Router<Arc<State>> {
    Router::new().route(at, get(list::<R>).post(create::<R>)).route(
        &format!("{at}/{{id}}"),
        get(read::<R>).put(replace::<R>).patch(change::<R>).delete(delete::<R>),
    )
}

/// RFC 7644 §3.4.2.
async fn list<R: Resource>(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, _) = Call::of(&state, request).await?;
    let query = Query::of(&call)?;
    let found = R::found(&call, &query).await?;
    Ok(plain(StatusCode::OK, &query.list(&call, found)))
}

/// RFC 7644 §3.3.
async fn create<R: Resource>(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, body) = Call::with_body(&state, request, R::LARGEST).await?;
    is_of(&body, R::SCHEMA)?;
    let made = R::create(&call, &body).await?;
    respond(&call, StatusCode::CREATED, &made).await
}

/// RFC 7643 §3: a resource says of which schema it is. Extensions may be named beside it.
fn is_of(body: &Value, schema: &str) -> Result<(), ScimError> {
    let schemas = json::get(body, "schemas").and_then(Value::as_array);
    let named = schemas.into_iter().flatten().filter_map(Value::as_str);
    if named.into_iter().any(|named| named.eq_ignore_ascii_case(schema)) {
        return Ok(());
    }
    Err(ScimError::new(Kind::Syntax, format!("'schemas' must be a list that names {schema}")))
}

/// RFC 7644 §3.4.1.
async fn read<R: Resource>(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, _) = Call::of(&state, request).await?;
    let there = one::<R>(&call, &id).await?;
    respond(&call, StatusCode::OK, &there).await
}

/// RFC 7644 §3.5.1.
async fn replace<R: Resource>(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, body) = Call::with_body(&state, request, R::LARGEST).await?;
    edit(&call, &id, |there: &R| there.replaced(&body)).await
}

/// RFC 7644 §3.5.2.
async fn change<R: Resource>(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, body) = Call::with_body(&state, request, R::LARGEST).await?;
    let operations = patch::operations(&body)?;
    edit(&call, &id, |there: &R| there.patched(&operations)).await
}

/// RFC 7644 §3.6.
async fn delete<R: Resource>(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, _) = Call::of(&state, request).await?;
    for _ in 0..TRIES {
        let there = current::<R>(&call, &id).await?;
        match there.remove(&call).await {
            Err(error) if error.kind == Kind::Stale && !call.names_version() => {}
            outcome => return outcome.map(|()| StatusCode::NO_CONTENT.into_response()),
        }
    }
    Err(ScimError::contended())
}

/// Changes what is there. Who names no version means whatever is there.
async fn edit<R: Resource>(
    call: &Call,
    id: &str,
    next: impl Fn(&R) -> Result<R::Next, ScimError> + Send + Sync,
) -> Result<Response, ScimError> {
    for _ in 0..TRIES {
        let there = current::<R>(call, id).await?;
        let next = next(&there)?;
        match there.commit(call, next).await {
            Err(error) if error.kind == Kind::Stale && !call.names_version() => {}
            outcome => return respond(call, StatusCode::OK, &outcome?).await,
        }
    }
    Err(ScimError::contended())
}

async fn one<R: Resource>(call: &Call, id: &str) -> Result<R, ScimError> {
    R::find(call, id).await?.ok_or_else(|| ScimError::nobody(id))
}

/// What is there, if it is what the caller saw last (RFC 7644 §3.14).
async fn current<R: Resource>(call: &Call, id: &str) -> Result<R, ScimError> {
    let there = one::<R>(call, id).await?;
    if call.is_late(there.version()) { Err(ScimError::stale()) } else { Ok(there) }
}

async fn respond<R: Resource>(
    call: &Call,
    status: StatusCode,
    there: &R,
) -> Result<Response, ScimError> {
    let value = there.shown(call).await?;
    Ok(answer(call, status, there.version(), &value))
}
