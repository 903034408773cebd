//! Why was it decided so? One view of a record, for a terminal, for programs and for pages.
//!
//! A pure function of the record and of what is known around it: the issuance of the token, the
//! configured APIs, the client as it is now. There are two readers: the operator sees an
//! [`Explanation`], the caller only its [`CallerView`]. Neither ever sees a token.
//!
//! The JSON form is stable: members are added, never renamed or removed, while `schema` stays 1.

mod command;
mod exchange;
mod headline;
mod lost;
mod remedy;
mod rows;
mod span;
mod story;
#[cfg(test)]
mod tests;
mod token;

pub use command::{TokenRequest, shell_word};
pub use lost::{LogSpan, Unfound};
pub use span::span;
pub use token::TokenView;

use crate::{Event, Grant, Record};
use portcullis_types::{
    ApiName, Audience, Check, ClientId, DecisionId, Fixer, Issuer, Kid, Mark, Pattern, Registry,
    Scopes, Stage, Timestamp,
};
use serde::{Serialize, Serializer};
use std::fmt::Write;

/// The version of the JSON form.
pub const SCHEMA: u8 = 1;

/// What is known around a record. Everything may be missing; what is known makes the story longer.
#[derive(Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// The issuance of the token that was shown, found by its `jti`.
    pub issuance: Option<&'a Record<'static>>,
    /// The administrative act that ended the token or disabled the client.
    pub ended: Option<&'a Record<'static>>,
    /// The client as it is registered now.
    pub client: Option<&'a ClientNow>,
    /// Our issuer and its token endpoint, if this Portcullis is one.
    pub issuer: Option<&'a OurIssuer>,
    /// The configured APIs.
    pub apis: &'a [Api],
    /// What scopes mean.
    pub registry: Option<&'a Registry>,
    /// Every signing key that we have or had.
    pub our_keys: &'a [OurKey],
    /// The file of the configuration, if commands do not find it by themselves.
    pub config: Option<&'a str>,
}

/// A configured API.
#[derive(Clone, Debug)]
pub struct Api {
    /// The operator's name for it.
    pub name: ApiName,
    /// Its identifier: the `aud` of its tokens.
    pub resource: Audience,
    /// The scopes that it offers.
    pub scopes: Scopes,
}

/// A client as it is registered now, which may differ from how it was when the token was issued.
#[derive(Clone, Debug)]
pub struct ClientNow {
    /// Its identifier.
    pub id: ClientId,
    /// Its allow-list.
    pub scopes: Vec<Pattern>,
    /// The APIs that it may have tokens for.
    pub resources: Vec<Audience>,
    /// Since when it is disabled.
    pub disabled_since: Option<Timestamp>,
}

/// Our own issuer.
#[derive(Clone, Debug)]
pub struct OurIssuer {
    /// Its identifier.
    pub issuer: Issuer,
    /// The URL of its token endpoint.
    pub token_endpoint: String,
}

/// A signing key of ours, in whatever state.
#[derive(Clone, Debug)]
pub struct OurKey {
    /// Its identifier.
    pub kid: Kid,
    /// `next`, `current`, `retiring` or `retired`.
    pub state: &'static str,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it signs nothing and its tokens are refused, if that is decided.
    pub retires: Option<Timestamp>,
}

/// Everything about one decision, for the operator.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The version of this form.
    pub schema: u8,
    /// The decision; `None` for a question that was asked by hand and is not in the log.
    pub decision_id: Option<DecisionId>,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// Which question was asked.
    pub stage: Stage,
    /// The answer.
    pub outcome: Outcome,
    /// `POST /v1/chat/completions`, or what stands for it at the token endpoint.
    pub request: String,
    /// The API by its name in the configuration.
    pub api: Option<String>,
    /// Its identifier.
    pub resource: Option<String>,
    /// The scopes that the request needed, or that the token request asked for.
    pub needed: Option<Scopes>,
    /// The answer in one sentence.
    pub headline: String,
    /// Every check, in the order of checking.
    pub rows: Vec<ExplainedRow>,
    /// The smallest change that would allow it; `None` if it was allowed.
    pub remedy: Option<Step>,
    /// What must follow that change, in order.
    pub then: Vec<Step>,
    /// How it came to this, a sentence or two each.
    pub story: Vec<String>,
    /// What the token said. Never the token.
    pub token: Option<TokenView>,
}

/// The answer, as the caller got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Outcome {
    /// Every check that the route asks for passed.
    Allowed,
    /// One check failed.
    Denied {
        /// The HTTP status.
        status: u16,
        /// `error` of RFC 6750 or RFC 6749.
        error: Option<&'static str>,
        /// Our own name for the reason.
        code: &'static str,
        /// `error_description`.
        description: &'static str,
    },
    /// An administrative act, which is not checked here.
    Done,
}

