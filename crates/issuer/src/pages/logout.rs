//! Signing out.

use super::{html, plain};
use crate::visit::Visit;
use askama::Template;
use axum::response::Response;
use portcullis_web::page::{Forms, Page};

/// The question whether to sign out (OpenID Connect RP-Initiated Logout 1.0 §2).
#[derive(Debug, Default)]
pub(crate) struct ConfirmLogoutView<'a> {
    /// Who is signed in.
    pub(crate) login: &'a str,
    /// The app that asks.
    pub(crate) app: Option<&'a str>,
    /// What the form must bring along.
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// Whether the browser goes to the app afterwards.
    pub(crate) leads_on: bool,
}

/// The end of a session.
#[derive(Debug, Default)]
pub(crate) struct SignedOutView {
    /// Where the person may go: its host, and a registered place there.
    pub(crate) back: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "confirm_logout.html")]
struct Confirm<'a> {
    visit: &'a Visit,
    view: &'a ConfirmLogoutView<'a>,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Done<'a> {
    visit: &'a Visit,
    title: &'static str,
    text: &'static str,
    link: Option<(String, String)>,
}

/// Asks. The form goes to `{issuer}/logout`.
pub(crate) fn confirm_logout(visit: &Visit, view: &ConfirmLogoutView<'_>) -> Response {
    let forms = if view.leads_on { Forms::Onward } else { Forms::Ours };
    visit.answer(Page { forms, ..Page::new(html(&Confirm { visit, view })) })
}

/// Says that it is done.
pub(crate) fn signed_out(visit: &Visit, view: SignedOutView) -> Response {
    let link = match view.back {
        Some((host, uri)) => (uri, visit.fill("logout.back", &host)),
        None => (visit.path("/sign-in?return=account"), visit.say("logout.again").to_owned()),
    };
    let (title, text) = (visit.say("logout.done"), visit.say("logout.done_text"));
    plain(visit, &Done { visit, title, text, link: Some(link) })
}
