//! An analytics API: whose rows somebody may read is in the path, and whose they are is in the token.
//!
//! The gateway in front has checked the caller. This service checks again, by the short token that the gateway
//! signs for it: a route that was forgotten there is still shut here.

mod datasets;
mod guard;

pub use guard::{Fault, Guard, Settings};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use datasets::Dataset;
use portcullis_types::{Denial, Scopes};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows of one answer, if nobody says how many.
const ROWS: usize = 100;

/// Every endpoint.
pub fn router(guard: Guard) -> Router {
    Router::new()
        .route("/t/{tenant}/datasets", get(list))
        .route("/t/{tenant}/datasets/{id}/rows", get(rows))
        .with_state(Arc::new(guard))
}

/// Needs `dataset:read` of the tenant.
async fn list(
    State(guard): State<Arc<Guard>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    guard.admit(&headers, &tenant, &scopes("dataset:read")).await?;
    let all = datasets::of(&tenant).map(|one| json!({ "id": one.id, "columns": one.columns() }));
    Ok(Json(json!({ "tenant": tenant, "datasets": all.collect::<Vec<_>>() })))
}

#[derive(Deserialize)]
struct Page {
    limit: Option<usize>,
}

/// Needs `analytics:read` of the tenant.
async fn rows(
    State(guard): State<Arc<Guard>>,
    Path((tenant, id)): Path<(String, String)>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = guard.admit(&headers, &tenant, &scopes("analytics:read")).await?;
    // Only the tenant's own are looked at: another's dataset is as unknown as one that nobody has.
    let dataset: Dataset =
        datasets::of(&tenant).find(|one| one.id == id).ok_or(Refusal::NoDataset)?;
    let rows: Vec<Value> = dataset.rows().take(page.limit.unwrap_or(ROWS)).collect();
    let reader = &caller.claims().sub;
    Ok(Json(json!({ "tenant": tenant, "dataset": id, "read_by": reader, "rows": rows })))
}

fn scopes(text: &'static str) -> Scopes {
    text.parse().unwrap_or_default()
}

/// Why there are no rows.
enum Refusal {
    Denied(Box<Denial>),
    NoDataset,
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(Box::new(denial))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, name, said) = match &self {
            Self::Denied(denial) => {
                let code = denial.code();
                let status = StatusCode::from_u16(code.status);
                (status.unwrap_or(StatusCode::UNAUTHORIZED), code.name, code.description)
            }
            Self::NoDataset => (StatusCode::NOT_FOUND, "no_dataset", "There is no such dataset"),
        };
        (status, Json(json!({ "code": name, "title": said }))).into_response()
    }
}