/// One check of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedRow {
    /// Which check.
    pub check: Check,
    /// What it asks.
    pub title: &'static str,
    /// The standard that demands it.
    pub source: &'static str,
    /// How it went.
    pub mark: Mark,
    /// What would have passed; only where it failed.
    pub expected: Option<String>,
    /// What was there.
    pub found: Option<String>,
    /// A fact that helps to read the two.
    pub note: Option<String>,
}

/// One change, who can make it, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What to do, as one sentence.
    pub change: String,
    /// Who can do it.
    pub by: Fixer,
    /// A command that does it, for a POSIX shell. Secrets are named, never written out.
    pub command: Option<String>,
}

/// What the caller may know about a denial: nothing about others, nothing that is configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallerView {
    /// To quote to the operator.
    pub decision_id: Option<DecisionId>,
    /// The answer.
    pub outcome: Outcome,
    /// What to do about it.
    pub remedy: Option<Step>,
}

impl Explanation {
    /// Explains a record.
    pub fn of(record: &Record<'static>, around: &Surroundings<'_>) -> Self {
        let mut steps = remedy::steps(record, around).into_iter();
        let (api, resource, needed) = target(&record.event);
        Self {
            schema: SCHEMA,
            decision_id: Some(record.id),
            at: record.at,
            stage: record.trace.stage(),
            outcome: outcome(record),
            request: request(&record.event),
            api,
            resource,
            needed,
            headline: headline::headline(record),
            rows: rows::rows(record, around),
            remedy: steps.next(),
            then: steps.collect(),
            story: story::story(record, around),
            token: token(&record.event),
        }
    }

    /// Explains a question that was asked by hand: the same, without a decision to look up.
    pub fn by_hand(record: &Record<'static>, around: &Surroundings<'_>) -> Self {
        Self { decision_id: None, ..Self::of(record, around) }
    }

    /// What the caller may know. It is made from the denial alone, so that nothing of the
    /// configuration or the log can slip in.
    pub fn for_caller(record: &Record<'_>) -> CallerView {
        let remedy = record.denial.as_deref().map(|denial| {
            let remedy = denial.remedy();
            Step { change: remedy.change, by: remedy.by, command: None }
        });
        CallerView { decision_id: Some(record.id), outcome: outcome(record), remedy }
    }

    /// The check that failed, if one did.
    pub fn failed(&self) -> Option<&ExplainedRow> {
        self.rows.iter().find(|row| row.mark == Mark::Failed)
    }
}

fn outcome(record: &Record<'_>) -> Outcome {
    match (&record.denial, &record.event) {
        (Some(denial), _) => {
            let code = denial.code();
            Outcome::Denied {
                status: code.status,
                error: code.error,
                code: code.name,
                description: code.description,
            }
        }
        (None, Event::Admin(_)) => Outcome::Done,
        (None, _) => Outcome::Allowed,
    }
}

fn request(event: &Event<'_>) -> String {
    match event {
        Event::Access(access) => format!("{} {}", access.method, access.path),
        Event::Grant(grant) => asked(grant),
        Event::Admin(admin) => format!("{} {}", admin.action, admin.target),
    }
}

fn asked(grant: &Grant<'_>) -> String {
    let grant_type = grant.endpoint.is_none().then_some(&*grant.grant_type);
    let scope = grant.requested_scope.as_ref().map(ToString::to_string);
    let resources = grant.requested_resource.iter().map(|resource| ("resource", resource.as_str()));
    let words = grant_type.map(|it| ("grant_type", it)).into_iter();
    let words = words.chain(scope.as_deref().map(|it| ("scope", it))).chain(resources);
    let mut line = grant.kind();
    for (at, (name, value)) in words.enumerate() {
        let before = if at == 0 { ", " } else { " " };
        let _ = write!(line, "{before}{name}={}", shell_word(value));
    }
    line
}

fn target(event: &Event<'_>) -> (Option<String>, Option<String>, Option<Scopes>) {
    match event {
        Event::Access(access) => (
            access.api.as_deref().map(str::to_owned),
            access.resource.as_deref().map(str::to_owned),
            access.needed.as_deref().cloned(),
        ),
        Event::Grant(grant) => (
            grant.api.as_deref().map(str::to_owned),
            grant.resource.as_deref().map(str::to_owned),
            grant.requested_scope.clone(),
        ),
        Event::Admin(_) => (None, None, None),
    }
}

fn token(event: &Event<'_>) -> Option<TokenView> {
    match event {
        Event::Access(access) => {
            access.token.as_ref().map(TokenView::of).filter(|token| !token.is_mute())
        }
        Event::Grant(_) | Event::Admin(_) => None,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn rfc3339<S: Serializer>(at: &Timestamp, sink: S) -> Result<S::Ok, S::Error> {
    sink.collect_str(at)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference")]
fn rfc3339_opt<S: Serializer>(at: &Option<Timestamp>, sink: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => sink.collect_str(at),
        None => sink.serialize_none(),
    }
}
