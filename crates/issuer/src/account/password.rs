//! The password.

use super::{Care, Owner};
use crate::{
    arrival::Else,
    pages::{self, PasswordView, Problem, Section, wait},
    server::State,
    sign_in::{LEAST, said},
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_directory::Action;
use portcullis_types::SignInFault;
use secrecy::SecretString;
use std::sync::Arc;

const HERE: Section = Section::Password;

/// `GET {issuer}/account/password`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let shown = async {
        let owner = Owner::of(&state, request, HERE).await?;
        Ok(shown(&owner, None))
    };
    shown.await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/password`: a new one. The current one is asked for as well, so that the sign-in of a
/// moment ago, perhaps somebody else's, is not enough to lock its owner out.
pub(crate) async fn change(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    changed(&state, request).await.unwrap_or_else(Else::answer)
}

async fn changed(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, mut form) = Owner::with_form(state, request, (HERE, Care::Sensitive)).await?;
    let current = SecretString::from(form.take("current").unwrap_or_default());
    let new = SecretString::from(form.take("password").unwrap_or_default());
    if owner.person.factors.password
        && let Some(text) = wrong(state, &owner, current).await?
    {
        return Ok(shown(&owner, Some(Problem { field: "current", text: &text })));
    }
    let mut entropy = (state.entropy)();
    let by = owner.acting(&mut *entropy);
    let keep = Some(&owner.session.id);
    let set = state.directory.set_password(by, &owner.person.id, new, keep).await;
    match set.map_err(|fault| owner.fault(&fault))? {
        Ok(()) => {
            state.mail.changed(&owner.person, Action::Password);
            Ok(owner.done("password"))
        }
        Err(weak) => {
            let text = said(&owner.arrival, weak);
            Ok(shown(&owner, Some(Problem { field: "password", text: &text })))
        }
    }
}

/// Why the current password does not count, if it does not.
async fn wrong(
    state: &State,
    owner: &Owner,
    current: SecretString,
) -> Result<Option<String>, Else> {
    let mut entropy = (state.entropy)();
    let mut visitor = owner.arrival.visitor(&mut *entropy);
    let login = &owner.person.login;
    let proven = state.directory.sign_in_with_password(&mut visitor, login, current).await;
    let Err(refusal) = proven.map_err(|fault| owner.fault(&fault))? else { return Ok(None) };
    let words = owner.arrival.visit.words;
    Ok(Some(match refusal.fault() {
        Some(SignInFault::Throttled { retry_after, .. }) => {
            words.fill("sign_in.throttled", &[&wait(words, *retry_after)])
        }
        _ => words.say("password.failed").to_owned(),
    }))
}

fn shown(owner: &Owner, problem: Option<Problem<'_>>) -> Response {
    let view = PasswordView { exists: owner.person.factors.password, least: LEAST, problem };
    pages::password(&owner.arrival.visit, &owner.frame(), &view)
}
