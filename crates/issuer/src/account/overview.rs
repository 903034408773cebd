//! Who you are.

use super::Owner;
use crate::{
    arrival::Else,
    pages::{self, OverviewView, Section, When},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use std::sync::Arc;

/// `GET {issuer}/account`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    shown(&state, request).await.unwrap_or_else(Else::answer)
}

async fn shown(state: &State, request: Request) -> Result<Response, Else> {
    let owner = Owner::of(state, request, Section::Overview).await?;
    let visit = &owner.arrival.visit;
    let since = When::of(visit.words, owner.person.created, owner.arrival.now);
    let accounts = state.directory.accounts_of(&owner.person.id).await;
    let accounts = accounts.map_err(|fault| owner.fault(&fault))?;
    let providers = state.upstreams.offers().into_iter().map(|provider| {
        let linked = accounts.iter().any(|account| account.provider == provider.name);
        (provider, linked)
    });
    let view = OverviewView { person: &owner.person, since, providers: providers.collect() };
    Ok(pages::overview(visit, &owner.frame(), &view))
}
