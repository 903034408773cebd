//! `/Groups` (RFC 7643 §4.2). The configuration says which roles they bring.

use super::{
    Call, answer,
    error::{Kind, ScimError},
    etag, json,
    patch::{self, Op, Operation},
    plain,
    query::Query,
};
use crate::server::State;
use axum::{
    extract::{Path, Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use portcullis_directory::{Fault, Found, Group, Member, Members, Page};
use portcullis_types::PersonId;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// RFC 7644 §3.4.2.
pub(super) async fn list(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, _) = Call::of(&state, request).await?;
    let query = Query::of(&call)?;
    let found = match query.filter.clone() {
        // Who asks for members by filter pays for a look at all groups.
        Some(filter) if filter.mentions("members") => {
            let everything = Page { start: 0, count: 10_000 };
            let all = state.directory.groups(|_| true, everything).await?;
            let mut holding = Vec::new();
            for group in all.items {
                let value = whole(&state, &group, json::wants_members(&call)).await?;
                let members = state.directory.members(&group.id).await?;
                if filter.holds(&shown(&group, Some(&members), "")) {
                    holding.push(value);
                }
            }
            query.cut(holding)
        }
        filter => {
            let test = move |group: &Group| {
                filter.as_ref().is_none_or(|filter| filter.holds(&shown(group, None, "")))
            };
            let found = state.directory.groups(test, query.page).await?;
            let mut items = Vec::new();
            for group in &found.items {
                items.push(whole(&state, group, json::wants_members(&call)).await?);
            }
            Found { total: found.total, items }
        }
    };
    Ok(plain(StatusCode::OK, &query.list(&call, found)))
}

/// RFC 7644 §3.3.
pub(super) async fn create(
    Shared(state): Shared<Arc<State>>,
    request: Request,
) -> Result<Response, ScimError> {
    let (mut call, body) = Call::with_body(&state, request).await?;
    let name = json::text(&body, "displayName")
        .ok_or_else(|| ScimError::new(Kind::Value, "'displayName' is missing"))?;
    let members = ids(json::get(&body, "members").unwrap_or(&Value::Null))?;
    let (actor, external) = (call.actor(), json::text(&body, "externalId"));
    let group = state.directory.add_group(call.acting(&actor), name, external, members).await?;
    respond(&state, call, StatusCode::CREATED, &group).await
}

/// RFC 7644 §3.4.1.
pub(super) async fn read(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, _) = Call::of(&state, request).await?;
    let group = state.directory.group(&id).await?.ok_or_else(|| ScimError::nobody(&id))?;
    respond(&state, call, StatusCode::OK, &group).await
}

/// RFC 7644 §3.5.1.
pub(super) async fn replace(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, body) = Call::with_body(&state, request).await?;
    let name = json::text(&body, "displayName")
        .ok_or_else(|| ScimError::new(Kind::Value, "'displayName' is missing"))?;
    let add = ids(json::get(&body, "members").unwrap_or(&Value::Null))?;
    let external = json::text(&body, "externalId");
    edit(&state, call, &id, move |group, members| {
        group.name = name;
        group.external_id = external;
        *members = Members { only: true, add, remove: Vec::new() };
        Ok(())
    })
    .await
}

/// RFC 7644 §3.5.2.
pub(super) async fn change(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (call, body) = Call::with_body(&state, request).await?;
    let operations = patch::operations(&body)?;
    edit(&state, call, &id, move |group, members| {
        for operation in &operations {
            apply(operation, group, members)
                .map_err(|fault| Fault::Invalid(fault.into_detail()))?;
        }
        Ok(())
    })
    .await
}

