//! PATCH (RFC 7644 §3.5.2), in the shapes that directories really send: `op` in any case, `active` as the text
//! "False", values without a path, dotted names as members, and a list of members beside `remove`.

use super::{
    error::{Kind, ScimError},
    filter::{Filter, Operator, Path},
    json,
};
use serde_json::{Map, Value};

/// Operations of a request, and values that an attribute may come to have: each is compared with each.
const MOST: usize = 1000;
const MOST_VALUES: usize = 100;

/// One operation. Without a path it was taken apart into one for each member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) op: Op,
    pub(super) path: Path,
    pub(super) filter: Option<Filter>,
    pub(super) value: Value,
    /// Whether the caller wrote the path, or it is a member of an object.
    pub(super) spelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Replace,
    Remove,
}

/// The operations of a request, in order.
pub(super) fn operations(body: &Value) -> Result<Vec<Operation>, ScimError> {
    let list = json::get(body, "Operations").and_then(Value::as_array);
    let list = list.filter(|list| !list.is_empty() && list.len() <= MOST).ok_or_else(|| {
        ScimError::new(Kind::Syntax, "'Operations' must be a list of 1 to 1000 operations")
    })?;
    let mut all = Vec::new();
    for operation in list {
        parse(operation, &mut all)?;
        if all.len() > MOST {
            return Err(ScimError::new(
                Kind::Syntax,
                "more than 1000 attributes are changed at once",
            ));
        }
    }
    Ok(all)
}

fn parse(operation: &Value, all: &mut Vec<Operation>) -> Result<(), ScimError> {
    let op = json::text(operation, "op").unwrap_or_default().to_ascii_lowercase();
    let op = match op.as_str() {
        "add" => Op::Add,
        "replace" => Op::Replace,
        "remove" => Op::Remove,
        _ => return Err(ScimError::new(Kind::Syntax, "'op' must be add, replace or remove")),
    };
    let value = json::get(operation, "value").cloned().unwrap_or(Value::Null);
    if op != Op::Remove && value.is_null() && json::get(operation, "value").is_none() {
        return Err(ScimError::new(Kind::Value, "'value' is missing"));
    }
    if let Some(path) = json::text(operation, "path") {
        let (target, filter) = parsed(&path)?;
        if !is_of_another_schema(&path) {
            all.push(Operation { op, path: target, filter, value, spelled: true });
        }
        return Ok(());
    }
    let Value::Object(members) = value else {
        return Err(match op {
            Op::Remove => ScimError::new(Kind::NoTarget, "'remove' needs a path"),
            _ => ScimError::new(Kind::Value, "without a path, 'value' must be an object"),
        });
    };
    if op == Op::Remove {
        return Err(ScimError::new(Kind::NoTarget, "'remove' needs a path"));
    }
    for (name, value) in members {
        // An extension's members also come as an object of their own.
        if is_of_another_schema(&name) {
            continue;
        }
        let (path, filter) = parsed(&name)?;
        all.push(Operation { op, path, filter, value, spelled: false });
    }
    Ok(())
}

/// Of what extensions add (RFC 7643 §4.3), nothing is kept here.
fn is_of_another_schema(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let core = "urn:ietf:params:scim:schemas:core:2.0:";
    path.starts_with("urn:") && !path.starts_with(core)
}

/// `name`, `name.sub`, `name[filter]` or `name[filter].sub`.
fn parsed(text: &str) -> Result<(Path, Option<Filter>), ScimError> {
    let bad = || {
        let seen = portcullis_directory::excerpt(text);
        ScimError::new(Kind::Path, format!("'{seen}' is no path of an attribute"))
    };
    let Some((name, rest)) = text.split_once('[') else {
        return Ok((Path::parse(text).ok_or_else(bad)?, None));
    };
    let (filter, after) = rest.rsplit_once(']').ok_or_else(bad)?;
    let name = Path::parse(name).filter(|path| path.sub.is_none()).ok_or_else(bad)?;
    let sub = match after.strip_prefix('.') {
        Some(sub) => Some(Path::parse(sub).filter(|path| path.sub.is_none()).ok_or_else(bad)?.name),
        None if after.is_empty() => None,
        None => return Err(bad()),
    };
    Ok((Path { name: name.name, sub }, Some(Filter::parse(filter)?)))
}

impl Operation {
    /// Applies it to a resource as JSON.
    pub(super) fn apply(&self, resource: &mut Value) -> Result<(), ScimError> {
        let Some(members) = resource.as_object_mut() else { return Ok(()) };
        let name = &self.path.name;
        let key = members.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
        let key = key.unwrap_or_else(|| name.clone());
        let many = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
        if many(members.get(&key)) + many(Some(&self.value)) > MOST_VALUES {
            let problem = format!("'{name}' would have more than {MOST_VALUES} values");
            return Err(ScimError::new(Kind::Value, problem));
        }
        match (&self.filter, &self.path.sub, self.op) {
            (None, None, Op::Remove) => {
                members.remove(&key);
            }
            (None, None, op) => {
                let old = members.remove(&key);
                members.insert(key, joined(old, self.value.clone(), op));
            }
            (None, Some(sub), _) => {
                let target = members.entry(key).or_insert_with(|| Value::Object(Map::new()));
                match target {
                    Value::Array(list) => {
                        if list.is_empty() {
                            list.push(Value::Object(Map::new()));
                        }
                        list.iter_mut().take(1).for_each(|value| self.set(value, sub));
                    }
                    value => self.set(value, sub),
                }
            }
            (Some(filter), sub, _) => {
                let target = members.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                if !target.is_array() {
                    *target = Value::Array(vec![target.take()]);
                }
                if let Some(list) = target.as_array_mut() {
                    self.apply_to(list, filter, sub.as_deref());
                }
            }
        }
        Ok(())
    }

