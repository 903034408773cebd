//! What a person reads when a sign-in with another provider comes to nothing, and what the log keeps.

use crate::{
    pages::{ErrorView, Explained, error, explained},
    server::State,
    visit::Visit,
};
use axum::response::Response;
use http::StatusCode;
use portcullis_directory::{Acting, Action, Deed};
use portcullis_types::{Denial, SignInFault};
use std::fmt::Display;

/// A refusal, and whose it would have been.
pub(crate) struct Refusal {
    pub(crate) fault: SignInFault,
    pub(crate) login: Option<String>,
    /// What the person reads, by its key.
    pub(crate) said: &'static str,
    /// Where another way can be chosen, below the issuer's path.
    pub(crate) again: String,
}

impl Refusal {
    pub(crate) const fn of(fault: SignInFault, again: String) -> Self {
        let said = match &fault {
            SignInFault::Upstream { .. } => "upstream.answer",
            SignInFault::NotLinked { .. } => "upstream.not_linked",
            _ => "upstream.refused",
        };
        Self { fault, login: None, said, again }
    }
}

/// The refusal, recorded before it is shown.
pub(crate) async fn sign_in(state: &State, visit: &Visit, refusal: Refusal) -> Response {
    let Refusal { fault, login, said, again } = refusal;
    let mut entropy = (state.entropy)();
    let mut by = Acting { actor: "sign-in", now: (state.clock)(), entropy: &mut *entropy };
    let deed = Deed::new(&mut by, Action::SignIn);
    let id = deed.id;
    let reason = match &fault {
        SignInFault::Upstream { problem, .. } if said == "upstream.answer" => Some(problem.clone()),
        _ => None,
    };
    let target = login.clone().unwrap_or_default();
    let denial = Denial::BadSignIn { login, fault };
    let written = state.store.write(move |tx| deed.refused(tx, &target, &denial));
    if let Err(fault) = written.await {
        return self::fault(visit, &fault);
    }
    let view = ErrorView {
        status: StatusCode::FORBIDDEN,
        title: visit.say("upstream.title"),
        text: visit.say(said),
        reason: reason.as_deref(),
        todo: visit.say("upstream.todo"),
        decision: Some(id),
        link: Some((visit.path(&again), visit.say("upstream.again").to_owned())),
    };
    error(visit, &view)
}

/// The sign-in is not under way in this browser, or not any more.
pub(crate) fn flow_over(visit: &Visit) -> Response {
    explained(visit, Explained::FlowOver, None)
}

/// There is no such provider.
pub(crate) fn unknown(visit: &Visit) -> Response {
    let view = ErrorView {
        status: StatusCode::NOT_FOUND,
        title: visit.say("upstream.title"),
        text: visit.say("upstream.unknown"),
        reason: None,
        todo: visit.say("upstream.todo"),
        decision: None,
        link: Some((visit.path("/sign-in"), visit.say("upstream.again").to_owned())),
    };
    error(visit, &view)
}

/// A failure of ours.
pub(crate) fn fault(visit: &Visit, fault: &dyn Display) -> Response {
    tracing::error!(%fault, "a sign-in with another provider failed: a failure of ours");
    explained(visit, Explained::Fault, None)
}
