//! Health, numbers and revocations, on a listener that only the operator's machines should reach.

use super::{issuer::Issuer, tls::Watches};
use crate::cli::House;
use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use portcullis_audit::Journal;
use portcullis_directory::Directory;
use portcullis_store::Store;
use portcullis_verify::Revocations;
use prometheus_client::{encoding::text, metrics::gauge::Gauge, registry::Registry};
use serde_json::json;
use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is looked at.
#[derive(Clone)]
pub(super) struct Admin(Arc<Inner>);

struct Inner {
    store: Store,
    journal: Journal,
    watches: Watches,
    waiting: Gauge,
    registry: Registry,
    /// The issuer's, if one runs here.
    directory: Option<Directory>,
    published: Mutex<Option<Published>>,
}

/// A list of revocations as it is sent.
#[derive(Clone)]
struct Published {
    of: Arc<Revocations>,
    body: Bytes,
    etag: HeaderValue,
}

impl Admin {
    pub(super) fn new(
        house: &House,
        (journal, watches): (Journal, Watches),
        issuer: Option<&Issuer>,
        mut registry: Registry,
    ) -> Self {
        let waiting = Gauge::default();
        let help = "Bytes of audit records that are not on the disk yet";
        registry.register("portcullis_audit_waiting_bytes", help, waiting.clone());
        Self(Arc::new(Inner {
            store: house.store.clone(),
            journal,
            watches,
            waiting,
            registry,
            directory: issuer.map(|issuer| issuer.directory.clone()),
            published: Mutex::default(),
        }))
    }

    /// What our issuer has revoked; made anew only when it changes. `None` if no issuer runs here.
    fn published(&self) -> Option<Result<Published, serde_json::Error>> {
        let of = self.0.directory.as_ref()?.revocations().borrow().clone();
        let mut kept = self.0.published.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(published) = kept.as_ref().filter(|kept| Arc::ptr_eq(&kept.of, &of)) {
            return Some(Ok(published.clone()));
        }
        let published = Published::of(of);
        *kept = published.as_ref().ok().cloned();
        Some(published)
    }
}

impl Published {
    fn of(of: Arc<Revocations>) -> Result<Self, serde_json::Error> {
        // A value sorts its members: the same revocations are the same bytes.
        let body = serde_json::to_vec(&serde_json::to_value(&*of)?)?;
        let mut etag = String::from("\"");
        for byte in digest(&SHA256, &body).as_ref() {
            let _ = write!(etag, "{byte:02x}");
        }
        etag.push('"');
        let etag = HeaderValue::try_from(etag).unwrap_or_else(|_| HeaderValue::from_static(""));
        Ok(Self { of, body: body.into(), etag })
    }
}

pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/revocations", get(revocations))
        .with_state(admin)
}

/// That the process answers; and what is known of the certificates that its listeners show.
async fn health(State(admin): State<Admin>) -> Response {
    match admin.0.watches.health() {
        tls if tls.is_empty() => Json(json!({ "status": "ok" })).into_response(),
        tls => Json(json!({ "status": "ok", "tls": tls })).into_response(),
    }
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
    if admin.0.journal.is_failing() {
        return not("the audit log cannot be written: is the disk full?");
    }
    Json(json!({ "status": "ready" })).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    admin.0.waiting.set(i64::try_from(admin.0.journal.depth_bytes()).unwrap_or(i64::MAX));
    let mut out = String::new();
    match text::encode(&mut out, &admin.0.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], out).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What the issuer here has revoked, for gateways elsewhere. They ask every second: an unchanged list is
/// not sent again (RFC 9110 §13.1.2), and no cache between us may answer.
async fn revocations(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let published = match admin.published() {
        None => return StatusCode::NOT_FOUND.into_response(),
        Some(Err(fault)) => {
            tracing::error!(%fault, "revocations cannot be told");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        Some(Ok(published)) => published,
    };
    let known = headers.get(header::IF_NONE_MATCH) == Some(&published.etag);
    let said = [
        (header::ETAG, published.etag),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, said).into_response();
    }
    (said, published.body).into_response()
}
