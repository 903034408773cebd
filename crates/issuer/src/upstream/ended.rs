//! `POST {issuer}/sign-in/with/{provider}/logout`: a provider says that a session over there ended
//! (OpenID Connect Back-Channel Logout 1.0 §2.5–§2.8). Those that came from it end here, with their grants.

use super::{flow, logout_token::LogoutToken, metadata::Want, upstreams::Upstream};
use crate::server::State;
use axum::{
    extract::{Path, Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use portcullis_directory::{Acting, Action, Deed, end_upstream_sessions};
use portcullis_web::form::Form;
use std::sync::Arc;

/// 200 if it is done, 400 with a reason if the token is not good (§2.8).
pub(crate) async fn endpoint(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Some(upstream) = state.upstreams.find(&name) else {
        return answer(StatusCode::NOT_FOUND, Some("there is no such provider"));
    };
    let (parts, body) = request.into_parts();
    let Ok(form) = Form::read(&parts.headers, body).await else {
        return answer(StatusCode::BAD_REQUEST, Some("the body is no form"));
    };
    let Some(token) = form.get("logout_token") else {
        return answer(StatusCode::BAD_REQUEST, Some("logout_token is missing"));
    };
    match end(&state, upstream, token).await {
        Ok(()) => answer(StatusCode::OK, None),
        Err(Trouble::Token(problem)) => answer(StatusCode::BAD_REQUEST, Some(problem)),
        Err(Trouble::Ours(fault)) => {
            tracing::error!(
                provider = name,
                fault,
                "a sign-out elsewhere did not end sessions here"
            );
            answer(StatusCode::SERVICE_UNAVAILABLE, Some("try again"))
        }
    }
}

enum Trouble {
    Token(&'static str),
    Ours(String),
}

async fn end(state: &State, upstream: &Upstream, token: &str) -> Result<(), Trouble> {
    let ours = |fault: &dyn std::fmt::Display| Trouble::Ours(fault.to_string());
    let now = (state.clock)();
    let provider = &upstream.provider;
    let verify = |metadata: &super::metadata::Metadata| {
        let issuer = |tenant: Option<&str>| metadata.issuer_for(provider, tenant);
        LogoutToken::verify(token, provider, &metadata.keys, &issuer, now)
    };
    let known =
        upstream.metadata(&state.upstreams, Want::Fresh, now).await.map_err(|e| ours(&e))?;
    let ended = if let Ok(ended) = verify(&known) {
        ended
    } else {
        // A key that is newer than what we know.
        let newer = upstream.metadata(&state.upstreams, Want::NewKeys, now).await;
        let newer = newer.map_err(|e| ours(&e))?;
        verify(&newer).map_err(Trouble::Token)?
    };
    let mut entropy = (state.entropy)();
    let mut by = Acting { actor: &provider.name, now, entropy: &mut *entropy };
    let deed = Deed::new(&mut by, Action::SessionEndUpstream);
    // Used up and obeyed at once: a token that was used and ended nothing would be lost.
    let done = state.store.write(move |tx| {
        if !flow::first_use(tx, &ended.issuer, &ended.jti, ended.expires)? {
            return Ok(None);
        }
        let (subject, sid) = (ended.subject.as_deref(), ended.sid.as_deref());
        end_upstream_sessions(tx, deed, &ended.issuer, subject, sid).map(Some)
    });
    match done.await.map_err(|e| ours(&e))? {
        None => Err(Trouble::Token("it was used before")),
        Some(sessions) if sessions.is_empty() => Ok(()),
        Some(_) => state.directory.publish().await.map_err(|e| ours(&e)),
    }
}

fn answer(status: StatusCode, problem: Option<&str>) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "application/json")];
    let body = match problem {
        Some(problem) => serde_json::json!({
            "error": "invalid_request", "error_description": problem,
        })
        .to_string(),
        None => String::new(),
    };
    (status, headers, body).into_response()
}
