//! The answer to a grant (RFC 6749 §5.1).

use super::mint::Minted;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, header};
use portcullis_types::{DecisionId, Scopes};
use serde::Serialize;

/// Names the decision in every answer of the token endpoint.
pub(crate) const DECISION_ID: HeaderName = HeaderName::from_static("x-decision-id");

/// RFC 6749 §5.1: of both grants and refusals nobody keeps a copy.
pub(crate) const NO_CACHE: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "no-store"),
    (header::PRAGMA, "no-cache"),
];

#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
    /// Always: what was granted may be less than what was asked for (RFC 6749 §3.3).
    scope: &'a Scopes,
}

/// Only after the commit.
pub(crate) fn granted(id: DecisionId, minted: &Minted) -> Response {
    let body = Granted {
        access_token: &minted.access_token,
        token_type: "Bearer",
        expires_in: minted.ttl.as_seconds(),
        scope: &minted.scope,
    };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    (NO_CACHE, [(DECISION_ID, id.to_string())], body).into_response()
}
