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
use portcullis_directory::{NewSession, Person, Session, UpstreamSession, sign_in::Proven};
use portcullis_types::Authentication;
use serde_json::json;

/// Who proved who they are, and how.
pub(crate) struct Entering {
    pub(crate) person: Person,
    pub(crate) authentication: Authentication,
    /// The session elsewhere that vouches for them.
    pub(crate) upstream: Option<UpstreamSession>,
}

impl From<Proven> for Entering {
    fn from(proven: Proven) -> Self {
        let Proven { person, authentication, .. } = proven;
        Self { person, authentication, upstream: None }
    }
}

/// With a redirect.
pub(super) async fn with_page(
    state: &State,
    arrival: &Arrival,
    proven: Proven,
    to: &Destination,
) -> Result<Response, Else> {
    let response = Redirect::to(&arrival.visit.path(&to.below())).into_response();
    Ok(enter(state, arrival, proven.into(), response).await?.1)
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
    Ok(enter(state, arrival, proven.into(), response).await?.1)
}

/// The session, with its cookies in the response.
pub(crate) async fn enter(
    state: &State,
    arrival: &Arrival,
    entering: Entering,
    mut response: Response,
) -> Result<(Session, Response), Else> {
    let Entering { person, authentication, upstream } = entering;
    let new = NewSession {
        person: person.id,
        authentication,
        device: arrival.device(),
        remote: arrival.remote.map(|remote| remote.to_string()),
        upstream,
    };
    let mut entropy = (state.entropy)();
    let current = arrival.session.as_ref();
    let begun = state.directory.signed_in(new, current, arrival.now, &mut *entropy).await;
    let (session, cookie) = begun.map_err(|fault| Else::from(arrival.failed(&fault)))?;
    let known = state.directory.known_cookie(arrival.known(), &person.login, &mut *entropy);
    arrival.visit.set(&mut response, SESSION, cookie.expose());
    arrival.visit.set(&mut response, KNOWN, &known);
    Ok((session, response))
}
