//! Health, numbers and revocations, on a listener that only the operator's machines should reach.

use super::{issuer::Issuer, policy::Live, tls::Watches};
use crate::cli::House;
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use portcullis_audit::Journal;
use portcullis_directory::Directory;
use portcullis_store::Store;
use prometheus_client::{encoding::text, metrics::gauge::Gauge, registry::Registry};
use serde::Deserialize;
use serde_json::{Map, json};
use std::sync::Arc;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is looked at.
#[derive(Clone)]
pub(super) struct Admin(Arc<Inner>);

/// What there is to see of what runs.
pub(super) struct Seen {
    pub(super) journal: Journal,
    pub(super) watches: Watches,
    pub(super) policies: Option<Live>,
}

struct Inner {
    store: Store,
    seen: Seen,
    waiting: Gauge,
    registry: Registry,
    /// The issuer's, if one runs here.
    directory: Option<Directory>,
}

impl Admin {
    pub(super) fn new(
        house: &House,
        seen: Seen,
        issuer: Option<&Issuer>,
        mut registry: Registry,
    ) -> Self {
        let waiting = Gauge::default();
        let help = "Bytes of audit records that are not on the disk yet";
        registry.register("portcullis_audit_waiting_bytes", help, waiting.clone());
        Self(Arc::new(Inner {
            store: house.store.clone(),
            seen,
            waiting,
            registry,
            directory: issuer.map(|issuer| issuer.directory.clone()),
        }))
    }
}

pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/revocations", get(revocations))
        .route("/policy/bundle.tar.gz", get(bundle))
        .with_state(admin)
}

/// That the process answers; what is known of the certificates that its listeners show, and of its policies. It is
/// alive also when those are not as they were meant: those before decide.
async fn health(State(admin): State<Admin>) -> Response {
    let Seen { watches, policies, .. } = &admin.0.seen;
    let well = policies.as_ref().is_none_or(Live::is_well);
    let mut told = Map::new();
    told.insert("status".into(), if well { "ok" } else { "degraded" }.into());
    let tls = watches.health();
    if !tls.is_empty() {
        told.insert("tls".into(), tls.into());
    }
    if let Some(policies) = policies {
        told.insert("policy".into(), policies.health());
    }
    Json(told).into_response()
}

/// Whether requests can be answered: the database can be read.
async fn ready(State(admin): State<Admin>) -> Response {
    let not = |what: &str| {
        let body = Json(json!({ "status": what }));
        (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
    };
    if let Err(fault) = admin.0.store.read(|tx| tx.query("SELECT 1", &[]).map(|_| ())).await {
        tracing::warn!(%fault, "not ready");
        return not("the database cannot be read");
    }
    if admin.0.seen.journal.is_failing() {
        return not("the audit log cannot be written: is the disk full?");
    }
    Json(json!({ "status": "ready" })).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    admin.0.waiting.set(i64::try_from(admin.0.seen.journal.depth_bytes()).unwrap_or(i64::MAX));
    let mut out = String::new();
    match text::encode(&mut out, &admin.0.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], out).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Where in the order of revocations a gateway stands.
#[derive(Deserialize)]
struct Heard {
    after: Option<String>,
}

/// What the issuer here has revoked, for gateways elsewhere, page by page. They ask every second for what is new, and
/// no cache between us may answer.
async fn revocations(State(admin): State<Admin>, Query(heard): Query<Heard>) -> Response {
    let Some(directory) = &admin.0.directory else { return StatusCode::NOT_FOUND.into_response() };
    match directory.revocations_after(heard.after).await {
        Ok(page) => ([(header::CACHE_CONTROL, "no-store")], Json(page)).into_response(),
        Err(fault) => {
            tracing::warn!(%fault, "revocations cannot be told");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The policies in force, as they came, for gateways elsewhere: they ask again and again whether these are still the
/// ones (RFC 9110 §13.1.2).
async fn bundle(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let Some(policies) = &admin.0.seen.policies else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match policies.store().in_force().await {
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Ok(Some((applied, packed))) => {
            let tag = format!("\"{}\"", applied.revision.unwrap_or_default());
            let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
            let told = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "no-cache")];
            if known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag)) {
                return (StatusCode::NOT_MODIFIED, told).into_response();
            }
            (told, [(header::CONTENT_TYPE, "application/gzip")], packed).into_response()
        }
        Err(fault) => {
            tracing::warn!(%fault, "policies cannot be told");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
