//! Health and numbers, on a listener that only the operator's machines should reach.

use crate::cli::House;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use portcullis_audit::Journal;
use portcullis_store::Store;
use prometheus_client::{encoding::text, metrics::gauge::Gauge, registry::Registry};
use serde_json::json;
use std::sync::Arc;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is looked at.
#[derive(Clone)]
pub(super) struct Admin(Arc<Inner>);

struct Inner {
    store: Store,
    journal: Journal,
    waiting: Gauge,
    registry: Registry,
}

impl Admin {
    pub(super) fn new(house: &House, journal: Journal, mut registry: Registry) -> Self {
        let waiting = Gauge::default();
        let help = "Bytes of audit records that are not on the disk yet";
        registry.register("portcullis_audit_waiting_bytes", help, waiting.clone());
        Self(Arc::new(Inner { store: house.store.clone(), journal, waiting, registry }))
    }
}

pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

/// Whether requests can be answered: the database can be read.
async fn ready(State(admin): State<Admin>) -> Response {
    match admin.0.store.read(|tx| tx.query("SELECT 1", &[]).map(|_| ())).await {
        Ok(()) => Json(json!({ "status": "ready" })).into_response(),
        Err(fault) => {
            tracing::warn!(%fault, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(json!({ "status": "the database cannot be read" })),
            )
                .into_response()
        }
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    admin.0.waiting.set(i64::try_from(admin.0.journal.depth_bytes()).unwrap_or(i64::MAX));
    let mut out = String::new();
    match text::encode(&mut out, &admin.0.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], out).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
