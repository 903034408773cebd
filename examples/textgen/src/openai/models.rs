//! `GET /v1/models` and `GET /v1/models/{id}`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use crate::{
    generators::{Generators, Served},
    refusal::Refusal,
};

pub(crate) async fn list(State(generators): State<Arc<Generators>>) -> Json<Value> {
    let offered = generators.offered().into_iter();
    let models: Vec<Value> = offered.map(|served| view(served, generators.created())).collect();
    Json(json!({ "object": "list", "data": models }))
}

pub(crate) async fn one(
    State(generators): State<Arc<Generators>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(view(generators.named(&id)?, generators.created())))
}

fn view(served: &Served, created: i64) -> Value {
    json!({ "id": served.model.name(), "object": "model", "created": created, "owned_by": "portcullis" })
}
