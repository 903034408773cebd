//! `{issuer}/authorize` (RFC 6749 §3.1, OpenID Connect Core §3.1.2) and what a person sees on the way.
//!
//! A request is understood, then decided; each decision is one transaction with whatever it uses up, what
//! it yields and its record. Until a person has done their part, it waits as an interaction.

mod answer;
mod conclude;
mod consent;
mod consent_page;
mod decide;
mod demand;
mod error;
mod hint;
mod metadata;
mod object;
mod offer;
mod parameters;
mod post;
mod present;
mod prompt;
mod push;
mod request;
mod settle;
mod understand;
mod walk;
mod way_back;

pub(crate) use answer::{go, with_query};
pub(crate) use conclude::{failed, refuse};
pub(crate) use consent_page::{decide as decide_consent, show as show_consent};
pub(crate) use error::Fault;
pub(crate) use hint::{HintFault, Hinted, Hints};
pub(crate) use metadata::{Metadata, metadata};
pub(crate) use offer::{Offer, Wanted};
pub(crate) use parameters::{Parameters, malformed, unfit};
pub(crate) use present::{pictured, session_of};
pub(crate) use push::endpoint as push;
pub(crate) use request::AuthorizationRequest;
#[cfg(fuzzing)]
pub(crate) use request::fuzzed as fuzzed_claims;
pub(crate) use walk::Walk;

use crate::{interaction, server::State, visit::Visit};
use axum::{
    body::Body,
    extract::{Request, State as Shared},
    response::Response,
};
use conclude::Ends;
use consent::Agreed;
use decide::Asked;
use error::Refusal;
use http::{Method, request::Parts};
use portcullis_web::form;
use std::sync::Arc;

/// `GET` and `POST {issuer}/authorize`.
pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut walk = Walk::begin(&state, &parts);
    let mut visit = Visit::begin(&state, &parts);
    if visit.keeps_back(&parts.headers) && parts.uri.query().is_none() {
        return post::again(&visit, &parts, body).await;
    }
    let understood = match read(&parts, body).await {
        Ok(parameters) => {
            visit.prefer(parameters.peek("ui_locales").unwrap_or_default().split(' '));
            walk.app(parameters.peek("client_id").unwrap_or_default());
            understand::front(&state, parameters, (walk.remote, walk.now)).await
        }
        Err(refusal) => Err(refusal),
    };
    match understood {
        Ok(asked) => {
            // Of a request that was pushed or signed, they are known only now.
            visit.prefer(asked.request.ui_locales.iter().map(String::as_str));
            let ends = Ends::begin(&state, walk, &parts);
            ends.decide(&visit, asked, None).await
        }
        Err(refusal) => Ends::begin(&state, walk, &parts).refuse(&visit, refusal).await,
    }
}

/// `GET {issuer}/authorize/continue?flow=…`: the person has done something.
pub(crate) async fn go_on(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let walk = Walk::begin(&state, &parts);
    let mut visit = Visit::begin(&state, &parts);
    match waiting(&state, &visit, &parts, &walk).await {
        Ok((flow, asked, interaction)) => {
            visit.prefer(interaction.ui_locales());
            let ends = Ends::begin(&state, walk, &parts);
            let agreed = Agreed::Before;
            let through = settle::Through { flow, interaction, agreed, seen: None };
            ends.decide(&visit, asked, Some(through)).await
        }
        Err(refusal) => Ends::begin(&state, walk, &parts).refuse(&visit, refusal).await,
    }
}

/// The request that waits under the `flow` of the query, and whether its client may still ask.
async fn waiting(
    state: &State,
    visit: &Visit,
    parts: &Parts,
    walk: &Walk,
) -> Result<(String, Asked, interaction::Interaction), Refusal> {
    let query = form::Form::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let flow = query.ok().and_then(|mut query| query.take("flow")).unwrap_or_default();
    resume(state, visit, flow, walk).await
}

/// As [`waiting`], by the flow itself.
async fn resume(
    state: &State,
    visit: &Visit,
    flow: String,
    walk: &Walk,
) -> Result<(String, Asked, interaction::Interaction), Refusal> {
    let browser = Some(&visit.browser);
    let found = interaction::load(&state.store, &flow, browser, walk.now).await?;
    let Some(interaction) = found else { return Err(Refusal::FlowOver) };
    let client = state.directory.find_client(&interaction.client_id).await?;
    let client = client.filter(|client| client.enabled(walk.now).is_ok());
    let Some(client) = client else { return Err(Refusal::FlowOver) };
    let request = interaction.request.clone();
    if request.way_back.registered(&client).is_none() {
        return Err(Refusal::FlowOver);
    }
    let asked = understand::ruled(Asked { client, request })?;
    Ok((flow, asked, interaction))
}

/// The query of a GET, the form of a POST (OpenID Connect Core §3.1.2.1).
async fn read(parts: &Parts, body: Body) -> Result<Parameters, Refusal> {
    let query = parts.uri.query().unwrap_or_default();
    if parts.method != Method::POST {
        return Parameters::of_form(query.as_bytes()).map_err(Refusal::here);
    }
    if !query.is_empty() {
        let problem = "a POST must have its parameters in the form, and none in the query";
        return Err(Refusal::here(malformed(problem)));
    }
    if let Err(fault) = form::is_form(&parts.headers) {
        return Err(Refusal::here(malformed(&fault.to_string())));
    }
    let body = form::bytes(&parts.headers, body).await;
    let body = body.map_err(|fault| Refusal::here(malformed(&fault.to_string())))?;
    Parameters::of_form(&body).map_err(Refusal::here)
}
