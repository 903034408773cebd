//! What went wrong, and what to do.

use super::{html, wait};
use crate::visit::Visit;
use askama::Template;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use portcullis_types::{DecisionId, Ttl};
use portcullis_web::page::Page;

/// An error that a person sees.
#[derive(Clone, Debug)]
pub(crate) struct ErrorView<'a> {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// What happened, without a full stop.
    pub(crate) title: &'a str,
    /// Why, in a sentence or two.
    pub(crate) text: &'a str,
    /// The same for whoever made the app: in English, as the log has it.
    pub(crate) reason: Option<&'a str>,
    /// What to do now.
    pub(crate) todo: &'a str,
    /// What `portcullis explain` can explain.
    pub(crate) decision: Option<DecisionId>,
    /// Where to go, and what that link says.
    pub(crate) link: Option<(String, String)>,
}

/// Errors that several pages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Explained {
    /// A form that is not ours, or not of this browser.
    ForeignForm,
    /// A form that cannot be read.
    UnreadableForm,
    /// The interaction is over, or began in another browser.
    FlowOver,
    /// A link out of a mail that was used, or is too old.
    LinkOver,
    /// The same for an invitation.
    InvitationOver,
    /// No such address.
    NothingHere,
    /// An address that only a form leads to.
    WrongMethod,
    /// Too many passwords are checked at this moment.
    Busy,
    /// A failure of ours.
    Fault,
}

#[derive(Template)]
#[template(path = "error.html")]
struct Shown<'a> {
    visit: &'a Visit,
    view: &'a ErrorView<'a>,
}

/// A page that says what went wrong.
pub(crate) fn error(visit: &Visit, view: &ErrorView<'_>) -> Response {
    let page = Page { status: view.status, ..Page::new(html(&Shown { visit, view })) };
    let mut response = visit.answer(page);
    if let Some(id) = view.decision
        && let Ok(value) = HeaderValue::try_from(id.to_string())
    {
        response.headers_mut().insert(HeaderName::from_static("x-decision-id"), value);
    }
    response
}

/// A page for one of the errors that several pages have.
pub(crate) fn explained(visit: &Visit, what: Explained, decision: Option<DecisionId>) -> Response {
    let (status, [title, text, todo]) = match what {
        Explained::ForeignForm => {
            (StatusCode::FORBIDDEN, ["form.cross", "form.cross_text", "form.cross_todo"])
        }
        Explained::UnreadableForm => (
            StatusCode::BAD_REQUEST,
            ["form.unreadable", "form.unreadable_text", "form.unreadable_todo"],
        ),
        Explained::FlowOver => (
            StatusCode::GONE,
            ["sign_in.flow_over", "sign_in.flow_over_text", "sign_in.flow_over_todo"],
        ),
        Explained::LinkOver => {
            (StatusCode::GONE, ["reset.link_over", "reset.link_over_text", "reset.link_over_todo"])
        }
        Explained::InvitationOver => {
            (StatusCode::GONE, ["reset.link_over", "invitation.over_text", "invitation.over_todo"])
        }
        Explained::NothingHere => {
            (StatusCode::NOT_FOUND, ["error.nothing", "error.nothing_text", "error.nothing_todo"])
        }
        Explained::WrongMethod => (
            StatusCode::METHOD_NOT_ALLOWED,
            ["error.method", "error.method_text", "error.method_todo"],
        ),
        Explained::Busy => {
            (StatusCode::SERVICE_UNAVAILABLE, ["form.busy", "form.busy_text", "form.busy_todo"])
        }
        Explained::Fault => {
            (StatusCode::SERVICE_UNAVAILABLE, ["form.fault", "form.fault_text", "form.fault_todo"])
        }
    };
    let [title, text, todo] = [title, text, todo].map(|key| visit.say(key));
    let lost = matches!(what, Explained::NothingHere | Explained::WrongMethod);
    let link = lost.then(|| (visit.path("/account"), visit.say("error.account").to_owned()));
    error(visit, &ErrorView { status, title, text, reason: None, todo, decision, link })
}

/// Too many requests from one address.
pub(crate) fn too_many(visit: &Visit, retry_after: Ttl) -> Response {
    let todo = visit.fill("form.too_many_todo", &wait(visit.words, retry_after));
    let mut response = error(
        visit,
        &ErrorView {
            status: StatusCode::TOO_MANY_REQUESTS,
            title: visit.say("form.too_many"),
            text: visit.say("form.too_many_text"),
            reason: None,
            todo: &todo,
            decision: None,
            link: None,
        },
    );
    self::retry_after(&mut response, retry_after);
    response
}

/// Says for how long to wait (RFC 6585 §4).
pub(crate) fn retry_after(response: &mut Response, wait: Ttl) {
    response.headers_mut().insert(header::RETRY_AFTER, wait.as_seconds().max(1).into());
}
