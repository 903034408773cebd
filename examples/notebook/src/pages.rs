//! What the person sees.

use crate::{App, Fault, sessions::Session};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// The fields of the forms here.
#[derive(Deserialize)]
pub(crate) struct Form {
    pub(crate) csrf: String,
    #[serde(default)]
    pub(crate) prompt: String,
    #[serde(default)]
    pub(crate) model: String,
}

/// What came of a question.
pub(crate) struct Reply {
    pub(crate) prompt: String,
    pub(crate) allowed: bool,
    pub(crate) text: String,
    pub(crate) decision: String,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome {
    signed_out: bool,
}

#[derive(Template)]
#[template(path = "notebook.html")]
struct Notebook<'a> {
    name: &'a str,
    roles: String,
    scope: &'a str,
    claims: Vec<(&'a str, String)>,
    csrf: &'a str,
    reply: Option<Reply>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    problem: &'a str,
}

/// A page that says what went wrong.
pub(crate) struct Problem(String);

pub(crate) fn problem(text: &str) -> Problem {
    Problem(text.to_owned())
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self(fault.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, page(&ProblemPage { problem: &self.0 })).into_response()
    }
}

/// `GET /`.
pub(crate) async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.sessions.current(&headers) {
        Some(session) => signed_in(&session, None),
        None => page(&Welcome { signed_out: false }),
    }
}

/// `GET /signed-out`.
pub(crate) async fn signed_out() -> Response {
    page(&Welcome { signed_out: true })
}

/// `GET /style.css`.
pub(crate) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../templates/style.css"))
        .into_response()
}

/// The notebook of a person, with the last answer.
pub(crate) fn signed_in(session: &Session, reply: Option<Reply>) -> Response {
    let text = |name: &str| session.claims.get(name).and_then(Value::as_str);
    let name = text("name").or_else(|| text("email")).or_else(|| text("sub")).unwrap_or("you");
    let roles = session.claims.get("roles").and_then(Value::as_array);
    let roles: Vec<_> = roles.into_iter().flatten().filter_map(Value::as_str).collect();
    page(&Notebook {
        name,
        roles: roles.join(", "),
        scope: &session.scope,
        claims: session.claims.iter().map(|(name, value)| (name.as_str(), shown(value))).collect(),
        csrf: &session.csrf,
        reply,
    })
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn page(template: &impl Template) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'";
    match template.render() {
        Ok(html) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
