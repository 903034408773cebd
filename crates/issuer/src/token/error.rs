//! What a refused client is told (RFC 6749 §5.2), and what it is not.

use super::answer::{DECISION_ID, NO_CACHE};
use crate::shape::ShapeFault;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use portcullis_directory as directory;
use portcullis_jose::{Alg, SigningFault};
use portcullis_store::StoreFault;
use portcullis_types::{DecisionId, Denial, GrantedFault, InboundFault, Ttl};
use serde::Serialize;

/// Why there is no token: their mistake, or ours.
#[derive(Debug)]
pub(crate) enum TokenError {
    Denied(Box<Denial>),
    Fault(Fault),
}

/// A failure of ours. Its inside is logged and never shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Directory(#[from] directory::Fault),
    #[error("there is no key to sign {0} with")]
    NoKey(Alg),
    #[error("there is no key to sign with")]
    NoKeys,
    #[error(transparent)]
    Signing(#[from] SigningFault),
    #[error(transparent)]
    Shape(#[from] ShapeFault),
}

impl From<Denial> for TokenError {
    fn from(denial: Denial) -> Self {
        Self::Denied(Box::new(denial))
    }
}

impl From<Fault> for TokenError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StoreFault> for TokenError {
    fn from(fault: StoreFault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<directory::Fault> for TokenError {
    fn from(fault: directory::Fault) -> Self {
        Self::Fault(fault.into())
    }
}

impl Fault {
    /// The same request may succeed in a moment.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Store(fault) | Self::Directory(directory::Fault::Store(fault)) => fault.passes(),
            Self::Directory(directory::Fault::Busy)
            // The client's keys are elsewhere, and whoever has them may answer again.
            | Self::Shape(ShapeFault::Unreachable(_)) => true,
            _ => false,
        }
    }
}

/// RFC 6749 §5.2: a client that used the `Authorization` header is told the scheme that works there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Unasked,
}

impl Challenge {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(header::AUTHORIZATION) { Self::Basic } else { Self::Unasked }
    }
}

/// A refusal on its way out.
pub(crate) struct Refused {
    pub(crate) id: DecisionId,
    pub(crate) error: TokenError,
    pub(crate) challenge: Challenge,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
    /// Our own name for the reason.
    code: &'a str,
    decision_id: DecisionId,
    #[serde(flatten)]
    hint: Option<Hint>,
    #[serde(flatten)]
    step_up: Option<StepUp<'a>>,
}

/// With what sign-in it would be granted (RFC 9470 §3, draft-ietf-oauth-identity-assertion-authz-grant).
#[derive(Serialize)]
struct StepUp<'a> {
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    acr_values: &'a str,
}

/// What helps an honest client and tells a dishonest one nothing but its own request.
#[derive(Serialize)]
struct Hint {
    detail: String,
    remedy: String,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match &self.error {
            TokenError::Denied(denial) => self.denied(denial),
            TokenError::Fault(fault) => self.failed(fault),
        }
    }
}

impl Refused {
    fn denied(&self, denial: &Denial) -> Response {
        let code = denial.code();
        let status = StatusCode::from_u16(code.status).unwrap_or(StatusCode::BAD_REQUEST);
        let words;
        let body = Body {
            error: code.error.unwrap_or("invalid_request"),
            error_description: code.description,
            code: code.name,
            decision_id: self.id,
            hint: hint(denial),
            step_up: match denial {
                Denial::BadInbound {
                    fault: InboundFault::WeakAuthentication { max_age, acr_values, .. },
                    ..
                } => {
                    words = acr_values.join(" ");
                    Some(StepUp { max_age: max_age.map(Ttl::as_seconds), acr_values: &words })
                }
                _ => None,
            },
        };
        let mut response = self.answer(status, &body);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED && self.challenge == Challenge::Basic {
            let basic = "Basic realm=\"token endpoint\", charset=\"UTF-8\"";
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(basic));
        }
        if let Denial::Throttled { retry_after, .. }
        | Denial::BadInbound {
            fault: InboundFault::KeysUnavailable { retry_after, .. }, ..
        } = denial
        {
            headers.insert(header::RETRY_AFTER, retry_after.as_seconds().max(1).into());
        }
        response
    }

    /// Not recorded: a record each is what a flood would be after.
    fn too_many(&self, retry_after: Ttl) -> Response {
        let body = Body {
            error: "temporarily_unavailable",
            error_description: "Too many requests; wait and try again",
            code: "too_many_requests",
            decision_id: self.id,
            hint: None,
            step_up: None,
        };
        let mut response = self.answer(StatusCode::TOO_MANY_REQUESTS, &body);
        let wait = retry_after.as_seconds().max(1);
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
        response
    }

    fn failed(&self, fault: &Fault) -> Response {
        if let Fault::Directory(directory::Fault::TooMany { retry_after }) = fault {
            return self.too_many(*retry_after);
        }
        tracing::error!(decision_id = %self.id, %fault, "no token was issued: a failure of ours");
        let (status, error, description) = if fault.passes() {
            let description = "The server cannot answer now; try again";
            (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description)
        } else {
            let description = "The server failed; the decision id names this failure in its log";
            (StatusCode::INTERNAL_SERVER_ERROR, "server_error", description)
        };
        let code = error;
        let body = Body {
            error,
            error_description: description,
            code,
            decision_id: self.id,
            hint: None,
            step_up: None,
        };
        let mut response = self.answer(status, &body);
        if fault.passes() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn answer(&self, status: StatusCode, body: &Body<'_>) -> Response {
        let id = [(DECISION_ID, self.id.to_string())];
        let body = serde_json::to_vec(body).unwrap_or_default();
        (status, NO_CACHE, id, body).into_response()
    }
}

/// Nothing about the client before it has proven itself: not even that it exists.
fn hint(denial: &Denial) -> Option<Hint> {
    if let Some(detail) = denial.told() {
        return Some(Hint { detail, remedy: denial.remedy().change });
    }
    let remedy = match denial {
        Denial::BadTarget { found, .. } if found.len() > 1 => {
            "Ask for one token per resource.".to_owned()
        }
        Denial::BadRequest { .. }
        | Denial::UnknownGrantType { .. }
        | Denial::GrantNotAllowed { .. }
        | Denial::BadTarget { .. }
        | Denial::BadScope { .. }
        | Denial::BadPossession { .. }
        | Denial::NoScopeLeft { .. }
        // At the endpoint for pushed requests, as the authorization endpoint would say it.
        | Denial::BadAuthorization { .. }
        | Denial::BadRedirect { .. }
        // Whose a code or token was, and what became of it, is not told.
        | Denial::BadGranted {
            fault:
                GrantedFault::RedirectUri
                | GrantedFault::CodeVerifier { .. }
                | GrantedFault::Wider { .. }
                | GrantedFault::SlowDown { .. },
            ..
        } => denial.remedy().change,
        _ => return None,
    };
    Some(Hint { detail: denial.found(), remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_get_better_by_itself_is_not_called_temporary() {
        for (fault, passes) in [
            (Fault::from(StoreFault::Busy), true),
            (StoreFault::Unreachable("it is away".into()).into(), true),
            (directory::Fault::Busy.into(), true),
            (ShapeFault::Unreachable("it is away".into()).into(), true),
            (StoreFault::rejected("a row that cannot be read").into(), false),
            (StoreFault::ReadOnly.into(), false),
            (ShapeFault::NoKeys.into(), false),
            (Fault::NoKey(Alg::ES256), false),
        ] {
            assert_eq!(fault.passes(), passes, "{fault}");
        }
    }
}
