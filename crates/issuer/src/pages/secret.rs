//! Choosing a password: after an invitation, or because the old one is forgotten.

use super::{Problem, Wrong as _, html, plain, status};
use crate::visit::Visit;
use askama::Template;
use axum::response::Response;
use portcullis_web::page::Page;

/// Asking for a link.
#[derive(Debug, Default)]
pub(crate) struct ResetRequestView<'a> {
    /// What was typed.
    pub(crate) login: &'a str,
    /// What went wrong.
    pub(crate) problem: Option<Problem<'a>>,
}

/// What a new password is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The old one is forgotten.
    Reset,
    /// The person is new.
    Invitation,
}

/// Choosing a password, by a link that works once.
#[derive(Debug)]
pub(crate) struct NewPasswordView<'a> {
    /// What for.
    pub(crate) purpose: Purpose,
    /// The secret of the link.
    pub(crate) token: &'a str,
    /// Whose password: a password manager keeps it with that.
    pub(crate) login: &'a str,
    /// The least length, in characters.
    pub(crate) least: usize,
    /// What went wrong.
    pub(crate) problem: Option<Problem<'a>>,
}

#[derive(Template)]
#[template(path = "reset_request.html")]
struct Request<'a> {
    visit: &'a Visit,
    view: &'a ResetRequestView<'a>,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Sent<'a> {
    visit: &'a Visit,
    title: &'static str,
    text: &'static str,
    link: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "new_password.html")]
struct NewPassword<'a> {
    visit: &'a Visit,
    view: &'a NewPasswordView<'a>,
    hint: String,
    action: String,
}

/// `GET {issuer}/password-reset`.
pub(crate) fn password_reset_request(visit: &Visit, view: &ResetRequestView<'_>) -> Response {
    let html = html(&Request { visit, view });
    visit.answer(Page { status: status(view.problem.as_ref()), ..Page::new(html) })
}

/// The same for everybody, whether there is such an account or not.
pub(crate) fn password_reset_sent(visit: &Visit) -> Response {
    let (title, text) = (visit.say("reset.sent"), visit.say("reset.sent_text"));
    plain(visit, &Sent { visit, title, text, link: None })
}

/// After a new password was saved by a link.
pub(crate) fn password_saved(visit: &Visit) -> Response {
    let (title, text) = (visit.say("reset.done"), visit.say("reset.done_text"));
    let link = (visit.path("/sign-in"), visit.say("sign_in.submit").to_owned());
    plain(visit, &Sent { visit, title, text, link: Some(link) })
}

/// `GET {issuer}/password-reset/choose` and `GET {issuer}/invitation`.
pub(crate) fn new_password(visit: &Visit, view: &NewPasswordView<'_>) -> Response {
    let hint = visit.fill("reset.new_hint", &view.least.to_string());
    let action = visit.path(match view.purpose {
        Purpose::Reset => "/password-reset/choose",
        Purpose::Invitation => "/invitation",
    });
    let html = html(&NewPassword { visit, view, hint, action });
    visit.answer(Page { status: status(view.problem.as_ref()), ..Page::new(html) })
}
