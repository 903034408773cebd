//! `POST {issuer}/sign-in/otp`: the second factor after a password.

use super::{Destination, finish, sentence, shown};
use crate::{
    arrival::{Arrival, Else},
    pages::{self, Problem, SecondFactorView},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use http::StatusCode;
use portcullis_types::SignInFault;
use std::sync::Arc;

/// A code of the authenticator app, or a recovery code.
pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    prove(&state, request).await.unwrap_or_else(Else::answer)
}

async fn prove(state: &State, request: Request) -> Result<Response, Else> {
    let (mut arrival, mut form) = Arrival::with_form(state, request).await?;
    let code = form.take("otp").unwrap_or_default();
    let to = Destination::of(state, &mut arrival, &form).await?;
    let ceremony = form.get("ceremony").unwrap_or_default();
    let login = form.get("login").unwrap_or_default();
    let mut entropy = (state.entropy)();
    let mut visitor = arrival.visitor(&mut *entropy);
    let proven = state.directory.sign_in_with_code(&mut visitor, ceremony, &code).await;
    let refusal = match proven.map_err(|fault| Else::from(arrival.failed(&fault)))? {
        Ok(proven) => return finish::with_page(state, &arrival, proven, &to).await,
        Err(refusal) => refusal,
    };
    if refusal.over {
        let why = match refusal.fault() {
            Some(SignInFault::Codes { .. }) => "otp.too_many",
            _ => "otp.over",
        };
        let wrong = (StatusCode::BAD_REQUEST, arrival.visit.say(why));
        return Ok(shown(state, &arrival, &to, login, Some(wrong)).await);
    }
    let told = sentence(&arrival, &refusal, "otp.failed");
    let view = SecondFactorView {
        ceremony,
        flow: to.flow(),
        return_to: to.return_to(),
        login,
        problem: Some(Problem { field: "otp", text: &told.text }),
        forms: to.forms(),
    };
    Ok(told.heads(pages::second_factor(&arrival.visit, &view)))
}