/// RFC 7644 §3.6.
pub(super) async fn delete(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ScimError> {
    let (mut call, _) = Call::of(&state, request).await?;
    let actor = call.actor();
    state.directory.remove_group(call.acting(&actor), &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn edit(
    state: &State,
    mut call: Call,
    id: &str,
    edit: impl FnOnce(&mut Group, &mut Members) -> Result<(), Fault> + Send + 'static,
) -> Result<Response, ScimError> {
    let (version, actor) = (call.if_match()?, call.actor());
    let checked = move |group: &mut Group, members: &mut Members| {
        if version.is_some_and(|version| version != group.version) {
            return Err(Fault::Stale);
        }
        edit(group, members)
    };
    let group = state.directory.edit_group(call.acting(&actor), id, checked).await?;
    respond(state, call, StatusCode::OK, &group).await
}

/// One operation on a group. Of members only whole ones come and go.
fn apply(operation: &Operation, group: &mut Group, members: &mut Members) -> Result<(), ScimError> {
    let text = || {
        operation.value.as_str().map(str::to_owned).ok_or_else(|| {
            ScimError::new(Kind::Value, format!("'{}' must be a text", operation.path.name))
        })
    };
    match (operation.path.name.as_str(), operation.op) {
        ("displayname", Op::Add | Op::Replace) => group.name = text()?,
        ("displayname", Op::Remove) => {
            return Err(ScimError::new(Kind::Value, "'displayName' cannot be removed"));
        }
        ("externalid", Op::Remove) => group.external_id = None,
        ("externalid", _) => group.external_id = Some(text()?),
        ("members", Op::Remove) => {
            let gone = gone(operation)?;
            match gone {
                Some(gone) => {
                    members.add.retain(|id| !gone.contains(id));
                    members.remove.extend(gone);
                }
                None => *members = Members { only: true, ..Members::default() },
            }
        }
        ("members", Op::Replace) if operation.filter.is_none() => {
            *members = Members { only: true, add: ids(&operation.value)?, remove: Vec::new() };
        }
        ("members", _) => {
            let came = ids(&operation.value)?;
            members.remove.retain(|id| !came.contains(id));
            members.add.extend(came);
        }
        // Attributes that we do not keep.
        _ => {}
    }
    Ok(())
}

/// Who goes: by `members[value eq "…"]`, by a list beside `remove`, or, with neither, everybody.
fn gone(operation: &Operation) -> Result<Option<Vec<PersonId>>, ScimError> {
    if let Some(filter) = &operation.filter {
        let value = filter.must_equal("value", None).ok_or_else(|| {
            ScimError::new(Kind::Filter, "members are removed by members[value eq \"id\"]")
        })?;
        // Who is not here is in no group.
        return Ok(Some(PersonId::new(value).into_iter().collect()));
    }
    if operation.value.is_null() { Ok(None) } else { ids(&operation.value).map(Some) }
}

/// `[{"value": "usr_…"}]`, or one of them alone.
fn ids(value: &Value) -> Result<Vec<PersonId>, ScimError> {
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let id = |member: &Value| {
        let text = member.as_str().map(str::to_owned).or_else(|| json::text(member, "value"));
        text.and_then(|text| PersonId::new(&text).ok()).ok_or_else(|| {
            ScimError::new(Kind::Value, "each member needs the id of a user as its 'value'")
        })
    };
    list.iter().map(id).collect()
}

async fn respond(
    state: &State,
    call: Call,
    status: StatusCode,
    group: &Group,
) -> Result<Response, ScimError> {
    let with_members = json::wants_members(&call);
    let value = whole(state, group, with_members).await?;
    Ok(answer(&call, status, group.version, &value))
}

async fn whole(state: &State, group: &Group, with_members: bool) -> Result<Value, ScimError> {
    let base = state.settings.url("/scim/v2");
    let members = if with_members { Some(state.directory.members(&group.id).await?) } else { None };
    Ok(shown(group, members.as_deref(), &base))
}

fn shown(group: &Group, members: Option<&[Member]>, base: &str) -> Value {
    let mut value = json!({
        "schemas": [SCHEMA],
        "id": group.id,
        "displayName": group.name,
        "meta": {
            "resourceType": "Group",
            "created": group.created.to_string(),
            "lastModified": group.updated.to_string(),
            "location": format!("{base}/Groups/{}", group.id),
            "version": etag(group.version),
        },
    });
    let member = |member: &Member| {
        json!({
            "value": member.id,
            "display": member.login,
            "type": "User",
            "$ref": format!("{base}/Users/{}", member.id),
        })
    };
    if let Some(all) = value.as_object_mut() {
        if let Some(external) = &group.external_id {
            all.insert("externalId".to_owned(), external.as_str().into());
        }
        if let Some(members) = members {
            all.insert("members".to_owned(), members.iter().map(member).collect());
        }
    }
    value
}
