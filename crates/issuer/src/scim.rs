//! SCIM 2.0 (RFC 7643, RFC 7644): a company's directory creates, changes and disables people here, and says in
//! which groups they are. `active: false` ends everything that is theirs at once.
//!
//! Not there, and said so in `/ServiceProviderConfig`: bulk, sorting, passwords.

mod discovery;
mod error;
mod filter;
mod group;
mod json;
mod patch;
mod query;
mod user;

use crate::server::State;
use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::get,
};
use error::{Kind, ScimError};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use portcullis_directory::{Acting, ScimToken};
use portcullis_types::{Entropy, Timestamp};
use serde_json::Value;
use std::sync::Arc;

/// A group of some ten thousand members fits.
const LARGEST_BODY: usize = 2 * 1024 * 1024;
const CONTENT_TYPE: &str = "application/scim+json";

/// Everything below `{issuer}/scim/v2`.
pub(crate) fn routes(path: &str) -> Router<Arc<State>> {
    let at = |below: &str| format!("{path}/scim/v2{below}");
    Router::new()
        .route(&at("/Users"), get(user::list).post(user::create))
        .route(
            &at("/Users/{id}"),
            get(user::read).put(user::replace).patch(user::change).delete(user::delete),
        )
        .route(&at("/Groups"), get(group::list).post(group::create))
        .route(
            &at("/Groups/{id}"),
            get(group::read).put(group::replace).patch(group::change).delete(group::delete),
        )
        .route(&at("/ServiceProviderConfig"), get(discovery::service_provider))
        .route(&at("/ResourceTypes"), get(discovery::resource_types))
        .route(&at("/ResourceTypes/{name}"), get(discovery::resource_type))
        .route(&at("/Schemas"), get(discovery::schemas))
        .route(&at("/Schemas/{name}"), get(discovery::schema))
        .method_not_allowed_fallback(|| async {
            ScimError::new(Kind::Method, "this resource does not have this method")
        })
}

/// A request of a directory that showed its token.
struct Call {
    token: ScimToken,
    headers: HeaderMap,
    query: Vec<(String, String)>,
    now: Timestamp,
    entropy: Box<dyn Entropy>,
}

impl Call {
    /// Who calls (RFC 6750 §2.1: in the header, nowhere else). Leaves the body unread.
    async fn of(state: &State, request: Request) -> Result<(Self, Body), ScimError> {
        let (parts, body) = request.into_parts();
        let now = (state.clock)();
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let token = match bearer {
            Some(bearer) => state.directory.scim_token(bearer, now).await?,
            None => None,
        };
        let wanted = "a bearer token of 'portcullis scim token' is needed";
        let token = token.ok_or_else(|| ScimError::new(Kind::Unauthorized, wanted))?;
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query = query.into_owned().collect();
        let entropy = (state.entropy)();
        Ok((Self { token, headers: parts.headers, query, now, entropy }, body))
    }

    /// The same, with a JSON body.
    async fn with_body(state: &State, request: Request) -> Result<(Self, Value), ScimError> {
        let (call, body) = Self::of(state, request).await?;
        let kind = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if ![CONTENT_TYPE, "application/json"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        {
            let wanted = "the body must be application/scim+json or application/json";
            return Err(ScimError::new(Kind::MediaType, wanted));
        }
        let bytes = axum::body::to_bytes(body, LARGEST_BODY).await;
        let bytes =
            bytes.map_err(|_| ScimError::new(Kind::TooLarge, "the body is larger than 2 MiB"))?;
        // A member that occurs twice is read in two ways: by us in one, by the directory in the other.
        let read = portcullis_jose::json::object(&bytes);
        let object = read.map_err(|fault| {
            ScimError::new(Kind::Syntax, format!("the body is not JSON for us: {fault}"))
        })?;
        Ok((call, Value::Object(object)))
    }

    /// Who acts, as the audit log shows it.
    fn actor(&self) -> String {
        format!("scim:{}", self.token.name)
    }

    fn acting<'a>(&'a mut self, actor: &'a str) -> Acting<'a> {
        Acting { actor, now: self.now, entropy: &mut *self.entropy }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The version that the caller saw last, if it cares (RFC 7644 §3.14). `Err`: none of ours.
    fn if_match(&self) -> Result<Option<u32>, ScimError> {
        match self.headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default()) {
            None | Some("*") => Ok(None),
            Some(text) => {
                let version = text.trim_start_matches("W/").trim_matches('"').parse().ok();
                version.map(Some).ok_or_else(ScimError::stale)
            }
        }
    }

    fn knows(&self, version: u32) -> bool {
        let seen = self.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        seen.is_some_and(|seen| seen.split(',').any(|one| one.trim() == etag(version)))
    }
}

fn etag(version: u32) -> String {
    format!("W/\"{version}\"")
}

/// A resource, or 304 if the caller has it.
fn answer(call: &Call, status: StatusCode, version: u32, value: &Value) -> Response {
    if status == StatusCode::OK && call.knows(version) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = plain(status, &json::project(value.clone(), call));
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&etag(version)) {
        headers.insert(header::ETAG, tag);
    }
    let location = value.pointer("/meta/location").and_then(Value::as_str);
    if let Some(location) = location.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// Any JSON.
fn plain(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], value.to_string()).into_response()
}
