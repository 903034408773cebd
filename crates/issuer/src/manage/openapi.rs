//! `GET /openapi.json`: this API for programs and their makers.

use crate::server::State;
use axum::{
    extract::State as Shared,
    response::{IntoResponse as _, Response},
};
use http::header;
use serde_json::Value;
use std::sync::Arc;

const DOCUMENT: &str = include_str!("openapi.json");

/// Anybody may read it: it is the same in every house.
pub(super) async fn endpoint(Shared(state): Shared<Arc<State>>) -> Response {
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    if let Some(server) = document.pointer_mut("/servers/0/url") {
        *server = state.settings.url(super::PATH).into();
    }
    ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}
