//! How a request ends, or where it goes on: what was decided, as an answer to the browser.

use super::{
    answer::{self, Fields},
    decide::Asked,
    error::{Back, Fault, Refusal},
    present::{presence, session_of},
    settle::{Outcome, Presence, Settling, Through, too_many},
    walk::Walk,
};
use crate::{
    interaction::Flow,
    pages::{self, ErrorView, Explained},
    server::State,
    visit::Visit,
};
use axum::response::Response;
use http::{StatusCode, request::Parts};
use portcullis_directory as directory;
use portcullis_types::{AuthorizationError, DecisionId, Denial, Timestamp};
use portcullis_web::csrf::BrowserId;
use secrecy::SecretString;
use std::sync::Arc;

/// One decision on its way to an end.
pub(crate) struct Ends {
    state: Arc<State>,
    walk: Walk,
    session: Option<SecretString>,
}

impl Ends {
    pub(crate) fn begin(state: &Arc<State>, walk: Walk, parts: &Parts) -> Self {
        Self { state: state.clone(), walk, session: session_of(state, &parts.headers) }
    }

    /// Decides, writes it down, and answers.
    pub(crate) async fn decide(
        self,
        visit: &Visit,
        asked: Asked,
        through: Option<Through>,
    ) -> Response {
        let (state, id, now) = (self.state.clone(), self.walk.id, self.walk.now);
        let (client, back) = (asked.client.clone(), Back::from(&asked));
        let outcome = self.settle(visit.browser.clone(), asked, through).await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(fault) => return failed(visit, &fault, id),
        };
        let mut response = match outcome {
            Outcome::Code(code) => {
                let fields = vec![("code", code.expose().to_owned())];
                sent(&state, visit, &back, fields, now)
                    .await
                    .unwrap_or_else(|fault| failed(visit, &fault, id))
            }
            Outcome::Refused(denial, presence) => {
                told((&state, visit), (&back, presence), &denial, (id, now)).await
            }
            Outcome::Over => pages::explained(visit, Explained::FlowOver, None),
            Outcome::TooMany(wait) => pages::too_many(visit, wait),
            Outcome::SignIn(flow) => page(visit, "/sign-in?flow=", &flow),
            Outcome::Consent(flow) => page(visit, "/consent?flow=", &flow),
        };
        tracing::debug!(decision_id = %id, client_id = %client.id, "authorization answered");
        visit.introduce(&mut response);
        response
    }

    /// Writes a refusal down and tells it where it is to be told.
    pub(crate) async fn refuse(self, visit: &Visit, refusal: Refusal) -> Response {
        let Self { state, mut walk, session } = self;
        let (id, now) = (walk.id, walk.now);
        let (denial, back) = match refusal {
            Refusal::Here(denial) => (*denial, None),
            Refusal::There(there) => {
                let (back, denial) = *there;
                (denial, Some(back))
            }
            Refusal::FlowOver => return pages::explained(visit, Explained::FlowOver, None),
            Refusal::Fault(fault) => return failed(visit, &fault, id),
        };
        let _ = walk.step(denial.check(), Err::<(), _>(denial.clone()));
        let (written, here) = (denial.clone(), state.clone());
        let written = state.store.write(move |tx| {
            let presence = presence(tx, session.as_ref(), now)?;
            if presence == Presence::Nobody
                && let Some(wait) = too_many(&here, &walk)
            {
                return Ok(Err(wait));
            }
            walk.append(tx, Some(&written))?;
            Ok(Ok(presence))
        });
        let mut response = match (written.await, back) {
            (Ok(Ok(presence)), Some(back)) => {
                told((&state, visit), (&back, presence), &denial, (id, now)).await
            }
            (Ok(Ok(_)), None) => shown(visit, &denial, (id, None)),
            (Ok(Err(wait)), _) => pages::too_many(visit, wait),
            (Err(fault), _) => return failed(visit, &fault.into(), id),
        };
        visit.introduce(&mut response);
        response
    }

    async fn settle(
        self,
        browser: BrowserId,
        asked: Asked,
        through: Option<Through>,
    ) -> Result<Outcome, Fault> {
        let Self { state, walk, session } = self;
        let store = state.store.clone();
        let job = Settling { state, asked, browser, through };
        Ok(store.write(move |tx| job.run(tx, walk, session.as_ref())).await?)
    }
}

