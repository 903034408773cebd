//! What people see. A view says what a page shows, a template in `templates/` how.
//!
//! A page says nothing that is not in its view, and holds no secret that its reader is not to have.

mod account;
mod app;
mod device;
mod error;
mod form_post;
mod logout;
mod secret;
mod sign_in;
mod when;

pub(crate) use account::*;
pub(crate) use app::{AppView, ConsentView, Permission, Permissions, consent, host};
pub(crate) use device::{
    DeviceCodeView, DeviceConfirmView, DeviceOutcome, device_code, device_confirm, device_done,
};
pub(crate) use error::{ErrorView, Explained, error, explained, retry_after, too_many};
pub(crate) use form_post::{FormPostView, form_post};
pub(crate) use logout::{ConfirmLogoutView, SignedOutView, confirm_logout, signed_out};
pub(crate) use secret::{
    NewPasswordView, Purpose, ResetRequestView, new_password, password_reset_request,
    password_reset_sent, password_saved,
};

pub(crate) use sign_in::{
    SecondFactorView, SignInReason, SignInView, UpstreamLink, query, second_factor, sign_in,
};
pub(crate) use when::{When, wait};

use crate::visit::Visit;
use askama::Template;
use axum::{extract::Path, response::Response};
use http::StatusCode;
use portcullis_web::page::{self, Page};

/// What is wrong with a form: said at the top, with a link to the field, and beside the field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem<'a> {
    /// The `id` of the field.
    pub(crate) field: &'static str,
    /// A sentence.
    pub(crate) text: &'a str,
}

/// Says what is wrong with a field, if it is that one.
trait Wrong {
    fn with(&self, field: &str) -> Option<&str>;
}

impl Wrong for Option<Problem<'_>> {
    fn with(&self, field: &str) -> Option<&str> {
        self.as_ref().filter(|problem| problem.field == field).map(|problem| problem.text)
    }
}

/// A page with a form is refused with 400: a person sees the same page, a program sees that it failed.
const fn status(problem: Option<&Problem<'_>>) -> StatusCode {
    if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK }
}

fn html(template: &impl Template) -> String {
    // Templates only write text into a string, which cannot fail.
    template.render().unwrap_or_default()
}

fn plain(visit: &Visit, template: &impl Template) -> Response {
    visit.answer(Page::new(html(template)))
}

/// `GET {issuer}/assets/{name}`.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    page::asset(&name)
}

#[cfg(test)]
mod tests;
