//! Requests for what is not there: a program is told in JSON (RFC 9457), a person by a page.

use crate::{
    pages::{self, Explained},
    server::State,
    visit::Visit,
};
use axum::{
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use std::sync::Arc;

/// No such path. The roots lead a person to their account.
pub(crate) async fn nothing_here(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if !is_person(&parts.headers) {
        return problem(StatusCode::NOT_FOUND, "There is nothing here");
    }
    let visit = Visit::begin(&state, &parts);
    let asked = parts.uri.path().trim_end_matches('/');
    if parts.method == Method::GET && (asked.is_empty() || asked == visit.base) {
        return Redirect::to(&visit.path("/account")).into_response();
    }
    pages::explained(&visit, Explained::NothingHere, None)
}

/// The path has no such method: the address of a form's answer was opened, or kept as a bookmark.
pub(crate) async fn wrong_method(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if !is_person(&parts.headers) {
        return problem(StatusCode::METHOD_NOT_ALLOWED, "This path does not have this method");
    }
    pages::explained(&Visit::begin(&state, &parts), Explained::WrongMethod, None)
}

/// Whether a browser asks in somebody's name; what a script sends accepts anything.
fn is_person(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// RFC 9457.
fn problem(status: StatusCode, title: &str) -> Response {
    let body =
        serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16() });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, body.to_string()).into_response()
}