/// Tells the app of a refusal. Where nobody vouches for the app and nobody is signed in, the person decides whether
/// to go there.
///
/// Attack: whoever may introduce an app has us send people to a place of theirs, by a link to us that is wrong on
/// purpose (RFC 9700 §4.11.2).
async fn told(
    (state, visit): (&State, &Visit),
    (back, presence): (&Back, Presence),
    denial: &Denial,
    (id, now): (DecisionId, Timestamp),
) -> Response {
    let fields = answer::refusal(denial, id);
    let trusted = back.client.is_vouched_for() || back.quiet || presence == Presence::Somebody;
    if trusted {
        return sent(state, visit, back, fields, now)
            .await
            .unwrap_or_else(|fault| failed(visit, &fault, id));
    }
    match answer::location(state, back, fields, now).await {
        Ok(location) => shown(visit, denial, (id, location)),
        Err(fault) => failed(visit, &fault, id),
    }
}

async fn sent(
    state: &State,
    visit: &Visit,
    back: &Back,
    fields: Fields,
    now: Timestamp,
) -> Result<Response, Fault> {
    answer::send((state, visit), back, fields, now).await
}

/// A page of ours, by 303: whatever was posted is not posted there again.
fn page(visit: &Visit, below: &str, flow: &Flow) -> Response {
    answer::go(&format!("{}{}", visit.path(below), flow.expose()))
}

/// Writes a refusal down, and shows it to the person.
pub(crate) async fn refuse(state: &State, visit: &Visit, walk: Walk, denial: Denial) -> Response {
    let id = walk.id;
    let written = denial.clone();
    match state.store.write(move |tx| walk.append(tx, Some(&written))).await {
        Ok(()) => shown(visit, &denial, (id, None)),
        Err(fault) => failed(visit, &fault.into(), id),
    }
}

/// A refusal that no app is told, or not before the person goes there.
fn shown(visit: &Visit, denial: &Denial, (id, back): (DecisionId, Option<String>)) -> Response {
    let code = denial.code();
    let reason = format!("{}: {}. {}", code.description, denial.found(), denial.remedy().change);
    let [title, text, todo] = match denial {
        _ if back.is_some() => ["refused.no", "refused.no_text", "refused.unchecked"],
        Denial::BadClientDocument { .. } => {
            ["refused.app", "refused.document_text", "refused.document_todo"]
        }
        Denial::BadRedirect { .. } => ["refused.redirect", "refused.redirect_text", "refused.todo"],
        Denial::BadAuthorization { error: AuthorizationError::UnauthorizedClient, .. } => {
            ["refused.app", "refused.app_text", "refused.todo"]
        }
        Denial::BadAuthorization { error: AuthorizationError::InvalidRequestUri, .. } => {
            ["refused.over", "refused.over_text", "refused.again"]
        }
        _ => ["refused.request", "refused.request_text", "refused.todo"],
    };
    let link = back.map(|href| {
        let label = visit.fill("logout.back", &pages::host(&href));
        (href, label)
    });
    pages::error(
        visit,
        &ErrorView {
            status: StatusCode::from_u16(code.status).unwrap_or(StatusCode::BAD_REQUEST),
            title: visit.say(title),
            text: visit.say(text),
            reason: Some(&reason),
            todo: visit.say(todo),
            decision: Some(id),
            link,
        },
    )
}

/// A failure of ours.
pub(crate) fn failed(visit: &Visit, fault: &Fault, id: DecisionId) -> Response {
    if let Fault::Directory(directory::Fault::TooMany { retry_after }) = fault {
        return pages::too_many(visit, *retry_after);
    }
    tracing::error!(decision_id = %id, %fault, "nobody was authorized: a failure of ours");
    pages::explained(visit, Explained::Fault, Some(id))
}