    fn apply_to(&self, list: &mut Vec<Value>, filter: &Filter, sub: Option<&str>) {
        if self.op == Op::Remove && sub.is_none() {
            list.retain(|value| !filter.holds(value));
            return;
        }
        if self.op != Op::Remove && !list.iter().any(|value| filter.holds(value)) {
            // `emails[type eq "work"].value` where there is none: it comes to be.
            list.push(described(filter));
        }
        for value in list.iter_mut().filter(|value| filter.holds(value)) {
            match sub {
                Some(sub) => self.set(value, sub),
                None => *value = joined(Some(value.take()), self.value.clone(), Op::Add),
            }
        }
    }

    fn set(&self, target: &mut Value, sub: &str) {
        if !target.is_object() {
            *target = Value::Object(Map::new());
        }
        let Some(members) = target.as_object_mut() else { return };
        let key = members.keys().find(|key| key.eq_ignore_ascii_case(sub)).cloned();
        let key = key.unwrap_or_else(|| sub.to_owned());
        match self.op {
            Op::Remove => {
                members.remove(&key);
            }
            _ => {
                members.insert(key, self.value.clone());
            }
        }
    }
}

/// What is there and what comes: lists grow by `add`, objects take members over, all else is replaced.
fn joined(old: Option<Value>, new: Value, op: Op) -> Value {
    match (old, new, op) {
        (Some(Value::Array(mut old)), Value::Array(new), Op::Add) => {
            for value in new {
                if !old.contains(&value) {
                    old.push(value);
                }
            }
            Value::Array(old)
        }
        (Some(Value::Array(mut old)), new @ Value::Object(_), Op::Add) => {
            old.push(new);
            Value::Array(old)
        }
        (Some(Value::Object(mut old)), Value::Object(new), _) => {
            for (name, value) in new {
                old.retain(|key, _| !key.eq_ignore_ascii_case(&name));
                old.insert(name, value);
            }
            Value::Object(old)
        }
        (_, new, _) => new,
    }
}

/// The value that a filter of equalities describes.
fn described(filter: &Filter) -> Value {
    fn fill(filter: &Filter, members: &mut Map<String, Value>) {
        match filter {
            Filter::And(a, b) => {
                fill(a, members);
                fill(b, members);
            }
            Filter::Compare(path, Operator::Equal, value) => {
                members.insert(path.name.clone(), value.clone());
            }
            _ => {}
        }
    }
    let mut members = Map::new();
    fill(filter, &mut members);
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(operations: &Value) -> Value {
        let mut resource = json!({
            "userName": "alice", "active": true, "name": { "givenName": "Alice" },
            "emails": [{ "type": "work", "value": "a@work.example", "primary": true }],
        });
        for operation in super::operations(&json!({ "Operations": operations })).unwrap() {
            operation.apply(&mut resource).unwrap();
        }
        resource
    }

    #[test]
    fn the_shapes_of_directories_are_understood() {
        let entra = patched(&json!([
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "Add", "path": "name.familyName", "value": "Example" },
            { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "b@work.example" },
            { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1" },
            { "op": "Add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:nickName", "value": "Al" },
        ]));
        assert_eq!(entra["active"], "False");
        assert_eq!(entra["name"], json!({ "givenName": "Alice", "familyname": "Example" }));
        assert_eq!(entra["emails"][0]["value"], "b@work.example");
        assert_eq!(entra["phonenumbers"], json!([{ "type": "mobile", "value": "+1" }]));
        assert_eq!(entra["nickname"], "Al");
        let okta = patched(
            &json!([{ "op": "replace", "value": { "active": false, "name.givenName": "Bo" } }]),
        );
        assert_eq!((&okta["active"], &okta["name"]["givenName"]), (&json!(false), &json!("Bo")));
        let removed = patched(&json!([
            { "op": "remove", "path": "emails[type eq \"work\"]" },
            { "op": "remove", "path": "name.givenName" },
        ]));
        assert_eq!((&removed["emails"], &removed["name"]), (&json!([]), &json!({})));
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        for (operations, kind) in [
            (json!([]), Kind::Syntax),
            (json!("x"), Kind::Syntax),
            (json!([{ "op": "move", "path": "a", "value": 1 }]), Kind::Syntax),
            (json!([{ "op": "remove" }]), Kind::NoTarget),
            (json!([{ "op": "replace", "path": "active" }]), Kind::Value),
            (json!([{ "op": "replace", "value": "x" }]), Kind::Value),
            (json!([{ "op": "replace", "path": "a b", "value": 1 }]), Kind::Path),
            (json!([{ "op": "replace", "path": "a[b eq 1", "value": 1 }]), Kind::Path),
            (json!([{ "op": "replace", "path": "a[b is 1].c", "value": 1 }]), Kind::Filter),
            (json!([{ "op": "replace", "path": "a[b pr]c", "value": 1 }]), Kind::Path),
            (json!([{ "op": "replace", "path": "urn:a:b c", "value": 1 }]), Kind::Path),
        ] {
            let refused = super::operations(&json!({ "Operations": operations })).unwrap_err();
            assert_eq!(refused.kind, kind, "{operations}");
        }
    }
}
