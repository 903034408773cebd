//! A denial as a response: status, challenge and a body in the API's own dialect (RFC 6750 §3,
//! RFC 9728 §5.1, RFC 9457).

use crate::{relay::Answer, routes::Line, settings::Dialect};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use portcullis_types::{Code, DecisionId, Denial, Ttl};
use serde_json::{Value, json};

/// A failure of ours or of the upstream: no fault of the caller's, and no detail for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The upstream could not be reached, or broke off before it answered.
    BadGateway,
    /// The upstream did not answer in time.
    Timeout,
    /// A record of the decision could not be kept, so nothing may pass.
    Unrecorded,
    /// Something that should not happen.
    Internal,
}

impl Fault {
    const fn code(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadGateway => {
                (502, "upstream_unavailable", "The service behind this gateway did not answer")
            }
            Self::Timeout => {
                (504, "upstream_timeout", "The service behind this gateway took too long")
            }
            Self::Unrecorded => {
                (503, "audit_unavailable", "The decision could not be recorded; try again")
            }
            Self::Internal => (500, "internal_error", "The gateway failed"),
        }
    }
}

/// RFC 6750 §3 with RFC 9728 §5.1. `None` where a challenge would say nothing: 404, 405, 400 of form.
fn challenge(denial: &Denial, code: &Code, line: &Line) -> Option<HeaderValue> {
    if !matches!(code.status, 401 | 403) && code.error.is_none() {
        return None;
    }
    let mut parts = vec![format!("Bearer realm=\"{}\"", line.guarded.api)];
    if let Some(error) = code.error {
        parts.push(format!("error=\"{error}\", error_description=\"{}\"", code.description));
    }
    // Every scope of this operation in one go, whatever the token already has.
    if !line.needed.is_empty() && !matches!(denial, Denial::ManyCredentials { .. }) {
        parts.push(format!("scope=\"{}\"", line.needed));
    }
    parts.push(format!("resource_metadata=\"{}\"", line.resource_metadata));
    HeaderValue::try_from(parts.join(", ")).ok()
}

/// The whole answer to a denied request.
pub(crate) fn denied(denial: &Denial, line: Option<&Line>, id: DecisionId) -> Response<Answer> {
    let code = denial.code();
    let dialect = line.map_or(Dialect::Problem, Line::dialect);
    let remedy = denial.remedy().change;
    let said = Said {
        status: code.status,
        name: code.name,
        message: code.description,
        remedy: Some(&remedy),
        id,
    };
    let mut response = said.response(dialect);
    let headers = response.headers_mut();
    if let Some(value) = line.and_then(|line| challenge(denial, &code, line)) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
    match denial {
        Denial::Unmapped { allowed, .. } if !allowed.is_empty() => {
            if let Ok(value) = HeaderValue::try_from(allowed.join(", ")) {
                headers.insert(header::ALLOW, value);
            }
        }
        Denial::KeysUnavailable { retry_after, .. } => {
            headers.insert(header::RETRY_AFTER, seconds(*retry_after));
        }
        _ => {}
    }
    if matches!(denial, Denial::Ambiguous { .. }) {
        // Whatever else the sender has put into the connection is not read (RFC 9112 §9.6).
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The whole answer when we or the upstream failed.
pub(crate) fn failed(fault: Fault, line: Option<&Line>, id: DecisionId) -> Response<Answer> {
    let (status, name, message) = fault.code();
    let dialect = line.map_or(Dialect::Problem, Line::dialect);
    let mut response = Said { status, name, message, remedy: None, id }.response(dialect);
    if fault == Fault::Unrecorded {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

struct Said<'a> {
    status: u16,
    name: &'a str,
    message: &'a str,
    remedy: Option<&'a str>,
    id: DecisionId,
}

impl Said<'_> {
    fn response(&self, dialect: Dialect) -> Response<Answer> {
        let (content_type, body) = match dialect {
            Dialect::OpenAi => ("application/json", self.openai()),
            Dialect::Anthropic => ("application/json", self.anthropic()),
            Dialect::Problem => ("application/problem+json", self.problem()),
        };
        let mut response = Response::new(Answer::full(Bytes::from(body.to_string())));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// What a person reads in the exception of an SDK: the reason, the way out, and the id to ask about.
    fn sentence(&self) -> String {
        let remedy = self.remedy.map(|remedy| format!(" {remedy}")).unwrap_or_default();
        format!("{}.{remedy} (decision {})", self.message, self.id)
    }

    fn openai(&self) -> Value {
        let code = match (self.status, self.name) {
            (401, "no_credential" | "not_a_token" | "malformed_token") => "invalid_api_key",
            (404, "not_found") => "model_not_found",
            (_, name) => name,
        };
        let kind = match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        json!({"error": {
            "message": self.sentence(), "type": kind, "param": null, "code": code,
            "reason": self.name, "decision_id": self.id,
        }})
    }

    fn anthropic(&self) -> Value {
        let kind = match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 504 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        json!({
            "type": "error",
            "error": {"type": kind, "message": self.sentence(), "reason": self.name},
            "request_id": self.id, "decision_id": self.id,
        })
    }

    /// RFC 9457 §3.
    fn problem(&self) -> Value {
        let mut problem = json!({
            "type": format!("urn:portcullis:problem:{}", self.name),
            "title": self.message, "status": self.status, "code": self.name, "decision_id": self.id,
        });
        if let (Some(remedy), Some(members)) = (self.remedy, problem.as_object_mut()) {
            members.insert("detail".into(), remedy.into());
        }
        problem
    }
}

fn seconds(ttl: Ttl) -> HeaderValue {
    HeaderValue::from(ttl.as_seconds().max(1))
}
