//! `{issuer}/access/v1` (OpenID AuthZEN Authorization API 1.0): others ask what the policies would decide, and are
//! answered by those that decide here.
//!
//! There while `[policy]` is, and the operator has an API with the resource `{issuer}/access/v1`. Callers show an access
//! token for it with the scope `policy:evaluate`; one that belongs to a tenant asks about that tenant alone. A denied
//! evaluation is an answer, with status 200; other statuses are about the call.

mod call;
mod decision;
mod evaluate;
mod facts;
mod known;
mod question;
mod search;
mod size;

use crate::{Settings, metadata, server::State};
use axum::{
    Router,
    extract::{Request, State as Shared},
    response::Response,
    routing::{get, post},
};
use call::Call;
use known::Lore;
use portcullis_directory::Budget;
use portcullis_policy::Judge;
use portcullis_types::Ttl;
use portcullis_verify::Guarded;
use serde_json::json;
use std::sync::Arc;

/// Below the issuer; also what ends the audience of tokens for it.
pub(crate) const PATH: &str = "/access/v1";
/// What its callers need.
const SCOPE: &str = "policy:evaluate";
/// Questions of one caller at once.
const BURST: u32 = 1000;
/// Then one more each time.
const PERIOD: Ttl = Ttl::from_millis(10);

/// What the endpoints share.
struct Pdp {
    state: Arc<State>,
    /// What tokens for it are made for.
    guarded: Guarded,
    judge: Judge,
    lore: Lore,
    /// By caller: whoever asks much does not keep the others from asking.
    questions: Budget,
}

/// The endpoints, and where they are found; none where no policy is asked, or nobody can have a token for them.
pub(crate) fn routes(path: &str, state: &Arc<State>) -> Router<Arc<State>> {
    let api = state.settings.api(&state.settings.url(PATH)).filter(|api| api.tenant.is_none());
    let (Some(judge), Some(api)) = (state.judge.clone(), api) else { return Router::new() };
    let metadata = document(&state.settings);
    let guarded = Guarded { api: api.name.clone(), audience: api.resource.clone(), tenant: None };
    let (lore, questions) = (Lore::default(), Budget::new(BURST, PERIOD));
    let pdp = Arc::new(Pdp { state: Arc::clone(state), guarded, judge, lore, questions });
    let at = |below: &str| format!("{path}{PATH}{below}");
    let on = |asked: Asked| {
        post(move |Shared(pdp): Shared<Arc<Pdp>>, request: Request| async move {
            answer(&pdp, request, asked).await
        })
    };
    // §9.2: between host and path.
    let well = format!("/.well-known/authzen-configuration{path}");
    Router::new()
        .without_v07_checks()
        .route(&well, get(move || async move { metadata::serve(metadata) }))
        .route(&at("/evaluation"), on(Asked::Evaluation))
        .route(&at("/evaluations"), on(Asked::Evaluations))
        .route(&at("/search/subject"), on(Asked::Search(search::Wanted::Subject)))
        .route(&at("/search/resource"), on(Asked::Search(search::Wanted::Resource)))
        .route(&at("/search/action"), on(Asked::Search(search::Wanted::Action)))
        .with_state(pdp)
}

/// §9.1.
fn document(settings: &Settings) -> axum::body::Bytes {
    let at = |below: &str| settings.url(&format!("{PATH}{below}"));
    let metadata = json!({
        "policy_decision_point": settings.issuer(),
        "access_evaluation_endpoint": at("/evaluation"),
        "access_evaluations_endpoint": at("/evaluations"),
        "search_subject_endpoint": at("/search/subject"),
        "search_resource_endpoint": at("/search/resource"),
        "search_action_endpoint": at("/search/action"),
    });
    serde_json::to_vec_pretty(&metadata).unwrap_or_default().into()
}

/// What a call is for.
#[derive(Clone, Copy)]
enum Asked {
    /// §6.
    Evaluation,
    /// §7.
    Evaluations,
    /// §8.
    Search(search::Wanted),
}

async fn answer(pdp: &Pdp, request: Request, asked: Asked) -> Response {
    let id = call::RequestId::of(&request);
    let outcome = match Call::of(pdp, request).await {
        Ok(call) => match asked {
            Asked::Evaluation => evaluate::one(&call).await,
            Asked::Evaluations => evaluate::several(&call).await,
            Asked::Search(wanted) => search::run(&call, wanted).await,
        },
        Err(problem) => Err(problem),
    };
    call::answer(pdp, outcome, id)
}
