//! A denial as a response: status, challenge and a body in the API's own dialect (RFC 6750 §3,
//! RFC 9728 §5.1, RFC 9457).

use crate::{relay::Answer, routes::Line, settings::Dialect};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use portcullis_types::{Bar, DecisionId, Denial, Ttl};
use portcullis_verify::{Challenge, Refusal, Scheme};

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Why a request that was allowed came to nothing. No detail for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The upstream could not be reached, or broke off before it answered.
    BadGateway,
    /// The upstream did not answer in time.
    Timeout,
    /// A record of the decision could not be kept, so nothing may pass.
    Unrecorded,
    /// The caller's body broke off, or was no body.
    BrokenBody,
    /// The caller's body stood still.
    StalledBody,
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
            Self::BrokenBody => (400, "broken_body", "The body of the request broke off"),
            Self::StalledBody => (408, "stalled_body", "The body of the request stood still"),
            Self::Internal => (500, "internal_error", "The gateway failed"),
        }
    }
}

/// What strangers are told where TLS is missing. Nothing was decided, so nothing is recorded.
pub(crate) fn in_the_clear() -> Response<Answer> {
    let mut response = Response::new(Answer::full(Bytes::from_static(
        b"This listener speaks in the clear, with its own machine and with trusted_proxies only.\n",
    )));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// The whole answer to a denied request. `used` is the scheme of its credential.
pub(crate) fn denied(
    (denial, used): (&Denial, Option<Scheme>),
    line: Option<&Line>,
    id: DecisionId,
) -> Response<Answer> {
    let dialect = line.map_or(Dialect::Problem, Line::dialect);
    let remedy = denial.remedy().change;
    let mut response = response(&Refusal::of(denial, &remedy, id), dialect);
    let headers = response.headers_mut();
    if let Some(value) = line.and_then(|line| challenge(denial, line, used)) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
    match denial {
        Denial::Unmapped { allowed, .. } if !allowed.is_empty() => {
            if let Ok(value) = HeaderValue::try_from(allowed.join(", ")) {
                headers.insert(header::ALLOW, value);
            }
        }
        Denial::KeysUnavailable { retry_after, .. }
        | Denial::RevocationsUnknown { retry_after, .. }
        | Denial::ProofsFull { retry_after }
        | Denial::Barred { bar: Bar::NoPolicy { retry_after, .. } } => {
            headers.insert(header::RETRY_AFTER, seconds(*retry_after));
        }
        Denial::Barred { bar: Bar::Rate { limit, retry_after, .. } } => {
            headers.insert(header::RETRY_AFTER, seconds(*retry_after));
            // draft-ietf-httpapi-ratelimit-headers.
            let wait = retry_after.as_seconds();
            for (name, value) in [
                (RATE_LIMIT_POLICY, format!("\"policy\";q={limit};w=60")),
                (RATE_LIMIT, format!("\"policy\";r=0;t={wait}")),
            ] {
                headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
            }
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
    let (remedy, required_scopes) = (None, None);
    let refusal = Refusal { status, name, message, remedy, required_scopes, id };
    let mut response = response(&refusal, dialect);
    if fault == Fault::Unrecorded {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn response(refusal: &Refusal<'_>, dialect: Dialect) -> Response<Answer> {
    let (content_type, body) = refusal.body(dialect);
    let mut response = Response::new(Answer::full(Bytes::from(body.to_string())));
    *response.status_mut() =
        StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn challenge(denial: &Denial, line: &Line, used: Option<Scheme>) -> Option<HeaderValue> {
    let challenge = Challenge {
        realm: &line.guarded.api,
        needed: &line.needed,
        demand: &line.demand,
        resource_metadata: Some(&line.resource_metadata),
        used,
    };
    HeaderValue::try_from(challenge.to(denial)?).ok()
}

fn seconds(ttl: Ttl) -> HeaderValue {
    HeaderValue::from(ttl.as_seconds().max(1))
}
