//! `/Groups` (RFC 7643 §4.2): of the people whom the same directory provisioned. The configuration says which roles
//! they bring.

use super::{
    Call,
    error::{Kind, ScimError},
    etag, json,
    patch::{Op, Operation},
    query::Query,
    resource::Resource,
    schema::{self, Fate},
};
use portcullis_directory::{Acting, Found, Group, Member, Members, Page};
use portcullis_types::PersonId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

impl Resource for Group {
    /// Some ten thousand members fit.
    const LARGEST: usize = 2 * 1024 * 1024;
    const SCHEMA: &'static str = SCHEMA;
    type Next = (Group, Members);

    async fn find(call: &Call, id: &str) -> Result<Option<Self>, ScimError> {
        Ok(call.directory.group(id).await?)
    }

    async fn found(call: &Call, query: &Query) -> Result<Found<Value>, ScimError> {
        match query.filter.clone() {
            // Who asks for members by filter pays for a look at all groups.
            Some(filter) if filter.mentions("members") => {
                let everything = Page { start: 0, count: 10_000 };
                let all = call.directory.groups(|_| true, everything).await?;
                let mut holding = Vec::new();
                for group in all.items {
                    let members = call.directory.members(&group).await?;
                    if filter.holds(&shown(&group, Some(&members), &call.base)) {
                        let told = json::wants_members(call).then_some(members.as_slice());
                        holding.push(shown(&group, told, &call.base));
                    }
                }
                Ok(query.cut(holding))
            }
            filter => {
                let test = move |group: &Group| {
                    filter.as_ref().is_none_or(|filter| filter.holds(&shown(group, None, "")))
                };
                let found = call.directory.groups(test, query.page).await?;
                let mut items = Vec::new();
                for group in &found.items {
                    items.push(group.shown(call).await?);
                }
                Ok(Found { total: found.total, items })
            }
        }
    }

    async fn create(call: &Call, body: &Value) -> Result<Self, ScimError> {
        let members = ids(json::get(body, "members").unwrap_or(&Value::Null))?;
        let (name, external) = (name(body)?, json::text(body, "externalId"));
        let (actor, mut entropy) = call.actor();
        let by = Acting { actor: &actor, now: call.now, entropy: &mut *entropy };
        Ok(call.directory.add_group(by, name, external, members).await?)
    }

    fn replaced(&self, body: &Value) -> Result<Self::Next, ScimError> {
        let add = ids(json::get(body, "members").unwrap_or(&Value::Null))?;
        let (name, external_id) = (name(body)?, json::text(body, "externalId"));
        let members = Members { only: true, add, ..Members::default() };
        Ok((Group { name, external_id, ..self.clone() }, members))
    }

    fn patched(&self, operations: &[Operation]) -> Result<Self::Next, ScimError> {
        let (mut group, mut members) = (self.clone(), Members::default());
        for operation in operations {
            if schema::GROUP.judge(operation)? == Fate::Done {
                apply(operation, &mut group, &mut members)?;
            }
        }
        Ok((group, members))
    }

    async fn commit(&self, call: &Call, (next, members): Self::Next) -> Result<Self, ScimError> {
        let (actor, mut entropy) = call.actor();
        let by = Acting { actor: &actor, now: call.now, entropy: &mut *entropy };
        Ok(call.directory.change_group(by, self, next, members).await?)
    }

    async fn remove(&self, call: &Call) -> Result<(), ScimError> {
        let (actor, mut entropy) = call.actor();
        let by = Acting { actor: &actor, now: call.now, entropy: &mut *entropy };
        Ok(call.directory.remove_group(by, self).await?)
    }

    fn version(&self) -> u32 {
        self.version
    }

    async fn shown(&self, call: &Call) -> Result<Value, ScimError> {
        let wanted = json::wants_members(call);
        let members = if wanted { Some(call.directory.members(self).await?) } else { None };
        Ok(shown(self, members.as_deref(), &call.base))
    }
}

fn name(body: &Value) -> Result<String, ScimError> {
    json::text(body, "displayName")
        .ok_or_else(|| ScimError::new(Kind::Value, "'displayName' is missing"))
}

/// One operation on a group. Of members only whole ones come and go.
fn apply(operation: &Operation, group: &mut Group, members: &mut Members) -> Result<(), ScimError> {
    let text = || {
        operation.value.as_str().map(str::to_owned).ok_or_else(|| {
            ScimError::new(Kind::Value, format!("'{}' must be a text", operation.path.name))
        })
    };
    match (operation.path.name.as_str(), operation.op) {
        ("displayname", _) => group.name = text()?,
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
            let add = ids(&operation.value)?;
            *members = Members { only: true, add, ..Members::default() };
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
fn gone(operation: &Operation) -> Result<Option<BTreeSet<PersonId>>, ScimError> {
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
fn ids(value: &Value) -> Result<BTreeSet<PersonId>, ScimError> {
    let list = match value {
        Value::Null => return Ok(BTreeSet::new()),
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
