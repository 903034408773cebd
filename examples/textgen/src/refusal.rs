//! What is wrong with a request, and how the two dialects say it.

use axum::{
    Json,
    body::Bytes,
    extract::rejection::BytesRejection,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::json;

/// A request that cannot be answered. As a response, it is an OpenAI error object.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

/// The same as an Anthropic error object.
pub(crate) struct AnthropicRefusal(Refusal);

impl Refusal {
    /// `param` is missing, or out of its range.
    pub(crate) fn parameter(param: &'static str, message: &str) -> Self {
        Self { param: Some(param), ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    pub(crate) fn unknown_model(message: &str) -> Self {
        let code = Some("model_not_found");
        Self { param: Some("model"), code, ..Self::new(StatusCode::NOT_FOUND, message) }
    }

    pub(crate) fn new(status: StatusCode, message: &str) -> Self {
        Self { status, message: message.to_owned(), param: None, code: None }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json!({
            "message": self.message, "type": "invalid_request_error", "param": self.param, "code": self.code,
        });
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

impl From<Refusal> for AnthropicRefusal {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for AnthropicRefusal {
    fn into_response(self) -> Response {
        let Refusal { status, message, param, .. } = self.0;
        let kind = match status {
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
            _ => "invalid_request_error",
        };
        let message = param.map_or_else(|| message.clone(), |param| format!("{param}: {message}"));
        (status, Json(json!({ "type": "error", "error": { "type": kind, "message": message } })))
            .into_response()
    }
}

/// Reads a JSON body, whatever its content type says.
pub(crate) fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let body =
        body.map_err(|rejection| Refusal::new(rejection.status(), &rejection.body_text()))?;
    serde_json::from_slice(&body).map_err(|error| {
        let fault = if error.is_data() {
            "The body has an unusable member"
        } else {
            "The body is not JSON"
        };
        Refusal::new(StatusCode::BAD_REQUEST, &format!("{fault}: {error}."))
    })
}

/// A member that must be there.
pub(crate) fn required<T>(param: &'static str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::parameter(param, "It is required."))
}

/// `value` if it is at least `least` and at most `most`; `default` if it is absent.
pub(crate) fn within<T: PartialOrd + Copy + std::fmt::Display>(
    param: &'static str,
    value: Option<T>,
    default: T,
    (least, most): (T, T),
) -> Result<T, Refusal> {
    let value = value.unwrap_or(default);
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Refusal::parameter(param, &format!("It must be from {least} to {most}, not {value}.")))
}

pub(crate) async fn no_such_path(method: Method, uri: Uri) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, &format!("There is no {method} {}.", uri.path()))
}

pub(crate) async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, &format!("{} does not take {method}.", uri.path()))
}
