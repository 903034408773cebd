//! A small n-gram text generator that speaks the OpenAI API: the model behind the demo's gateway.
//!
//! Two models are trained at start from texts given to them, and served as `/v1/models`, `/v1/chat/completions`,
//! `/v1/completions`, Anthropic's `/v1/messages`, and the plain `/generate` and `/generate/premium`.
//! Members of a request that such a model has no use for (`tools`, `logprobs`, `response_format`) are ignored, as are
//! credentials: who may call is decided by the gateway in front.

mod anthropic;
mod generate;
mod generation;
mod generators;
mod message;
mod model;
mod openai;
mod prose;
mod refusal;
mod run;
mod tokens;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};

pub use generators::{BASIC, Generators, Offer, PREMIUM};
pub use model::Model;

/// Bytes a request body may have.
const BODY_LIMIT: usize = 1024 * 1024;

/// Every endpoint of the two models.
pub fn router(generators: Arc<Generators>) -> Router {
    Router::new()
        .route("/v1/models", get(openai::models::list))
        .route("/v1/models/{id}", get(openai::models::one))
        .route("/v1/chat/completions", post(openai::chat::create))
        .route("/v1/completions", post(openai::completions::create))
        .route("/v1/messages", post(anthropic::create))
        .route("/generate", get(generate::basic_by_query).post(generate::basic))
        .route("/generate/premium", get(generate::premium_by_query).post(generate::premium))
        .route("/healthz", get(healthz))
        .fallback(refusal::no_such_path)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(generators)
}

/// Tells that the models are trained, and how many requests are being answered: a stream that its reader has left
/// disappears from `in_flight`.
async fn healthz(State(generators): State<Arc<Generators>>) -> Response {
    Json(serde_json::json!({ "status": "ok", "in_flight": generators.in_flight() })).into_response()
}
