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
use portcullis_directory::{
    Fault, Session,
    grant::{GrantFacts, grants_of},
};
use portcullis_types::{Amr, SessionId};
use portcullis_web::page::Words;
use std::{collections::BTreeSet, sync::Arc};

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
    let (id, now) = (owner.person.id.clone(), owner.arrival.now);
    let grants = state.store.read(move |tx| grants_of(tx, &id, now)).await;
    let grants = grants.map_err(|fault| owner.fault(&fault.into()))?;
    let (mut items, mut others, mut theirs) = (Vec::new(), Vec::new(), BTreeSet::new());
    for session in all {
        let apps = apps(state, &owner, &grants, &session.id).await?;
        let item = item(&owner, session, &apps);
        if !item.is_this {
            others.push(item.device.clone());
            theirs.extend(apps);
        }
        items.push(item);
    }
    let words = owner.arrival.visit.words;
    let effect =
        effect(words, words.fill("sessions.end_others_text", &[&others.join(", ")]), &theirs);
    let view = SessionsView { sessions: &items, effect };
    Ok(pages::sessions(&owner.arrival.visit, &owner.frame(), &view))
}

/// The apps that lose their access with the session, by name.
async fn apps(
    state: &State,
    owner: &Owner,
    grants: &[GrantFacts],
    session: &SessionId,
) -> Result<BTreeSet<String>, Else> {
    let mut names = BTreeSet::new();
    let ends = |grant: &&GrantFacts| !grant.offline && grant.session.as_ref() == Some(session);
    for grant in grants.iter().filter(ends) {
        let client = state.directory.find_client(&grant.client_id).await;
        let client = client.map_err(|fault| owner.fault(&fault))?;
        names.insert(
            client.map_or_else(|| grant.client_id.to_string(), |client| client.name.clone()),
        );
    }
    Ok(names)
}

/// What stops, in words: who is signed out, and which apps end with that.
fn effect(words: Words, signed_out: String, apps: &BTreeSet<String>) -> String {
    let names: Vec<&str> = apps.iter().map(String::as_str).collect();
    let apps = match names.as_slice() {
        [] => words.say("sessions.end_no_app").to_owned(),
        names => words.fill("sessions.end_apps", &[&names.join(", ")]),
    };
    signed_out + " " + &apps
}

fn item(owner: &Owner, session: Session, apps: &BTreeSet<String>) -> SessionItem {
    let words = owner.arrival.visit.words;
    let device = device(words, &session.device);
    let when = |at| When::of(words, at, owner.arrival.now);
    SessionItem {
        started: when(session.started),
        seen: when(session.seen),
        means: means(words, &session.authentication.amr),
        is_this: session.id == owner.session.id,
        id: session.id.to_string(),
        effect: effect(words, words.fill("sessions.end_text", &[&device]), apps),
        device,
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
    let (owner, form) = Owner::with_form(state, request, (HERE, Care::Ending)).await?;
    let Ok(id) = SessionId::new(form.get("session").unwrap_or_default()) else {
        return Ok(owner.done("gone"));
    };
    let mut entropy = (state.entropy)();
    match state.directory.end_session(owner.acting(&mut *entropy), &owner.person.id, &id).await {
        Ok(()) => Ok(owner.done("session")),
        // Over already, or somebody else's: nobody learns which.
        Err(Fault::UnknownSession(_)) => Ok(owner.done("gone")),
        Err(fault) => Err(owner.fault(&fault)),
    }
}

async fn others_ended(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, _) = Owner::with_form(state, request, (HERE, Care::Ending)).await?;
    let mut entropy = (state.entropy)();
    let keep = Some(&owner.session.id);
    let by = owner.acting(&mut *entropy);
    let ended = state.directory.end_sessions(by, &owner.person.id, keep).await;
    ended.map_err(|fault| owner.fault(&fault))?;
    Ok(owner.done("sessions"))
}
