//! A request of a person's browser: who sits there, from where, and which forms of theirs count.

use crate::{
    pages::{self, Explained},
    remote,
    server::State,
    visit::{KNOWN, SESSION, Visit},
};
use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use portcullis_directory::{Acting, Fault, Session, device, sign_in::Visitor};
use portcullis_types::{Entropy, Timestamp};
use portcullis_web::form::{self, Form};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use std::net::IpAddr;

/// Who came.
pub(crate) struct Arrival {
    /// The browser.
    pub(crate) visit: Visit,
    /// When.
    pub(crate) now: Timestamp,
    /// From where.
    pub(crate) remote: Option<IpAddr>,
    /// The session that is in force here.
    pub(crate) session: Option<Session>,
    parts: Parts,
    known: Option<SecretString>,
}

/// An answer instead of the one that was asked for.
#[derive(Debug)]
pub(crate) struct Else(Box<Response>);

impl Else {
    /// The answer.
    pub(crate) fn answer(self) -> Response {
        *self.0
    }
}

impl From<Response> for Else {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl Arrival {
    /// Looks who came; leaves the body unread.
    pub(crate) async fn of(state: &State, request: Request) -> Result<(Self, Body), Else> {
        let (parts, body) = request.into_parts();
        let visit = Visit::begin(state, &parts);
        let now = (state.clock)();
        let cookie = SESSION.read(&parts.headers, visit.transport);
        let session = match cookie {
            Some(cookie) => match state.directory.session(cookie, now).await {
                Ok(session) => session,
                Err(fault) => return Err(failed(&visit, &fault)),
            },
            None => None,
        };
        let remote =
            remote::address(&parts.extensions, &parts.headers, &state.settings.trusted_proxies);
        let known = KNOWN.read(&parts.headers, visit.transport).map(SecretString::from);
        Ok((Self { visit, now, remote, session, parts, known }, body))
    }

    /// Looks who came, and reads the form that they sent from a page of ours.
    pub(crate) async fn with_form(state: &State, request: Request) -> Result<(Self, Form), Else> {
        let (arrival, body) = Self::of(state, request).await?;
        let visit = &arrival.visit;
        let Ok(form) = Form::read(&arrival.parts.headers, body).await else {
            return Err(explained(visit, Explained::UnreadableForm));
        };
        match visit.sent(&arrival.parts.headers, &form, &state.csrf) {
            Ok(()) => Ok((arrival, form)),
            Err(_) => Err(explained(visit, Explained::ForeignForm)),
        }
    }

    /// The same for what the script of a page sends: JSON, and `csrf` in it.
    pub(crate) async fn with_json<T: DeserializeOwned + Sent>(
        state: &State,
        request: Request,
    ) -> Result<(Self, T), Else> {
        let (arrival, body) = Self::of(state, request).await?;
        let headers = &arrival.parts.headers;
        let is_json = form::is_json(headers);
        let refuse = |status, key| Err(problem(status, arrival.visit.say(key)));
        let read = form::bytes(headers, body).await.ok().filter(|_| is_json);
        let parsed = read.and_then(|bytes| serde_json::from_slice::<T>(&bytes).ok());
        let Some(sent) = parsed else {
            return refuse(StatusCode::BAD_REQUEST, "form.unreadable_text");
        };
        match arrival.visit.sent_with(headers, sent.csrf(), &state.csrf) {
            Ok(()) => Ok((arrival, sent)),
            Err(_) => refuse(StatusCode::FORBIDDEN, "form.cross_text"),
        }
    }

    /// The parameters of the query; none if it cannot be read.
    pub(crate) fn query(&self) -> Form {
        Form::parse(self.parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default()
    }

    /// What it was sent with.
    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Whether a page elsewhere sent the browser here, or another program did: browsers tell, where people come by
    /// a link of ours.
    pub(crate) fn is_from_elsewhere(&self) -> bool {
        self.visit.is_from_elsewhere(self.headers())
    }

    /// As the directory wants to see them.
    pub(crate) fn visitor<'a>(&'a self, entropy: &'a mut dyn Entropy) -> Visitor<'a> {
        Visitor {
            remote: self.remote,
            browser: self.visit.browser.as_str(),
            known: self.known.as_ref().map(ExposeSecret::expose_secret),
            now: self.now,
            entropy,
        }
    }

    /// Who acts, where that is a person on themselves.
    pub(crate) fn acting<'a>(&self, actor: &'a str, entropy: &'a mut dyn Entropy) -> Acting<'a> {
        Acting { actor, now: self.now, entropy }
    }

    /// The browser and its system, in words.
    pub(crate) fn device(&self) -> String {
        let agent = self.parts.headers.get(header::USER_AGENT);
        device(agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default())
    }

    /// The value of the cookie that tells who signed in here before.
    pub(crate) fn known(&self) -> Option<&str> {
        self.known.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Off to another page of ours.
    pub(crate) fn go(&self, below: &str) -> Response {
        let mut response = Redirect::to(&self.visit.path(below)).into_response();
        self.visit.introduce(&mut response);
        response
    }

    /// A failure of ours.
    pub(crate) fn failed(&self, fault: &Fault) -> Response {
        failed(&self.visit, fault).answer()
    }

    /// An error that several pages have.
    pub(crate) fn explained(&self, what: Explained) -> Response {
        pages::explained(&self.visit, what, None)
    }
}

/// What a script sends.
pub(crate) trait Sent {
    /// Its proof of coming from a page of ours.
    fn csrf(&self) -> &str;
}

/// What a script is told that went wrong.
pub(crate) fn problem(status: StatusCode, text: &str) -> Else {
    let body = axum::Json(serde_json::json!({ "problem": text }));
    (status, body).into_response().into()
}

fn explained(visit: &Visit, what: Explained) -> Else {
    pages::explained(visit, what, None).into()
}

fn failed(visit: &Visit, fault: &Fault) -> Else {
    if matches!(fault, Fault::Busy) {
        let mut response = pages::explained(visit, Explained::Busy, None);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return response.into();
    }
    tracing::error!(%fault, "a page could not be made: a failure of ours");
    explained(visit, Explained::Fault)
}
