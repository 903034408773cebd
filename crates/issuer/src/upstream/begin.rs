//! `GET {issuer}/sign-in/with/{provider}`: off to another provider.

use super::{
    exchange::{Anew, Demand},
    flow::{self, FreshState, Pending, Purpose},
    refused::{self, Refusal},
};
use crate::{interaction, server::State, visit::Visit};
use axum::{
    extract::{Path, Query, State as Shared},
    response::{IntoResponse as _, Redirect, Response},
};
use http::HeaderMap;
use portcullis_types::SignInFault;
use serde::Deserialize;
use std::sync::Arc;

/// Where the person came from.
#[derive(Deserialize)]
pub(crate) struct From {
    flow: Option<String>,
}

/// Begins a sign-in for an app, or for the account page.
pub(crate) async fn endpoint(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::of(&state, &headers, None);
    let now = (state.clock)();
    let (purpose, demand) = match from.flow {
        None => (Purpose::Account, Demand::default()),
        Some(flow) => {
            let found = interaction::load(&state.store, &flow, Some(&visit.browser), now).await;
            let Ok(Some(waiting)) = found else { return refused::flow_over(&visit) };
            let anew = if waiting.wants_new_sign_in() { Anew::Yes } else { Anew::No };
            let login_hint = waiting.login_hint().map(str::to_owned);
            (Purpose::Flow { flow }, Demand { anew, login_hint })
        }
    };
    go(&state, &visit, (&name, purpose), demand).await
}

/// Sends the person there; what must come back is remembered.
pub(crate) async fn go(
    state: &State,
    visit: &Visit,
    (name, purpose): (&str, Purpose),
    demand: Demand,
) -> Response {
    let Some(upstream) = state.upstreams.find(name) else { return refused::unknown(visit) };
    let now = (state.clock)();
    let fresh = FreshState::draw(now, &mut *(state.entropy)());
    let redirect_uri = upstream.redirect_uri(&state.settings);
    let talk = upstream.talk(&state.upstreams, &redirect_uri, now);
    let journey = match talk.begin(demand, fresh.text()).await {
        Ok(journey) => journey,
        Err(problem) => {
            let fault = SignInFault::Upstream { provider: name.to_owned(), problem };
            return refused::sign_in(state, visit, Refusal::of(fault)).await;
        }
    };
    let pending = Pending {
        provider: name.to_owned(),
        nonce: journey.nonce.secret().clone(),
        code_verifier: journey.code_verifier.secret().clone(),
        purpose,
    };
    let browser = visit.browser.clone();
    let begun = state.store.write(move |tx| flow::begin(tx, &fresh, &browser, &pending, now));
    if let Err(fault) = begun.await {
        return refused::fault(visit, &fault);
    }
    let mut response = Redirect::to(journey.url.as_str()).into_response();
    visit.introduce(&mut response);
    response
}
