//! `GET {issuer}/sign-in/with/{provider}`: off to another provider.

use super::{
    Demand, Purpose,
    exchange::Tied,
    flow::{self, Errand, Pending},
    refused::{self, Refusal},
};
use crate::{
    arrival::{Arrival, Else},
    pages::query,
    server::State,
    sign_in::Destination,
};
use axum::{
    extract::{Path, Request, State as Shared},
    response::{IntoResponse as _, Redirect, Response},
};
use portcullis_types::{Random, SignInFault};
use std::sync::Arc;

/// Begins a sign-in for an app, or for a page of ours.
pub(crate) async fn endpoint(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    begun(&state, &name, request).await.unwrap_or_else(Else::answer)
}

async fn begun(state: &State, name: &str, request: Request) -> Result<Response, Else> {
    let (mut arrival, _) = Arrival::of(state, request).await?;
    let asked = arrival.query();
    let to = Destination::of(state, &mut arrival, &asked).await?;
    // Attack: a page elsewhere sends the browser here, and whoever is signed in there replaces who is signed in
    // here. People come by a link of ours.
    if arrival.is_from_elsewhere() {
        return Ok(arrival.go(&format!("/sign-in{}", query(to.flow(), to.return_to()))));
    }
    let purpose = match to.flow() {
        Some(flow) => Purpose::Flow { flow: flow.to_owned() },
        None => Purpose::Page { name: to.return_to().map(str::to_owned) },
    };
    let demand = to.demand(arrival.session.as_ref());
    Ok(go(state, &arrival, (name, purpose), demand).await)
}

/// Sends the person there; what must come back goes along, sealed.
pub(crate) async fn go(
    state: &State,
    arrival: &Arrival,
    (name, purpose): (&str, Purpose),
    demand: Demand,
) -> Response {
    let (visit, now) = (&arrival.visit, arrival.now);
    let Some(upstream) = state.upstreams.find(name) else { return refused::unknown(visit) };
    let errand = Errand { purpose, max_age: demand.max_age, begun: now };
    let again = errand.purpose.again();
    let (pending, random) = {
        let mut entropy = (state.entropy)();
        (Pending::draw(name, errand, &mut *entropy), Random::draw(&mut *entropy))
    };
    let browser = visit.browser.as_str();
    let sealed = state.directory.send_away(browser, &pending, now.plus(flow::LIFE), &random);
    let sealed = match sealed {
        Ok(sealed) => sealed,
        Err(fault) => return refused::fault(visit, &fault),
    };
    let redirect_uri = upstream.redirect_uri(&state.settings);
    let talk = upstream.talk(&state.upstreams, &redirect_uri, now);
    let (nonce, code_verifier) = (&*pending.nonce, &*pending.code_verifier);
    let url = match talk.begin(&demand, Tied { state: sealed, nonce, code_verifier }).await {
        Ok(url) => url,
        Err(problem) => {
            let fault = SignInFault::Upstream { provider: name.to_owned(), problem };
            return refused::sign_in(state, visit, Refusal::of(fault, again)).await;
        }
    };
    let mut response = Redirect::to(url.as_str()).into_response();
    visit.introduce(&mut response);
    response
}
