//! `{issuer}/admin/v1`: the management of tenants, for the operator and for the tenants' own admins.
//!
//! It is an API as any other: its tokens have its own `aud`, so that a token for another API opens nothing here. A token
//! without tenant is the operator's. A token with a tenant reaches that tenant; whatever belongs to another answers, byte
//! by byte, as what does not exist. Every call passes [`Call::of`], and every change [`Call::may`].

mod call;
mod check;
mod clients;
mod decisions;
mod may;
mod new_client;
mod openapi;
mod refusal;
mod tenants;

pub(crate) use call::{facts as token_facts, unproven};

use crate::{server::State, settings::Api};
use axum::{
    Router,
    extract::{Path, rejection::PathRejection},
    routing::{get, post},
};
use portcullis_directory::OpenApi;
use std::sync::Arc;

/// Where it is, below the issuer.
pub(crate) const PATH: &str = "/admin/v1";

/// What stands in a path. What cannot be read is the name of nothing.
type Named<T> = Result<Path<T>, PathRejection>;

/// Everything below `{issuer}/admin/v1`.
pub(crate) fn routes(path: &str) -> Router<Arc<State>> {
    let at = |below: &str| format!("{path}{PATH}{below}");
    Router::new()
        .route(&at("/openapi.json"), get(openapi::endpoint))
        .route(&at("/tenants"), get(tenants::list))
        .route(&at("/tenants/{tenant}"), get(tenants::show).put(tenants::apply))
        .route(&at("/tenants/{tenant}/limits"), get(tenants::limits))
        .route(&at("/tenants/{tenant}/suspend"), post(tenants::suspend))
        .route(&at("/tenants/{tenant}/resume"), post(tenants::resume))
        .route(&at("/tenants/{tenant}/end"), post(tenants::end))
        .route(&at("/tenants/{tenant}/check"), post(check::endpoint))
        .route(&at("/tenants/{tenant}/clients"), get(clients::list).post(clients::add))
        .route(&at("/tenants/{tenant}/clients/{client}"), get(clients::show))
        .route(&at("/tenants/{tenant}/clients/{client}/disable"), post(clients::disable))
        .route(&at("/tenants/{tenant}/clients/{client}/enable"), post(clients::enable))
        .route(&at("/tenants/{tenant}/clients/{client}/secret"), post(clients::renew))
        .route(&at("/decisions/{decision}"), get(decisions::endpoint))
}

/// An API as the directory sees it.
fn open_api(api: &Api) -> OpenApi<'_> {
    let (name, resource) = (&api.name, &api.resource);
    OpenApi { name, resource, scopes: &api.scopes, tenant: api.tenant.as_ref() }
}
