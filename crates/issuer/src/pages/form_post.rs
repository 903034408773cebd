//! The answer to an app as a form that sends itself (OAuth 2.0 Form Post Response Mode).

use super::html;
use crate::visit::Visit;
use askama::Template;
use axum::response::Response;
use portcullis_web::page::{Forms, Page, Scripts};

/// An answer on its way to an app.
#[derive(Debug)]
pub(crate) struct FormPostView<'a> {
    /// Where it goes: a registered redirect URI, or to us.
    pub(crate) action: &'a str,
    /// What is going on.
    pub(crate) title: String,
    /// The parameters.
    pub(crate) fields: &'a [(&'a str, &'a str)],
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPost<'a> {
    visit: &'a Visit,
    view: &'a FormPostView<'a>,
}

/// The page that carries the answer.
pub(crate) fn form_post(visit: &Visit, view: &FormPostView<'_>) -> Response {
    let page = Page {
        scripts: Scripts::Own,
        forms: Forms::Onward,
        ..Page::new(html(&FormPost { visit, view }))
    };
    visit.answer(page)
}
