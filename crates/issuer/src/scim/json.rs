//! Attributes of resources: their names differ in case (RFC 7643 §2.1), and a caller may want some only.

use super::Call;
use serde_json::Value;

/// The member of that name, whatever its case.
pub(super) fn get<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value
        .as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The text of a member; `None` as well if it is null or empty.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    get(value, name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A boolean, also as a text: directories send "False".
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// What the caller wants of a resource (RFC 7644 §3.9): `attributes`, or all but `excludedAttributes`. Only whole
/// attributes; `id` and `schemas` always come.
pub(super) fn project(mut value: Value, call: &Call) -> Value {
    let list = |name| {
        call.parameter(name).map(|list| {
            let word = |word: &str| {
                let word = word.trim().rsplit(':').next().unwrap_or_default();
                word.split('.').next().unwrap_or_default().to_ascii_lowercase()
            };
            list.split(',').map(word).collect::<Vec<_>>()
        })
    };
    let (wanted, excluded) = (list("attributes"), list("excludedAttributes"));
    if let Some(members) = value.as_object_mut() {
        members.retain(|key, _| {
            let key = key.to_ascii_lowercase();
            let always = matches!(key.as_str(), "id" | "schemas");
            let asked = wanted.as_ref().is_none_or(|wanted| wanted.contains(&key));
            let unwanted = excluded.as_ref().is_some_and(|excluded| excluded.contains(&key));
            always || (asked && !unwanted)
        });
    }
    value
}

/// Whether members of groups are wanted: they cost a query each.
pub(super) fn wants_members(call: &Call) -> bool {
    let has = |name| {
        call.parameter(name).map(|list| {
            list.split(',').any(|word| word.trim().to_ascii_lowercase().starts_with("members"))
        })
    };
    has("attributes").unwrap_or(true) && !has("excludedAttributes").unwrap_or(false)
}
