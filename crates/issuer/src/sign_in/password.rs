//! `{issuer}/sign-in`: login and password.

use super::{Destination, finish, sentence, shown};
use crate::{
    arrival::{Arrival, Else},
    pages::{self, SecondFactorView},
    server::State,
    step_up::Lack,
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
    let (Destination::Account(_, lack), Some(session)) = (&to, &arrival.session) else {
        return Ok(shown(state, &arrival, &to, to.login_hint().unwrap_or_default(), None).await);
    };
    let person = state.directory.person(&session.person).await;
    let person = person.map_err(|fault| Else::from(arrival.failed(&fault)))?;
    let login = person.map(|person| person.login).unwrap_or_default();
    if *lack != Some(Lack::Code) {
        return Ok(shown(state, &arrival, &to, &login, None).await);
    }
    let mut entropy = (state.entropy)();
    let ceremony = state.directory.second_factor(&mut arrival.visitor(&mut *entropy), session);
    let ceremony = ceremony.map_err(|fault| Else::from(arrival.failed(&fault)))?;
    Ok(second_factor(&arrival, &to, (&ceremony, &login)))
}

fn second_factor(arrival: &Arrival, to: &Destination, (ceremony, login): (&str, &str)) -> Response {
    let view = SecondFactorView {
        ceremony,
        flow: to.flow(),
        return_to: to.return_to(),
        login,
        problem: None,
        forms: to.forms(),
    };
    pages::second_factor(&arrival.visit, &view)
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
            let told = sentence(&arrival, &refusal, "sign_in.failed");
            let wrong = Some((told.status, told.text.as_str()));
            Ok(told.heads(shown(state, &arrival, &to, login, wrong).await))
        }
        Ok(Proven { person, second_factor: Some(ceremony), .. }) => {
            Ok(second_factor(&arrival, &to, (&ceremony, &person.login)))
        }
        Ok(proven) => finish::with_page(state, &arrival, proven, &to).await,
    }
}
