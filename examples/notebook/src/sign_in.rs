//! Signing in (OpenID Connect Core §3.1, RFC 7636).

use crate::{
    App,
    pages::{Problem, problem},
    sessions::{Pending, Session},
};
use axum::{
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    AuthorizationCode, CsrfToken, Nonce, OAuth2TokenResponse, PkceCodeChallenge, Scope,
    TokenResponse,
    core::{CoreAuthenticationFlow, CoreTokenResponse, CoreUserInfoClaims},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// `POST /sign-in`: off to the issuer, with a fresh `state`, `nonce` and `code_challenge`.
pub(crate) async fn begin(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let client = app.provider.client().await?;
    let (code_challenge, code_verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let mut request = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .set_pkce_challenge(code_challenge)
        .add_extra_param("resource", app.settings.api.as_str().trim_end_matches('/'));
    for scope in ["profile", "email", "roles"].into_iter().map(str::to_owned) {
        request = request.add_scope(Scope::new(scope));
    }
    for scope in app.settings.scopes.iter().cloned() {
        request = request.add_scope(Scope::new(scope));
    }
    let (url, state, nonce) = request.url();
    let cookie = app.sessions.begin(Pending { state, nonce, code_verifier });
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(url.as_str())).into_response())
}

/// What comes back (RFC 6749 §4.1.2, RFC 9207).
#[derive(Deserialize)]
pub(crate) struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `GET /callback`.
pub(crate) async fn finish(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response, Problem> {
    let Some(pending) = app.sessions.take_pending(&headers) else {
        return Err(problem("This browser did not begin this sign-in, or it took too long."));
    };
    if answer.state.as_deref() != Some(pending.state.secret().as_str()) {
        return Err(problem("The answer belongs to another sign-in."));
    }
    // RFC 9207 §2.4: whoever answers must be the one who was asked.
    if answer.iss.as_deref() != Some(app.provider.issuer.as_str()) {
        return Err(problem("The answer comes from somebody else."));
    }
    if let Some(error) = answer.error {
        let why = answer.error_description.unwrap_or_default();
        return Err(problem(&format!("The sign-in ended with {error}. {why}")));
    }
    let Some(code) = answer.code else { return Err(problem("The answer has no code.")) };
    let client = app.provider.client().await?;
    let tokens: CoreTokenResponse = client
        .exchange_code(AuthorizationCode::new(code))
        .map_err(|fault| problem(&fault.to_string()))?
        .set_pkce_verifier(pending.code_verifier)
        .request_async(&app.provider.http)
        .await
        .map_err(|fault| problem(&format!("The code was not accepted: {fault}")))?;
    let id_token = tokens.id_token().ok_or_else(|| problem("There is no ID token."))?;
    // Signature, iss, aud, exp and nonce; nothing of it is read before.
    let who = id_token
        .claims(&client.id_token_verifier(), &pending.nonce)
        .map_err(|fault| problem(&format!("The ID token is not good: {fault}")))?;
    // OpenID Connect Core §5.3.2: about the very person of the ID token.
    let person: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(who.subject().clone()))
        .map_err(|fault| problem(&fault.to_string()))?
        .request_async(&app.provider.http)
        .await
        .map_err(|fault| problem(&format!("Nothing was told about you: {fault}")))?;
    let id_token = id_token.to_string();
    let session = Session {
        claims: claims(&id_token, &person),
        id_token,
        access_token: tokens.access_token().clone(),
        scope: words(tokens.scopes()),
        csrf: CsrfToken::new_random().into_secret(),
    };
    let cookie = app.sessions.sign_in(session);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

fn words(scopes: Option<&Vec<Scope>>) -> String {
    let words: Vec<_> = scopes.into_iter().flatten().map(|scope| scope.as_str()).collect();
    words.join(" ")
}

/// All claims of a verified ID token, those that the library has no names for too, and what `/userinfo` adds.
fn claims(id_token: &str, person: &CoreUserInfoClaims) -> Map<String, Value> {
    let payload = id_token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let mut all: Map<String, Value> =
        payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    if let Ok(Value::Object(more)) = serde_json::to_value(person) {
        for (name, value) in more {
            all.entry(name).or_insert(value);
        }
    }
    all
}
