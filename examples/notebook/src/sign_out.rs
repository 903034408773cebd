//! Signing out, here and there (OpenID Connect RP-Initiated Logout 1.0).

use crate::{App, pages::Form, pages::Problem};
use axum::{
    extract::{Form as Body, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use openidconnect::{LogoutRequest, PostLogoutRedirectUrl, core::CoreIdToken};
use std::{str::FromStr, sync::Arc};

/// `POST /sign-out`: forgets the person, then sends the browser to the issuer to end the session there.
pub(crate) async fn sign_out(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Body(form): Body<Form>,
) -> Result<Response, Problem> {
    let genuine = app.sessions.current(&headers).is_some_and(|session| session.csrf == form.csrf);
    let ended = if genuine { app.sessions.end(&headers) } else { None };
    let Some(session) = ended else { return Ok(Redirect::to("/").into_response()) };
    let metadata = app.provider.discover().await?;
    let Some(endpoint) = metadata.additional_metadata().end_session_endpoint.clone() else {
        return Ok(Redirect::to("/signed-out").into_response());
    };
    let mut request = LogoutRequest::from(endpoint);
    if let Ok(id_token) = CoreIdToken::from_str(&session.id_token) {
        request = request.set_id_token_hint(&id_token);
    }
    if let Ok(back) = PostLogoutRedirectUrl::new(app.settings.signed_out_uri()) {
        request = request.set_post_logout_redirect_uri(back);
    }
    Ok(Redirect::to(request.http_get_url().as_str()).into_response())
}
