//! Accounts at other providers: linked while signed in, which is the proof that they are the same person's.

use super::{Care, Owner};
use crate::{
    arrival::Else,
    pages::Section,
    server::State,
    upstream::{self, Demand, Purpose},
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_directory::{Action, Fault};
use std::sync::Arc;

/// `POST {issuer}/account/link`: off to the provider, and back with an account to link.
pub(crate) async fn begin(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    begun(&state, request).await.unwrap_or_else(Else::answer)
}

async fn begun(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, form) =
        Owner::with_form(state, request, (Section::Overview, Care::Sensitive)).await?;
    let provider = form.get("provider").unwrap_or_default();
    let purpose = Purpose::Link { person: owner.person.id.clone() };
    Ok(upstream::go(state, &owner.arrival, (provider, purpose), Demand::default()).await)
}

/// `POST {issuer}/account/unlink`: what is linked at a provider leads here no more.
pub(crate) async fn end(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    ended(&state, request).await.unwrap_or_else(Else::answer)
}

async fn ended(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, form) =
        Owner::with_form(state, request, (Section::Overview, Care::Sensitive)).await?;
    let provider = form.get("provider").unwrap_or_default();
    let mut entropy = (state.entropy)();
    let (by, keep) = (owner.acting(&mut *entropy), Some(&owner.session.id));
    match state.directory.unlink_accounts(by, &owner.person.id, provider, keep).await {
        Ok(()) => {
            state.mail.changed(&owner.person, Action::AccountUnlink);
            Ok(owner.done("unlinked"))
        }
        Err(Fault::LastMeans) => Ok(owner.done("last_means")),
        // Pressed twice, or in another tab.
        Err(Fault::Invalid(_)) => Ok(owner.arrival.go(Section::Overview.path())),
        Err(fault) => Err(owner.fault(&fault)),
    }
}
