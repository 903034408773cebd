//! `{issuer}/consent`: the question whether an app may act for the person, and the answer. The page hides
//! nothing of what is granted; what was asked for and is not granted is told, too.

use super::{
    conclude::{self, Ends},
    consent::{self, Agreed},
    decide::{self, Asked, Present, Standing},
    error::Fault,
    present::{pictured, present, session_of, signed_in},
    settle::Through,
    walk::Walk,
};
use crate::{
    interaction::Interaction,
    pages::{self, ConsentView, Explained, Permissions},
    server::State,
    visit::Visit,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use http::request::Parts;
use portcullis_types::{IdentityScopes, Scopes};
use portcullis_web::form::Form;
use std::sync::Arc;

/// `GET {issuer}/consent?flow=…`
pub(crate) async fn show(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let walk = Walk::begin(&state, &parts);
    let mut visit = Visit::begin(&state, &parts);
    let (flow, asked, interaction) = match super::waiting(&state, &visit, &parts, &walk).await {
        Ok(waiting) => waiting,
        Err(refusal) => return Ends::begin(&state, walk, &parts).refuse(&visit, refusal).await,
    };
    visit.prefer(interaction.ui_locales());
    let id = walk.id;
    match question(&state, &parts, walk, (&asked, &interaction)).await {
        Ok(Some(question)) => ask(&state, &visit, (&flow, &asked), &question).await,
        // Nobody to ask, or nothing: that is decided, and noted, elsewhere.
        Ok(None) => super::go(&format!("{}{flow}", visit.path("/authorize/continue?flow="))),
        Err(fault) => conclude::failed(&visit, &fault, id),
    }
}

/// `POST {issuer}/consent`: `decision` is `approve` or `deny`.
pub(crate) async fn decide(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let walk = Walk::begin(&state, &parts);
    let mut visit = Visit::begin(&state, &parts);
    let Ok(mut form) = Form::read(&parts.headers, body).await else {
        return pages::explained(&visit, Explained::UnreadableForm, None);
    };
    // Attack: a page elsewhere posts the approval in the person's name.
    if visit.sent(&parts.headers, &form, &state.csrf).is_err() {
        return pages::explained(&visit, Explained::ForeignForm, None);
    }
    let flow = form.take("flow").unwrap_or_default();
    let waiting = super::resume(&state, &visit, flow, &walk).await;
    let ends = Ends::begin(&state, walk, &parts);
    let (flow, asked, interaction) = match waiting {
        Ok(waiting) => waiting,
        Err(refusal) => return ends.refuse(&visit, refusal).await,
    };
    visit.prefer(interaction.ui_locales());
    let agreed = match form.get("decision") {
        Some("approve") => Agreed::Now,
        Some("deny") => Agreed::No,
        _ => return pages::explained(&visit, Explained::UnreadableForm, None),
    };
    let seen = form.take("seal");
    ends.decide(&visit, asked, Some(Through { flow, interaction, agreed, seen })).await
}

/// What the person is asked.
struct Question {
    shown: String,
    login: String,
    api: Option<String>,
    identity: IdentityScopes,
    scope: Scopes,
    refused: Scopes,
}

async fn question(
    state: &Arc<State>,
    parts: &Parts,
    mut walk: Walk,
    (asked, waiting): (&Asked, &Interaction),
) -> Result<Option<Question>, Fault> {
    let cookie = session_of(state, &parts.headers);
    let (here, client, now) = (state.clone(), asked.client.clone(), walk.now);
    let found =
        state.store.read(move |tx| present(tx, &here, &client, cookie.as_ref(), now)).await?;
    let standing = Standing {
        signed_in: signed_in(Some(waiting), found.as_ref()),
        agreed: Agreed::Before,
        now: walk.now,
    };
    let signed_in = decide::signed_in(&mut walk, asked, found.as_ref(), standing);
    let Ok(Some(Present { person, .. })) = signed_in else { return Ok(None) };
    let Some(present) = found.as_ref() else { return Ok(None) };
    let roles = state.directory.roles();
    let offer = decide::granted(&mut walk, asked, (&state.settings, &roles), present);
    let Ok(offer) = offer else { return Ok(None) };
    Ok(Some(Question {
        shown: consent::shown(&offer, present),
        login: person.login.clone(),
        api: offer.api.map(|api| api.name.to_string()),
        identity: offer.told(),
        scope: offer.scope,
        refused: offer.dropped.into_iter().map(|lost| lost.scope).collect(),
    }))
}

async fn ask(
    state: &State,
    visit: &Visit,
    (flow, asked): (&str, &Asked),
    question: &Question,
) -> Response {
    let Some(redirect_uri) = asked.request.way_back.registered(&asked.client) else {
        return pages::explained(visit, Explained::FlowOver, None);
    };
    let registry = &state.settings.registry;
    let Question { identity, scope, refused, .. } = question;
    pages::consent(
        visit,
        &ConsentView {
            flow,
            seal: &consent::seal(flow, &question.shown),
            app: pictured(state, visit, &asked.client, (state.clock)()).await,
            login: &question.login,
            redirect_uri,
            api: question.api.as_deref(),
            permissions: Permissions::of(visit.words, registry, *identity, scope, refused),
        },
    )
}
