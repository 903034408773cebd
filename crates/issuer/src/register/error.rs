//! What an app is told that is not registered (RFC 7591 §3.2.2, RFC 6750 §3).

use super::answer::HEADERS;
use crate::client_metadata::MetadataError;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use portcullis_directory::{Fault, NotAdmitted};

/// Why not.
#[derive(Debug)]
pub(crate) enum RegistrationError {
    /// Nobody registers here.
    Off,
    /// A token is needed.
    NoToken,
    /// Not that one.
    WrongToken,
    /// Not admitted.
    NotAdmitted(NotAdmitted),
    /// Not `application/json`.
    MediaType,
    /// The request itself.
    Request(String),
    /// What the app says about itself.
    Metadata(MetadataError),
    /// Ours.
    Fault(Fault),
}

impl From<MetadataError> for RegistrationError {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error)
    }
}

impl From<Fault> for RegistrationError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Invalid(problem) => Self::Metadata(MetadataError::Metadata(problem)),
            other => Self::Fault(other),
        }
    }
}

impl RegistrationError {
    /// What was wrong, for the log: neither that nobody registers here, nor a failure of ours.
    pub(super) fn refusal(&self) -> Option<String> {
        Some(match self {
            Self::Off | Self::Fault(_) => return None,
            Self::NoToken => "no token".into(),
            Self::WrongToken | Self::NotAdmitted(NotAdmitted::Token) => {
                "the token is unknown, used up or expired".into()
            }
            Self::NotAdmitted(NotAdmitted::Quota { .. }) => "too many from this address".into(),
            Self::NotAdmitted(NotAdmitted::Full) => "there are as many as there may be".into(),
            Self::MediaType => "not application/json".into(),
            Self::Request(problem) => problem.clone(),
            Self::Metadata(error) => error.description().to_owned(),
        })
    }
}

impl IntoResponse for RegistrationError {
    fn into_response(self) -> Response {
        let wrong_token = "the token is unknown, used up or expired; ask the operator for another";
        let (status, error, description) = match &self {
            Self::Off => (StatusCode::NOT_FOUND, "invalid_request", "nobody can register here"),
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "send the token as Authorization: Bearer; an initial one comes from the operator",
            ),
            Self::WrongToken | Self::NotAdmitted(NotAdmitted::Token) => {
                (StatusCode::UNAUTHORIZED, "invalid_token", wrong_token)
            }
            Self::NotAdmitted(NotAdmitted::Quota { .. }) => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "too many apps registered from this address; wait, or ask the operator for a token",
            ),
            Self::NotAdmitted(NotAdmitted::Full) => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "there are as many such apps as there may be; ask the operator for a token",
            ),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_request",
                "the content type must be application/json",
            ),
            Self::Request(problem) => {
                (StatusCode::BAD_REQUEST, "invalid_request", problem.as_str())
            }
            Self::Metadata(error) => (StatusCode::BAD_REQUEST, error.name(), error.description()),
            Self::Fault(fault) => {
                tracing::error!(%fault, "a registration failed");
                let description = "the server failed; try again";
                (StatusCode::SERVICE_UNAVAILABLE, "server_error", description)
            }
        };
        let body = serde_json::json!({ "error": error, "error_description": description });
        let mut response = (status, HEADERS, body.to_string()).into_response();
        self.headers(status, error, &mut response);
        response
    }
}

impl RegistrationError {
    fn headers(&self, status: StatusCode, error: &str, response: &mut Response) {
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = match self {
                // RFC 6750 §3.1: who sent nothing is told no error.
                Self::NoToken => "Bearer realm=\"registration\"".to_owned(),
                _ => format!("Bearer realm=\"registration\", error=\"{error}\""),
            };
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
        }
        if let Self::NotAdmitted(NotAdmitted::Quota { retry_after }) = self {
            headers.insert(header::RETRY_AFTER, retry_after.as_seconds().max(1).into());
        }
    }
}
