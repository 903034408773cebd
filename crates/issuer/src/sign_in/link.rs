//! Links that let a person choose a password once: `{issuer}/invitation` and `{issuer}/password-reset/choose`,
//! each with `token`. To look at one does not use it up, since scanners of mail look, too.

use crate::{
    arrival::{Arrival, Else},
    pages::{self, Explained, NewPasswordView, Problem, Purpose},
    server::State,
    visit::KNOWN,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_directory::{Action, LinkKind, Person, SpentLink, WeakPassword};
use secrecy::SecretString;
use std::sync::Arc;

/// The least length of a password, in characters.
pub(crate) const LEAST: usize = 8;

/// `GET {issuer}/invitation`.
pub(crate) async fn invitation(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    look(&state, request, Purpose::Invitation).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/invitation`.
pub(crate) async fn invited(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    save(&state, request, Purpose::Invitation).await.unwrap_or_else(Else::answer)
}

/// `GET {issuer}/password-reset/choose`.
pub(crate) async fn choose(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    look(&state, request, Purpose::Reset).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/password-reset/choose`.
pub(crate) async fn chosen(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    save(&state, request, Purpose::Reset).await.unwrap_or_else(Else::answer)
}

async fn look(state: &State, request: Request, purpose: Purpose) -> Result<Response, Else> {
    let (arrival, _) = Arrival::of(state, request).await?;
    let query = arrival.query();
    let token = query.get("token").unwrap_or_default();
    let person = whose(state, &arrival, token, purpose).await?;
    Ok(shown(&arrival, &person, token, purpose, None))
}

async fn save(state: &State, request: Request, purpose: Purpose) -> Result<Response, Else> {
    let (arrival, mut form) = Arrival::with_form(state, request).await?;
    let password = SecretString::from(form.take("password").unwrap_or_default());
    let token = form.get("token").unwrap_or_default();
    let person = whose(state, &arrival, token, purpose).await?;
    let mut entropy = (state.entropy)();
    let by = arrival.acting(person.id.as_str(), &mut *entropy);
    let used = state.directory.use_link(by, token, password).await;
    match used.map_err(|fault| Else::from(arrival.failed(&fault)))? {
        Ok(person) => {
            if matches!(purpose, Purpose::Reset) {
                state.mail.changed(&person, Action::Password);
            }
            // Who has the mailbox is no stranger: however many guess elsewhere, this browser may sign in.
            let known = state.directory.known_cookie(arrival.known(), &person.login, &mut *entropy);
            let mut page = pages::password_saved(&arrival.visit);
            arrival.visit.set(&mut page, KNOWN, &known);
            Ok(page)
        }
        Err(SpentLink::Over) => Err(over(&arrival, purpose)),
        Err(SpentLink::Weak(weak)) => {
            let text = said(&arrival, weak);
            Ok(shown(&arrival, &person, token, purpose, Some(&text)))
        }
    }
}

/// Why a password is not taken.
pub(crate) fn said(arrival: &Arrival, weak: WeakPassword) -> String {
    let words = arrival.visit.words;
    match weak {
        WeakPassword::TooShort => words.fill("reset.new_hint", &[&LEAST.to_string()]),
        WeakPassword::TooLong => words.say("reset.too_long").to_owned(),
        WeakPassword::Guessable => words.say("reset.weak").to_owned(),
        WeakPassword::Breached => words.say("reset.breached").to_owned(),
    }
}

async fn whose(
    state: &State,
    arrival: &Arrival,
    token: &str,
    purpose: Purpose,
) -> Result<Person, Else> {
    let found = state.directory.link(token, arrival.now).await;
    let fits = |kind| match purpose {
        Purpose::Invitation => kind == LinkKind::Invitation,
        Purpose::Reset => kind == LinkKind::Reset,
    };
    match found.map_err(|fault| Else::from(arrival.failed(&fault)))? {
        Some((person, kind)) if fits(kind) => Ok(person),
        _ => Err(over(arrival, purpose)),
    }
}

fn over(arrival: &Arrival, purpose: Purpose) -> Else {
    Else::from(arrival.explained(match purpose {
        Purpose::Invitation => Explained::InvitationOver,
        Purpose::Reset => Explained::LinkOver,
    }))
}

fn shown(
    arrival: &Arrival,
    person: &Person,
    token: &str,
    purpose: Purpose,
    wrong: Option<&str>,
) -> Response {
    let problem = wrong.map(|text| Problem { field: "password", text });
    let view = NewPasswordView { purpose, token, login: &person.login, least: LEAST, problem };
    pages::new_password(&arrival.visit, &view)
}
