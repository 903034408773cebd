//! Our public keys (RFC 7517 §5): next, current and retiring, so that a cached copy never lacks one.

use crate::server::State;
use aws_lc_rs::digest;
use axum::{
    extract::State as Shared,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode, header};
use portcullis_jose::b64;
use std::sync::Arc;

/// `GET {issuer}/jwks`
pub(crate) async fn serve(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    let jwks = state.keys.jwks_json();
    let hash = digest::digest(&digest::SHA256, jwks.as_bytes());
    let etag = format!("\"{}\"", b64::encode(hash));
    let common = [
        (header::CACHE_CONTROL, "public, max-age=600"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ETAG, etag.as_str()),
    ];
    if unchanged(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(header::CONTENT_TYPE, "application/jwk-set+json")];
    (common, kind, jwks.to_string()).into_response()
}

/// RFC 9110 §13.1.2, by weak comparison.
fn unchanged(headers: &HeaderMap, etag: &str) -> bool {
    let names = |value: &str| {
        value
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    };
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(names)
}
