//! Errors in SCIM's shape (RFC 7644 §3.12).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use portcullis_directory::Fault;
use serde_json::json;

/// What kind of error it is: status and `scimType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Syntax,
    Filter,
    Path,
    Value,
    NoTarget,
    /// It is read-only, or required.
    Mutability,
    Uniqueness,
    Unauthorized,
    NotFound,
    Method,
    Stale,
    TooLarge,
    MediaType,
    Ours,
    Busy,
}

/// An error, in words that help.
#[derive(Debug)]
pub(super) struct ScimError {
    pub(super) kind: Kind,
    detail: String,
}

impl ScimError {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    pub(super) fn stale() -> Self {
        Self::new(Kind::Stale, "it changed meanwhile; read it again")
    }

    pub(super) fn contended() -> Self {
        Self::new(Kind::Busy, "others change it at the same time; try again")
    }

    pub(super) fn nobody(id: &str) -> Self {
        Self::new(
            Kind::NotFound,
            format!("there is no resource {}", portcullis_directory::excerpt(id)),
        )
    }
}

impl Kind {
    const fn status(self) -> StatusCode {
        match self {
            Self::Syntax
            | Self::Filter
            | Self::Path
            | Self::Value
            | Self::NoTarget
            | Self::Mutability => StatusCode::BAD_REQUEST,
            Self::Uniqueness => StatusCode::CONFLICT,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Stale => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Ours => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn scim_type(self) -> Option<&'static str> {
        match self {
            Self::Syntax => Some("invalidSyntax"),
            Self::Filter => Some("invalidFilter"),
            Self::Path => Some("invalidPath"),
            Self::Value => Some("invalidValue"),
            Self::NoTarget => Some("noTarget"),
            Self::Mutability => Some("mutability"),
            Self::Uniqueness => Some("uniqueness"),
            _ => None,
        }
    }
}

impl From<Fault> for ScimError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::LoginTaken(_) | Fault::GroupTaken(_) => {
                Self::new(Kind::Uniqueness, fault.to_string())
            }
            Fault::Invalid(problem) => Self::new(Kind::Value, problem),
            // As a member of a group: the resource itself was looked up before.
            Fault::UnknownPerson(_) => Self::new(Kind::Value, fault.to_string()),
            Fault::UnknownGroup(_) => Self::new(Kind::NotFound, fault.to_string()),
            Fault::Stale => Self::stale(),
            Fault::Busy | Fault::TooMany { .. } => Self::new(Kind::Busy, "busy; try again"),
            fault => {
                tracing::error!(%fault, "a SCIM request failed");
                Self::new(Kind::Ours, "it failed here, and nothing was changed; try again")
            }
        }
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": status.as_u16().to_string(),
            "detail": self.detail,
        });
        if let (Some(kind), Some(members)) = (self.kind.scim_type(), body.as_object_mut()) {
            members.insert("scimType".to_owned(), kind.into());
        }
        let mut response = super::plain(status, &body);
        if self.kind == Kind::Unauthorized {
            let challenge = HeaderValue::from_static("Bearer realm=\"scim\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
