//! `{issuer}/sign-in`: login and password.

use super::{Destination, finish, sentence, shown};
use crate::{
    arrival::{Arrival, Else},
    pages::{self, SecondFactorView},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use http::StatusCode;
use portcullis_directory::sign_in::Proven;
use secrecy::SecretString;
use std::sync::Arc;

/// `GET {issuer}/sign-in`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    page_or_else(&state, request).await.unwrap_or_else(Else::answer)
}

async fn page_or_else(state: &State, request: Request) -> Result<Response, Else> {
    let (mut arrival, _) = Arrival::of(state, request).await?;
    let query = arrival.query();
    let to = Destination::of(state, &mut arrival, &query).await?;
    // Who is signed in and was sent nowhere has nothing to do here.
    if let (Some(_), None, None) = (&arrival.session, query.get("flow"), query.get("return")) {
        return Ok(arrival.go(&to.below()));
    }
    let login = match (&to, &arrival.session) {
        (Destination::Account(_), Some(session)) => {
            let person = state.directory.person(&session.person).await;
            person.map_err(|fault| Else::from(arrival.failed(&fault)))?.map(|person| person.login)
        }
        _ => to.login_hint().map(str::to_owned),
    };
    Ok(shown(state, &arrival, &to, &login.unwrap_or_default(), None).await)
}

/// `POST {issuer}/sign-in`.
pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    sign_in(&state, request).await.unwrap_or_else(Else::answer)
}

async fn sign_in(state: &State, request: Request) -> Result<Response, Else> {
    let (mut arrival, mut form) = Arrival::with_form(state, request).await?;
    let password = form.take("password").map(SecretString::from);
    let to = Destination::of(state, &mut arrival, &form).await?;
    let login = form.get("login").unwrap_or_default();
    let Some(password) = password.filter(|_| !login.is_empty()) else {
        let wrong = (StatusCode::BAD_REQUEST, arrival.visit.say("sign_in.failed"));
        return Ok(shown(state, &arrival, &to, login, Some(wrong)).await);
    };
    let mut entropy = (state.entropy)();
    let mut visitor = arrival.visitor(&mut *entropy);
    let proven = state.directory.sign_in_with_password(&mut visitor, login, password).await;
    match proven.map_err(|fault| Else::from(arrival.failed(&fault)))? {
        Err(refusal) => {
            let (status, text) = sentence(&arrival, &refusal, "sign_in.failed");
            Ok(shown(state, &arrival, &to, login, Some((status, &text))).await)
        }
        Ok(Proven { person, second_factor: Some(ceremony), .. }) => {
            let view = SecondFactorView {
                ceremony: &ceremony,
                flow: to.flow(),
                return_to: to.return_to(),
                login: &person.login,
                problem: None,
                forms: to.forms(),
            };
            Ok(pages::second_factor(&arrival.visit, &view))
        }
        Ok(proven) => finish::with_page(state, &arrival, proven, &to).await,
    }
}
