//! Signing in.

use super::{AppView, Problem, Wrong as _, html, status};
use crate::{step_up::Lack, visit::Visit};
use askama::Template;
use axum::response::Response;
use http::StatusCode;
use portcullis_web::page::{Forms, Page, Scripts};

/// Another provider that people may sign in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamLink {
    /// The operator's name for it: `{issuer}/sign-in/with/{name}` leads there.
    pub(crate) name: String,
    /// What its link says.
    pub(crate) title: String,
}

/// Why somebody who may be signed in must sign in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInReason {
    /// To change how they sign in.
    StepUp(Lack),
    /// The app wants a stronger sign-in.
    Stronger,
}

/// The sign-in page.
#[derive(Debug, Default)]
pub(crate) struct SignInView<'a> {
    /// Of the interaction, if an app began this.
    pub(crate) flow: Option<&'a str>,
    /// Where in the account to go otherwise.
    pub(crate) return_to: Option<&'a str>,
    /// The app.
    pub(crate) app: Option<AppView<'a>>,
    /// Why, if not to begin with.
    pub(crate) reason: Option<SignInReason>,
    /// What was typed, or is hinted at.
    pub(crate) login: &'a str,
    /// The other providers.
    pub(crate) upstreams: &'a [UpstreamLink],
    /// What went wrong.
    pub(crate) problem: Option<Problem<'a>>,
    /// The status of that.
    pub(crate) refused: Option<StatusCode>,
    /// Whether the app's answer comes at the end.
    pub(crate) forms: Forms,
}

/// The page for the second factor.
#[derive(Debug, Default)]
pub(crate) struct SecondFactorView<'a> {
    /// The sign-in that is half done.
    pub(crate) ceremony: &'a str,
    /// Of the interaction.
    pub(crate) flow: Option<&'a str>,
    /// Where in the account to go otherwise.
    pub(crate) return_to: Option<&'a str>,
    /// Who is signing in.
    pub(crate) login: &'a str,
    /// What went wrong.
    pub(crate) problem: Option<Problem<'a>>,
    /// Whether the app's answer comes at the end.
    pub(crate) forms: Forms,
}

impl SignInView<'_> {
    const fn steps_up(&self) -> bool {
        matches!(self.reason, Some(SignInReason::StepUp(_)))
    }

    /// Whether only a passkey will do.
    const fn needs_passkey(&self) -> bool {
        matches!(self.reason, Some(SignInReason::StepUp(Lack::Passkey)))
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    visit: &'a Visit,
    view: &'a SignInView<'a>,
    again: String,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactor<'a> {
    visit: &'a Visit,
    view: &'a SecondFactorView<'a>,
    again: String,
}

/// `GET {issuer}/sign-in`.
pub(crate) fn sign_in(visit: &Visit, view: &SignInView<'_>) -> Response {
    let template = SignIn { visit, view, again: query(view.flow, view.return_to) };
    let page = Page {
        status: view.refused.unwrap_or_else(|| status(view.problem.as_ref())),
        scripts: Scripts::Own,
        forms: view.forms,
        ..Page::new(html(&template))
    };
    visit.answer(page)
}

/// After a password, where a second factor is needed.
pub(crate) fn second_factor(visit: &Visit, view: &SecondFactorView<'_>) -> Response {
    let template = SecondFactor { visit, view, again: query(view.flow, view.return_to) };
    let page = Page {
        status: status(view.problem.as_ref()),
        forms: view.forms,
        ..Page::new(html(&template))
    };
    visit.answer(page)
}

/// The query with which a sign-in goes on where it was: empty, or `?` and more.
pub(crate) fn query(flow: Option<&str>, return_to: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let pairs = [("flow", flow), ("return", return_to)];
    query.extend_pairs(pairs.iter().filter_map(|(name, value)| Some((name, (*value)?))));
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}
