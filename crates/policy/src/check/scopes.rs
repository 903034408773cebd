//! Texts that are scopes, against the registry: a right that nobody can have is a slip.

use super::Rules;
use crate::{
    Finding,
    ast::{place, string},
};
use portcullis_types::{Registry, Scope, ScopeFault};

/// What has colons as scopes have, and is none.
const OTHERS: [&str; 8] = ["urn", "http", "https", "mailto", "spiffe", "sha256", "data", "spn"];

pub(super) fn findings(rules: &Rules<'_, '_>, registry: &Registry, findings: &mut Vec<Finding>) {
    for rule in &rules.program.rules {
        rule.each(&mut |expr| {
            let Some(text) = string(expr) else { return };
            findings.extend(unknown(text, place(expr.span()), registry));
        });
    }
}

pub(super) fn data(text: &str, registry: &Registry, findings: &mut Vec<Finding>) {
    let Ok(data) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let mut open = vec![&data];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::String(text) => {
                findings.extend(unknown(text, ("data.json", 0), registry));
            }
            serde_json::Value::Array(items) => open.extend(items),
            serde_json::Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
}

fn unknown(text: &str, place: (&str, u32), registry: &Registry) -> Option<Finding> {
    let scope = Scope::parse(text).ok()?;
    if OTHERS.contains(&scope.family()) {
        return None;
    }
    let fault = registry.known(&scope).err()?;
    let what = format!("no one can hold the scope '{text}'");
    let remedy = fault.to_string();
    // A family that nobody knows may be no scope at all.
    Some(match fault {
        ScopeFault::UnknownFamily { .. } => Finding::warning(place, what, remedy),
        _ => Finding::error(place, what, remedy),
    })
}
