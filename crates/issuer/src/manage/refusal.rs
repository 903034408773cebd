//! Why nothing was told or done (RFC 9457). What is hidden answers as what is not there, always in the same bytes.

use super::call::Call;
use crate::{server::State, token::DECISION_ID};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use portcullis_directory::{self as directory, TenantProblem};
use portcullis_store::StoreFault;
use portcullis_types::{ApiName, DecisionId, Denial, Scopes};
use portcullis_verify::{Challenge, Demand, Dialect, Refusal as Told, Scheme};
use serde_json::{Value, json};

/// How a call ends.
pub(super) type Outcome = Result<Response, Refusal>;

/// Why not.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The token, or what it may do.
    Denied(Box<Denial>),
    /// Not there, or not the caller's: nobody can tell which. The log has the reason, if it is the caller.
    Hidden(Option<Box<Denial>>),
    /// For the operator alone.
    OperatorOnly(Box<Denial>),
    /// What was sent.
    Said(Problem),
    /// Ours.
    Fault(directory::Fault),
}

/// What is wrong with what was sent.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    problems: Vec<TenantProblem>,
}

impl Refusal {
    /// A body, or something in it, that cannot be read.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail)
    }

    /// What can be read, and cannot be so.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::of(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "It cannot be so", detail)
    }

    /// The same, everything at once.
    pub(super) fn all_of(problems: Vec<TenantProblem>) -> Self {
        let detail = "nothing was changed; each problem names its field".to_owned();
        let (status, code, title) =
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "It cannot be so");
        Self::Said(Problem { status, code, title, detail, problems })
    }

    pub(super) fn of(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::Said(Problem { status, code, title, detail: detail.into(), problems: Vec::new() })
    }

    /// What the log is told; nothing of what is no decision.
    pub(super) fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Denied(denial) | Self::OperatorOnly(denial) | Self::Hidden(Some(denial)) => {
                Some(denial)
            }
            Self::Hidden(None) | Self::Said(_) | Self::Fault(_) => None,
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(Box::new(denial))
    }
}

impl From<StoreFault> for Refusal {
    fn from(fault: StoreFault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<directory::Fault> for Refusal {
    fn from(fault: directory::Fault) -> Self {
        use directory::Fault;
        match fault {
            Fault::TenantProblems(problems) => Self::all_of(problems),
            Fault::Stale => Self::of(
                StatusCode::PRECONDITION_FAILED,
                "stale",
                "It is not what it was",
                "somebody changed it meanwhile; read it again",
            ),
            Fault::UnknownTenant(_) | Fault::UnknownClient(_) => Self::Hidden(None),
            Fault::Taken(id) => Self::of(
                StatusCode::CONFLICT,
                "taken",
                "The id is taken",
                format!("there is a client {id} already; choose another id"),
            ),
            Fault::Invalid(problem) => Self::invalid(problem),
            fault => Self::Fault(fault),
        }
    }
}

/// What every answer here says besides.
pub(super) fn headers(id: DecisionId, headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(DECISION_ID, id);
    }
}

/// The answer to whom nothing is given.
pub(super) fn response(
    state: &State,
    refusal: &Refusal,
    (id, needed, used): (DecisionId, &Scopes, Option<Scheme>),
) -> Response {
    let mut response = match refusal {
        Refusal::Denied(denial) if matches!(**denial, Denial::PolicyRefused { .. }) => {
            let title = "A policy does not allow it";
            problem(StatusCode::FORBIDDEN, ("policy_refused", title, &denial.remedy().change), id)
        }
        Refusal::Denied(denial) => denied(state, denial, (id, needed, used)),
        Refusal::Hidden(_) => {
            let hint = "Read /tenants and /tenants/ID/clients for what there is.";
            problem(StatusCode::NOT_FOUND, ("not_found", "There is nothing here", hint), id)
        }
        Refusal::OperatorOnly(_) => {
            let hint = "Ask the operator for it.";
            let title = "Only the operator may do this";
            problem(StatusCode::FORBIDDEN, ("operator_only", title, hint), id)
        }
        Refusal::Said(said) => {
            let mut body = body(said.status, (said.code, said.title, &said.detail), id);
            if let (false, Some(body)) = (said.problems.is_empty(), body.as_object_mut()) {
                body.insert("problems".to_owned(), json!(said.problems));
            }
            with(said.status, &body)
        }
        Refusal::Fault(directory::Fault::TooMany { retry_after }) => {
            let (title, hint) = ("Too many requests", "Wait as long as Retry-After says.");
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut response = problem(status, ("too_many_requests", title, hint), id);
            let wait = retry_after.as_seconds().max(1);
            response.headers_mut().insert(header::RETRY_AFTER, wait.into());
            response
        }
        Refusal::Fault(fault) => {
            tracing::error!(%fault, "an act of management failed");
            let (title, hint) = ("The server failed", "Nothing was changed; try again.");
            problem(StatusCode::SERVICE_UNAVAILABLE, ("unavailable", title, hint), id)
        }
    };
    headers(id, response.headers_mut());
    response
}

/// RFC 6750 §3, RFC 9449 §7.1.
fn denied(
    state: &State,
    denial: &Denial,
    (id, needed, used): (DecisionId, &Scopes, Option<Scheme>),
) -> Response {
    let remedy = denial.remedy().change;
    let told = Told::of(denial, &remedy, id);
    let status = StatusCode::from_u16(told.status).unwrap_or(StatusCode::UNAUTHORIZED);
    let (_, body) = told.body(Dialect::Problem);
    let mut response = with(status, &body);
    let headers = response.headers_mut();
    let demand: Demand = Call::demand(state);
    if let Some(realm) = realm(state) {
        let challenge = Challenge { realm, needed, demand: &demand, resource_metadata: None, used };
        if let Some(Ok(value)) = challenge.to(denial).map(HeaderValue::try_from) {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
    }
    if let Denial::BadProof { fault } = denial
        && fault.wants_nonce()
        && let Ok(nonce) = HeaderValue::try_from(state.possession.nonces.current((state.clock)()))
    {
        headers.insert(crate::dpop::DPOP_NONCE, nonce);
    }
    response
}

fn realm(state: &State) -> Option<&ApiName> {
    state.settings.management().map(|api| &api.name)
}

fn problem(
    status: StatusCode,
    (code, title, detail): (&str, &str, &str),
    id: DecisionId,
) -> Response {
    with(status, &body(status, (code, title, detail), id))
}

fn body(status: StatusCode, (code, title, detail): (&str, &str, &str), id: DecisionId) -> Value {
    json!({
        "type": format!("urn:portcullis:problem:{code}"),
        "title": title,
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
        "decision_id": id,
    })
}

fn with(status: StatusCode, body: &Value) -> Response {
    const KIND: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, KIND, body.to_string()).into_response()
}
