//! Passkeys: added with the page's script, named and taken away without.

use super::{Care, Owner};
use crate::{
    arrival::{Else, Sent, problem},
    pages::{self, PasskeyItem, PasskeysView, Problem, Section, When},
    server::State,
    sign_in,
};
use axum::{
    Json,
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use portcullis_directory::{Action, Fault, PasskeyFacts};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use std::sync::Arc;

const HERE: Section = Section::Passkeys;

/// What the script sends.
#[derive(Deserialize)]
struct Message {
    csrf: String,
    #[serde(default)]
    name: String,
    ceremony: Option<String>,
    credential: Option<Box<RawValue>>,
}

impl Sent for Message {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// `GET {issuer}/account/passkeys`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let shown = async {
        let owner = Owner::of(&state, request, HERE).await?;
        shown(&state, &owner, None).await
    };
    shown.await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/passkeys/start`.
pub(crate) async fn start(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    begin(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/passkeys/finish`.
pub(crate) async fn finish(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    add(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/passkeys/rename`.
pub(crate) async fn rename(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    renamed(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/passkeys/remove`.
pub(crate) async fn remove(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    removed(&state, request).await.unwrap_or_else(Else::answer)
}

async fn shown(
    state: &State,
    owner: &Owner,
    problem: Option<Problem<'_>>,
) -> Result<Response, Else> {
    let visit = &owner.arrival.visit;
    let when = |at| When::of(visit.words, at, owner.arrival.now);
    let all = all(state, owner).await?;
    let passkeys: Vec<PasskeyItem> = all
        .into_iter()
        .map(|facts| PasskeyItem {
            id: facts.id,
            name: facts.name,
            added: when(facts.created),
            used: facts.last_used.map(when),
        })
        .collect();
    let view =
        PasskeysView { passkeys: &passkeys, may_remove_last: has_other_means(owner), problem };
    Ok(pages::passkeys(visit, &owner.frame(), &view))
}

async fn all(state: &State, owner: &Owner) -> Result<Vec<PasskeyFacts>, Else> {
    state.directory.passkeys_of(&owner.person.id).await.map_err(|fault| owner.fault(&fault))
}

/// Whether somebody without a passkey could still sign in.
fn has_other_means(owner: &Owner) -> bool {
    owner.person.factors.password || owner.person.factors.linked > 0
}

async fn begin(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, _) = Owner::with_json::<Message>(state, request, HERE).await?;
    let mut entropy = (state.entropy)();
    let mut visitor = owner.arrival.visitor(&mut *entropy);
    match state.directory.begin_passkey(&mut visitor, &owner.person).await {
        Ok(Ok(options)) => Ok(sign_in::passkey_options(&options)),
        Ok(Err(none)) => {
            tracing::warn!(%none, "no passkey can be added");
            Err(problem(StatusCode::CONFLICT, owner.arrival.visit.say("passkeys.add_failed")))
        }
        Err(Fault::Invalid(text)) => Err(problem(StatusCode::CONFLICT, &text)),
        Err(fault) => Err(owner.fault(&fault)),
    }
}

async fn add(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, message) = Owner::with_json::<Message>(state, request, HERE).await?;
    let visit = &owner.arrival.visit;
    let credential = message.credential.as_ref().map_or("", |raw| raw.get());
    let shown = (message.ceremony.as_deref().unwrap_or_default(), credential);
    let mut entropy = (state.entropy)();
    let mut visitor = owner.arrival.visitor(&mut *entropy);
    let id = &owner.person.id;
    let added = state.directory.finish_passkey(&mut visitor, id, shown, &message.name).await;
    match added.map_err(|fault| owner.fault(&fault))? {
        Ok(()) => {
            state.mail.changed(&owner.person, Action::Passkey);
            let location = format!("{}?done=saved", visit.path(HERE.path()));
            Ok(Json(json!({ "location": location })).into_response())
        }
        Err(_) => Err(problem(StatusCode::BAD_REQUEST, visit.say("passkeys.add_failed"))),
    }
}

async fn renamed(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, form) = Owner::with_form(state, request, (HERE, Care::Usual)).await?;
    let id = form.get("passkey").unwrap_or_default();
    let Some(name) = form.get("name").filter(|name| name.trim().len() <= 64) else {
        let text = owner.arrival.visit.say("passkeys.name_hint");
        return shown(state, &owner, Some(Problem { field: "name", text })).await;
    };
    let mut entropy = (state.entropy)();
    let by = owner.acting(&mut *entropy);
    match state.directory.rename_passkey(by, &owner.person.id, id, name).await {
        Ok(()) => Ok(owner.done("saved")),
        Err(Fault::UnknownPasskey) => Ok(owner.done("gone")),
        Err(fault) => Err(owner.fault(&fault)),
    }
}

async fn removed(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, form) = Owner::with_form(state, request, (HERE, Care::Sensitive)).await?;
    if all(state, &owner).await?.len() <= 1 && !has_other_means(&owner) {
        let text = owner.arrival.visit.say("passkeys.remove_last");
        return shown(state, &owner, Some(Problem { field: "main", text })).await;
    }
    let id = form.get("passkey").unwrap_or_default();
    let mut entropy = (state.entropy)();
    let by = owner.acting(&mut *entropy);
    match state.directory.remove_passkey(by, &owner.person.id, id).await {
        Ok(()) => {
            state.mail.changed(&owner.person, Action::PasskeyRemoved);
            Ok(owner.done("saved"))
        }
        Err(Fault::UnknownPasskey) => Ok(owner.done("gone")),
        Err(fault) => Err(owner.fault(&fault)),
    }
}
