//! The end of a sign-in: a session, its cookie, and on to where it leads.

use super::Destination;
use crate::{
    arrival::{Arrival, Else},
    server::State,
    visit::{KNOWN, SESSION},
};
use axum::{
    Json,
    response::{IntoResponse as _, Redirect, Response},
};
use portcullis_directory::{NewSession, sign_in::Proven};
use serde_json::json;

/// With a redirect.
pub(super) async fn with_page(
    state: &State,
    arrival: &Arrival,
    proven: Proven,
    to: &Destination,
) -> Result<Response, Else> {
    let response = Redirect::to(&arrival.visit.path(&to.below())).into_response();
    signed_in(state, arrival, proven, response).await
}

/// For a script, which goes there.
pub(super) async fn with_json(
    state: &State,
    arrival: &Arrival,
    proven: Proven,
    to: &Destination,
) -> Result<Response, Else> {
    let location = arrival.visit.path(&to.below());
    let response = Json(json!({ "location": location })).into_response();
    signed_in(state, arrival, proven, response).await
}

async fn signed_in(
    state: &State,
    arrival: &Arrival,
    proven: Proven,
    mut response: Response,
) -> Result<Response, Else> {
    let new = NewSession {
        person: proven.person.id,
        authentication: proven.authentication,
        device: arrival.device(),
        remote: arrival.remote.map(|remote| remote.to_string()),
        upstream: None,
    };
    let mut entropy = (state.entropy)();
    let current = arrival.session.as_ref();
    let begun = state.directory.signed_in(new, current, arrival.now, &mut *entropy).await;
    let (_, cookie) = begun.map_err(|fault| Else::from(arrival.failed(&fault)))?;
    let login = &proven.person.login;
    let known = state.directory.known_cookie(arrival.known(), login, &mut *entropy);
    arrival.visit.set(&mut response, SESSION, cookie.expose());
    arrival.visit.set(&mut response, KNOWN, &known);
    Ok(response)
}
