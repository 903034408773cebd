//! Connecting a device (RFC 8628 §3.3).

use super::{AppView, Permissions, Problem, Wrong as _, html, plain, status};
use crate::visit::Visit;
use askama::Template;
use axum::response::Response;
use portcullis_web::page::Page;

/// The page for the code that a device shows.
#[derive(Debug, Default)]
pub(crate) struct DeviceCodeView<'a> {
    /// What was typed, or came with the link (§3.3.1): never taken without being shown.
    pub(crate) user_code: &'a str,
    /// What went wrong.
    pub(crate) problem: Option<Problem<'a>>,
}

/// The page on which a person connects a device. Its buttons send `decision` = `approve` or `deny`, with
/// `user_code`.
#[derive(Debug)]
pub(crate) struct DeviceConfirmView<'a> {
    /// As the device shows it.
    pub(crate) user_code: &'a str,
    /// Whose device.
    pub(crate) app: AppView<'a>,
    /// From which address the device asked (RFC 8628 §5.4).
    pub(crate) remote: Option<&'a str>,
    /// Who is asked.
    pub(crate) login: &'a str,
    /// The API's name.
    pub(crate) api: Option<&'a str>,
    /// What it gets and what not.
    pub(crate) permissions: Permissions,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceOutcome {
    /// The person agreed.
    Approved,
    /// They did not.
    Denied,
}

#[derive(Template)]
#[template(path = "device_code.html")]
struct Code<'a> {
    visit: &'a Visit,
    view: &'a DeviceCodeView<'a>,
}

#[derive(Template)]
#[template(path = "device_confirm.html")]
struct Confirm<'a> {
    visit: &'a Visit,
    view: &'a DeviceConfirmView<'a>,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Done<'a> {
    visit: &'a Visit,
    title: &'static str,
    text: &'static str,
    link: Option<(String, String)>,
}

/// `GET {issuer}/device`.
pub(crate) fn device_code(visit: &Visit, view: &DeviceCodeView<'_>) -> Response {
    let html = html(&Code { visit, view });
    visit.answer(Page { status: status(view.problem.as_ref()), ..Page::new(html) })
}

/// After a code that some device waits with.
pub(crate) fn device_confirm(visit: &Visit, view: &DeviceConfirmView<'_>) -> Response {
    plain(visit, &Confirm { visit, view })
}

/// The end of it.
pub(crate) fn device_done(visit: &Visit, outcome: DeviceOutcome) -> Response {
    let (title, text) = match outcome {
        DeviceOutcome::Approved => ("device.approved_title", "device.approved_text"),
        DeviceOutcome::Denied => ("device.denied_title", "device.denied_text"),
    };
    let (title, text) = (visit.say(title), visit.say(text));
    plain(visit, &Done { visit, title, text, link: None })
}
