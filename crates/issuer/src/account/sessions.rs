//! Where you are signed in.

use super::{Care, Owner};
use crate::{
    arrival::Else,
    pages::{self, Section, SessionItem, SessionsView, When},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_directory::{Fault, Session};
use portcullis_types::{Amr, SessionId};
use portcullis_web::page::Words;
use std::sync::Arc;

const HERE: Section = Section::Sessions;

/// `GET {issuer}/account/sessions`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    shown(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/sessions/end`: one of them.
pub(crate) async fn end(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    ended(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/sessions/end-others`: all but this one.
pub(crate) async fn end_others(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    others_ended(&state, request).await.unwrap_or_else(Else::answer)
}

async fn shown(state: &State, request: Request) -> Result<Response, Else> {
    let owner = Owner::of(state, request, HERE).await?;
    let all = state.directory.sessions_of(&owner.person.id, owner.arrival.now).await;
    let mut all = all.map_err(|fault| owner.fault(&fault))?;
    all.sort_by_key(|session| session.id != owner.session.id);
    let items: Vec<SessionItem> = all.into_iter().map(|session| item(&owner, session)).collect();
    let view = SessionsView { sessions: &items };
    Ok(pages::sessions(&owner.arrival.visit, &owner.frame(), &view))
}

fn item(owner: &Owner, session: Session) -> SessionItem {
    let words = owner.arrival.visit.words;
    let when = |at| When::of(words, at, owner.arrival.now);
    SessionItem {
        started: when(session.started),
        seen: when(session.seen),
        means: means(words, &session.authentication.amr),
        is_this: session.id == owner.session.id,
        id: session.id.to_string(),
        device: device(words, &session.device),
        remote: session.remote,
    }
}

/// As the directory names it, in the language of the page.
fn device(words: Words, name: &str) -> String {
    match name.split_once(" on ") {
        Some((browser, system)) => words.fill("sessions.device", &[browser, system]),
        None if name == "Unknown browser" => words.say("sessions.no_device").to_owned(),
        None => name.to_owned(),
    }
}

fn means(words: Words, amr: &[Amr]) -> String {
    let named = amr.iter().filter_map(|means| match means {
        Amr::Pwd => Some(words.say("means.pwd")),
        Amr::Otp => Some(words.say("means.otp")),
        Amr::Hwk => Some(words.say("means.hwk")),
        Amr::Fed => Some(words.say("means.fed")),
        Amr::User | Amr::Mfa => None,
    });
    named.collect::<Vec<_>>().join(", ")
}

async fn ended(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, form) = Owner::with_form(state, request, (HERE, Care::Usual)).await?;
    let Ok(id) = SessionId::new(form.get("session").unwrap_or_default()) else {
        return Ok(owner.arrival.go(HERE.path()));
    };
    let mut entropy = (state.entropy)();
    match state.directory.end_session(owner.acting(&mut *entropy), &owner.person.id, &id).await {
        // One that is over already is over.
        Ok(()) | Err(Fault::UnknownSession(_)) => Ok(owner.done("session")),
        Err(fault) => Err(owner.fault(&fault)),
    }
}

async fn others_ended(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, _) = Owner::with_form(state, request, (HERE, Care::Usual)).await?;
    let mut entropy = (state.entropy)();
    let keep = Some(&owner.session.id);
    let by = owner.acting(&mut *entropy);
    let ended = state.directory.end_sessions(by, &owner.person.id, keep).await;
    ended.map_err(|fault| owner.fault(&fault))?;
    Ok(owner.done("sessions"))
}
