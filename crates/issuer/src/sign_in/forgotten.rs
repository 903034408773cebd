//! `{issuer}/password-reset`: asking for a link. The answer is the same for everybody, and comes before anybody
//! looks whether there is such an account.

use crate::{
    arrival::{Arrival, Else},
    pages::{self, Problem, ResetRequestView},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use std::sync::Arc;

/// `GET {issuer}/password-reset`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let shown = async {
        let (arrival, _) = Arrival::of(&state, request).await?;
        Ok(pages::password_reset_request(&arrival.visit, &ResetRequestView::default()))
    };
    shown.await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/password-reset`.
pub(crate) async fn ask(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    asked(&state, request).await.unwrap_or_else(Else::answer)
}

async fn asked(state: &State, request: Request) -> Result<Response, Else> {
    let (arrival, form) = Arrival::with_form(state, request).await?;
    let visit = &arrival.visit;
    let Some(login) = form.get("login").filter(|login| !login.trim().is_empty()) else {
        let problem = Some(Problem { field: "login", text: visit.say("reset.whose") });
        let view = ResetRequestView { login: "", problem };
        return Ok(pages::password_reset_request(visit, &view));
    };
    state.mail.forgotten(login, arrival.remote);
    Ok(pages::password_reset_sent(visit))
}
