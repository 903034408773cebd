//! What you let apps do in your name, and how to take it back.

use super::{Care, Owner};
use crate::{
    arrival::Else,
    authorize::with_query,
    pages::{self, AppItem, AppView, AppsView, Permissions, Section, When},
    server::State,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use portcullis_directory::{
    Action, Client, Deed, forget_consent,
    grant::{GrantFacts, end_grant, grants_of},
};
use portcullis_store::Tx;
use portcullis_types::{GrantId, Scopes};
use std::sync::Arc;

const HERE: Section = Section::Apps;

/// `GET {issuer}/account/apps`.
pub(crate) async fn page(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    shown(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/account/apps/revoke`.
pub(crate) async fn revoke(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    revoked(&state, request).await.unwrap_or_else(Else::answer)
}

async fn shown(state: &State, request: Request) -> Result<Response, Else> {
    let owner = Owner::of(state, request, HERE).await?;
    let (id, now) = (owner.person.id.clone(), owner.arrival.now);
    let grants = state.store.read(move |tx| grants_of(tx, &id, now)).await;
    let grants = grants.map_err(|fault| owner.fault(&fault.into()))?;
    let mut clients = Vec::with_capacity(grants.len());
    for grant in &grants {
        let client = state.directory.find_client(&grant.client_id).await;
        clients.push(client.map_err(|fault| owner.fault(&fault))?);
    }
    let pairs = grants.iter().zip(&clients);
    let apps: Vec<AppItem<'_>> =
        pairs.map(|(grant, client)| item(state, &owner, grant, client.as_deref())).collect();
    Ok(pages::apps(&owner.arrival.visit, &owner.frame(), &AppsView { apps: &apps }))
}

fn item<'a>(
    state: &State,
    owner: &Owner,
    grant: &'a GrantFacts,
    client: Option<&'a Client>,
) -> AppItem<'a> {
    let words = owner.arrival.visit.words;
    let when = |at| When::of(words, at, owner.arrival.now);
    let settings = &state.settings;
    let none = Scopes::default();
    let permissions =
        Permissions::of(words, &settings.registry, grant.identity, &grant.scope, &none);
    let api = grant.resource.as_ref().and_then(|resource| settings.api(resource.as_str()));
    let id = grant.client_id.as_str();
    AppItem {
        grant: grant.id.to_string(),
        app: AppView { name: client.map_or(id, |client| &client.name), id, ..AppView::default() },
        begin: client.and_then(|client| begin(state, client)),
        api: api.map(|api| api.name.to_string()),
        permissions: permissions.granted,
        given: when(grant.created),
        used: (grant.last_used > grant.created).then(|| when(grant.last_used)),
        offline: grant.offline,
    }
}

/// Where the app begins a sign-in, told that it is with us (OpenID Connect Core §4).
fn begin(state: &State, client: &Client) -> Option<String> {
    let uri = client.registration.initiate_login_uri.as_ref()?;
    let issuer = state.settings.issuer.to_string();
    uri.as_str().starts_with("http").then(|| with_query(uri.as_str(), &[("iss", issuer)]))
}

/// Ends the grant, forgets the consent, and records it: one transaction.
async fn revoked(state: &State, request: Request) -> Result<Response, Else> {
    let (owner, form) = Owner::with_form(state, request, (HERE, Care::Ending)).await?;
    let Ok(id) = GrantId::new(form.get("grant").unwrap_or_default()) else {
        return Ok(owner.done("gone"));
    };
    let mut entropy = (state.entropy)();
    let deed = Deed::new(&mut owner.acting(&mut *entropy), Action::GrantEnd);
    let (person, now) = (owner.person.id.clone(), owner.arrival.now);
    let end = move |tx: &mut Tx<'_>| {
        // Attack: the id of somebody else's grant. Only one's own is found.
        let own = grants_of(tx, &person, now)?.into_iter().find(|grant| grant.id == id);
        let Some(grant) = own else { return Ok(false) };
        let ended = end_grant(tx, &grant.id, now)?;
        if ended {
            forget_consent(tx, &person, &grant.client_id)?;
            let deed = deed.with("grant", grant.id.to_string());
            deed.with("client", grant.client_id.to_string()).done(tx, person.as_str())?;
        }
        Ok(ended)
    };
    if !state.store.write(end).await.map_err(|fault| owner.fault(&fault.into()))? {
        return Ok(owner.done("gone"));
    }
    state.directory.publish().await.map_err(|fault| owner.fault(&fault))?;
    Ok(owner.done("app"))
}
