//! The answer to a grant (RFC 6749 §5.1).

use super::mint::Minted;
use crate::dpop::DPOP_NONCE;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, header};
use portcullis_directory::grant::RefreshToken;
use portcullis_types::{DecisionId, Details, Ttl};
use serde::Serialize;

/// Names the decision in every answer of the token endpoint.
pub(crate) const DECISION_ID: HeaderName = HeaderName::from_static("x-decision-id");

/// RFC 6749 §5.1: of both grants and refusals nobody keeps a copy.
pub(crate) const NO_CACHE: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::CACHE_CONTROL, "no-store"),
    (header::PRAGMA, "no-cache"),
];

/// What the client gets.
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) token_type: &'static str,
    pub(super) ttl: Ttl,
    pub(super) scope: String,
    pub(super) refresh_token: Option<RefreshToken>,
    pub(super) id_token: Option<String>,
    /// `issued_token_type` (RFC 8693 §2.2.1).
    pub(super) kind: Option<&'static str>,
    /// RFC 9396 §7.
    pub(super) details: Details,
}

impl Issued {
    /// To the client itself: nothing that belongs to a person.
    pub(super) fn to_itself(minted: Minted) -> Self {
        Self {
            access_token: minted.access_token,
            token_type: minted.token_type,
            ttl: minted.ttl,
            scope: minted.scope.to_string(),
            refresh_token: None,
            id_token: None,
            kind: None,
            details: Details::default(),
        }
    }

    /// For a token that came.
    pub(super) fn exchanged(minted: Minted, kind: Option<&'static str>, details: Details) -> Self {
        Self { kind, details, ..Self::to_itself(minted) }
    }
}

#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
    /// Always: what was granted may be less than what was asked for (RFC 6749 §3.3).
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    /// OpenID Connect Core §3.1.3.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Details::is_empty")]
    authorization_details: &'a Details,
}

/// Only after the commit.
pub(super) fn granted(id: DecisionId, issued: &Issued) -> Response {
    let body = Granted {
        access_token: &issued.access_token,
        token_type: issued.token_type,
        expires_in: issued.ttl.as_seconds(),
        scope: &issued.scope,
        refresh_token: issued.refresh_token.as_ref().map(RefreshToken::expose),
        id_token: issued.id_token.as_deref(),
        issued_token_type: issued.kind,
        authorization_details: &issued.details,
    };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    (NO_CACHE, [(DECISION_ID, id.to_string())], body).into_response()
}

/// Apps in browsers call these endpoints from anywhere: nothing there depends on a cookie. Whoever sends DPoP
/// proofs is given the next nonce (RFC 9449 §8.2).
pub(crate) fn cross_origin(response: &mut Response, nonce: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("dpop-nonce, www-authenticate, x-decision-id, retry-after"),
    );
    if let Some(nonce) = nonce {
        headers.insert(DPOP_NONCE, nonce);
    }
}
