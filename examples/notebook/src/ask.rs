//! The model, asked in the name of the person who is signed in.

use crate::{
    App,
    pages::{self, Form, Problem, Reply},
};
use axum::{
    extract::{Form as Body, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /ask`: what the gateway lets through is answered by the model; what it refuses says why.
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Body(form): Body<Form>,
) -> Result<Response, Problem> {
    let Some(session) = app.sessions.current(&headers) else {
        return Ok(Redirect::to("/").into_response());
    };
    if session.csrf != form.csrf {
        return Ok(Redirect::to("/").into_response());
    }
    let path = if form.model == "premium" { "generate/premium" } else { "generate" };
    let url = app.settings.api.join(path).map_err(|fault| pages::problem(&fault.to_string()))?;
    let answer = app
        .http
        .post(url)
        .bearer_auth(session.access_token.secret())
        .header("Content-Type", "application/json")
        .body(json!({ "prompt": form.prompt }).to_string())
        .send()
        .await
        .map_err(|fault| pages::problem(&format!("The gateway does not answer: {fault}")))?;
    let status = answer.status();
    let header = |name| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let decision = header("x-decision-id");
    let body = answer.text().await.unwrap_or_default();
    let value: Value = serde_json::from_str(&body).unwrap_or_default();
    let member = |name| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let reply = Reply {
        prompt: form.prompt,
        allowed: status.is_success(),
        text: member("text")
            .or_else(|| member("detail"))
            .or_else(|| member("title"))
            .unwrap_or(body),
        decision: decision.unwrap_or_default(),
    };
    Ok(pages::signed_in(&session, Some(reply)).into_response())
}
