//! What there is (RFC 7644 §4). Asked for with the token, like everything else.

use super::{Call, error::ScimError, group, plain, query::MOST, user};
use crate::server::State;
use axum::{
    extract::{Path, Request, State as Shared},
    response::Response,
};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// RFC 7643 §5.
pub(super) async fn service_provider(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    Call::of(&state, request).await.map(drop)?;
    Ok(plain(
        StatusCode::OK,
        &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": { "supported": true },
            "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
            "filter": { "supported": true, "maxResults": MOST },
            "changePassword": { "supported": false },
            "sort": { "supported": false },
            "etag": { "supported": true },
            "authenticationSchemes": [{
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token of 'portcullis scim token'",
                "primary": true,
            }],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": state.settings.url("/scim/v2/ServiceProviderConfig"),
            },
        }),
    ))
}

/// RFC 7643 §6.
pub(super) async fn resource_types(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    Call::of(&state, request).await.map(drop)?;
    Ok(plain(StatusCode::OK, &listed(&types(&state))))
}

/// RFC 7643 §6.
pub(super) async fn resource_type(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    Call::of(&state, request).await.map(drop)?;
    named(types(&state), &name)
}

/// RFC 7643 §7.
pub(super) async fn schemas(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    Call::of(&state, request).await.map(drop)?;
    Ok(plain(StatusCode::OK, &listed(&all_schemas(&state))))
}

/// RFC 7643 §7.
pub(super) async fn schema(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    Call::of(&state, request).await.map(drop)?;
    named(all_schemas(&state), &name)
}

fn named(all: Vec<Value>, name: &str) -> Result<Response, ScimError> {
    let found = all.into_iter().find(|one| one.get("id").and_then(Value::as_str) == Some(name));
    let found = found.ok_or_else(|| ScimError::nobody(name))?;
    Ok(plain(StatusCode::OK, &found))
}

fn listed(all: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": all.len(),
        "startIndex": 1,
        "itemsPerPage": all.len(),
        "Resources": all,
    })
}

fn types(state: &State) -> Vec<Value> {
    let one = |name: &str, endpoint: &str, schema: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": endpoint,
            "schema": schema,
            "meta": {
                "resourceType": "ResourceType",
                "location": state.settings.url(&format!("/scim/v2/ResourceTypes/{name}")),
            },
        })
    };
    vec![one("User", "/Users", user::SCHEMA), one("Group", "/Groups", group::SCHEMA)]
}

fn all_schemas(state: &State) -> Vec<Value> {
    let schema = |id: &str, name: &str, attributes: Vec<Value>| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": id,
            "name": name,
            "attributes": attributes,
            "meta": {
                "resourceType": "Schema",
                "location": state.settings.url(&format!("/scim/v2/Schemas/{id}")),
            },
        })
    };
    let names = ["formatted", "givenName", "middleName", "familyName"].map(text).to_vec();
    let places = ["formatted", "streetAddress", "locality", "region", "postalCode", "country"];
    let single = || {
        let primary = attribute("primary", "boolean", &[]);
        vec![text("value"), text("type"), primary]
    };
    let user = vec![
        text("userName").with("required", true.into()).with("uniqueness", "server".into()),
        text("externalId").with("caseExact", true.into()),
        text("displayName"),
        text("nickName"),
        text("profileUrl"),
        text("locale"),
        text("timezone"),
        attribute("active", "boolean", &[]),
        attribute("name", "complex", &names),
        attribute("emails", "complex", &single()).with("multiValued", true.into()),
        attribute("phoneNumbers", "complex", &single()).with("multiValued", true.into()),
        attribute("addresses", "complex", &places.map(text)).with("multiValued", true.into()),
    ];
    let members =
        [text("value"), text("display").with("mutability", "readOnly".into()), text("type")];
    let group = vec![
        text("displayName").with("required", true.into()).with("uniqueness", "server".into()),
        text("externalId").with("caseExact", true.into()),
        attribute("members", "complex", &members).with("multiValued", true.into()),
    ];
    vec![schema(user::SCHEMA, "User", user), schema(group::SCHEMA, "Group", group)]
}

fn text(name: &str) -> Value {
    attribute(name, "string", &[])
}

fn attribute(name: &str, kind: &str, within: &[Value]) -> Value {
    let mut value = json!({
        "name": name,
        "type": kind,
        "multiValued": false,
        "required": false,
        "caseExact": false,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    });
    if !within.is_empty() {
        value = value.with("subAttributes", within.into());
    }
    value
}

/// A member more, or another value of it.
trait With {
    fn with(self, name: &str, value: Value) -> Self;
}

impl With for Value {
    fn with(mut self, name: &str, value: Value) -> Self {
        if let Some(members) = self.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
        self
    }
}
