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
mod resource;
mod schema;
mod user;

use crate::{
    remote,
    server::{EntropySource, State},
};
use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::get,
};
use error::{Kind, ScimError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use portcullis_directory::{Acting, Action, Group, Person, Provisioner};
use portcullis_types::{Entropy, Timestamp};
use portcullis_web::{bearer, form};
use serde_json::Value;
use std::sync::Arc;

const CONTENT_TYPE: &str = "application/scim+json";

/// Everything below `{issuer}/scim/v2`.
pub(crate) fn routes(path: &str) -> Router<Arc<State>> {
    let at = |below: &str| format!("{path}/scim/v2{below}");
    Router::new()
        .merge(resource::routes::<Person>(&at("/Users")))
        .merge(resource::routes::<Group>(&at("/Groups")))
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
    /// All that it can reach.
    directory: Provisioner,
    headers: HeaderMap,
    query: Vec<(String, String)>,
    now: Timestamp,
    entropy: EntropySource,
    /// `{issuer}/scim/v2`.
    base: String,
}

impl Call {
    /// Who calls (RFC 6750 §2.1). Leaves the body unread.
    async fn of(state: &State, request: Request) -> Result<(Self, Body), ScimError> {
        let (parts, body) = request.into_parts();
        let now = (state.clock)();
        let directory = match bearer(&parts.headers) {
            Ok(Some(token)) => state.directory.provisioner(token, now).await?,
            Ok(None) | Err(_) => None,
        };
        let Some(directory) = directory else {
            turned_away(state, &parts, now).await?;
            let wanted = "a bearer token of 'portcullis scim token' is needed";
            return Err(ScimError::new(Kind::Unauthorized, wanted));
        };
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query = query.into_owned().collect();
        let (entropy, base) = (state.entropy.clone(), state.settings.url("/scim/v2"));
        Ok((Self { directory, headers: parts.headers, query, now, entropy, base }, body))
    }

    /// The same, with a JSON body.
    async fn with_body(
        state: &State,
        request: Request,
        largest: usize,
    ) -> Result<(Self, Value), ScimError> {
        let (call, body) = Self::of(state, request).await?;
        if !matches!(form::media_type(&call.headers).as_deref(), Some(CONTENT_TYPE | form::JSON)) {
            let wanted = "the body must be application/scim+json or application/json";
            return Err(ScimError::new(Kind::MediaType, wanted));
        }
        let bytes = axum::body::to_bytes(body, largest).await.map_err(|_| {
            let problem = format!("the body is larger than {} KiB", largest / 1024);
            ScimError::new(Kind::TooLarge, problem)
        })?;
        // A member that occurs twice is read in two ways: by us in one, by the directory in the other.
        let read = portcullis_jose::json::object(&bytes);
        let object = read.map_err(|fault| {
            ScimError::new(Kind::Syntax, format!("the body is not JSON for us: {fault}"))
        })?;
        Ok((call, Value::Object(object)))
    }

    /// Who acts, as the audit log shows it, and where ids come from.
    fn actor(&self) -> (String, Box<dyn Entropy>) {
        (format!("scim:{}", self.directory.name()), (self.entropy)())
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the caller names the version that it means to change (RFC 7644 §3.14), and another is there.
    fn is_late(&self, version: u32) -> bool {
        self.names_version() && !self.lists(&header::IF_MATCH, version)
    }

    /// Whether it names one at all.
    fn names_version(&self) -> bool {
        let mut named = self.headers.get_all(header::IF_MATCH).iter();
        named.any(|value| value != "*")
    }

    fn lists(&self, name: &HeaderName, version: u32) -> bool {
        // What is ours is weak, and some leave that out.
        let is_ours = |one: &str| one.trim().trim_start_matches("W/") == format!("\"{version}\"");
        let mut all = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        all.any(|value| value.split(',').any(is_ours))
    }

    fn knows(&self, version: u32) -> bool {
        self.lists(&header::IF_NONE_MATCH, version)
    }
}

/// Records that somebody came without a token in force.
async fn turned_away(state: &State, parts: &Parts, now: Timestamp) -> Result<(), ScimError> {
    let from = remote::address(&parts.extensions, &parts.headers, &state.settings.trusted_proxies);
    let mut entropy = (state.entropy)();
    let by = Acting { actor: "scim", now, entropy: &mut *entropy };
    let problem = match bearer(&parts.headers) {
        Ok(Some(_)) => "the token is unknown, ended or expired",
        Ok(None) => "no token",
        Err(_) => "no bearer token, or more than one",
    };
    Ok(state.directory.turn_away(by, Action::ScimRefuse, from, problem).await?)
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

/// Both parsers, and what they lead to.
#[cfg(fuzzing)]
pub(crate) fn fuzzed(filter: &str, body: &str) {
    let user = serde_json::json!({
        "userName": "alice", "active": true, "name": { "givenName": "Alice" },
        "emails": [{ "type": "work", "value": "a@work.example", "primary": true }],
    });
    if let Ok(filter) = filter::Filter::parse(filter) {
        let _ = (filter.holds(&user), filter.must_equal("emails", Some("value")));
    }
    let Ok(body) = serde_json::from_str::<Value>(body) else { return };
    let Ok(operations) = patch::operations(&body) else { return };
    let mut changed = user;
    let _ = operations.iter().try_for_each(|operation| operation.apply(&mut changed));
    let now = Timestamp::from_seconds(1_800_000_000);
    let group = Group {
        id: "grp_1".into(),
        name: "People".into(),
        external_id: None,
        version: 1,
        created: now,
        updated: now,
    };
    let _ = resource::Resource::patched(&group, &operations);
}

/// Any JSON.
fn plain(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], value.to_string()).into_response()
}
