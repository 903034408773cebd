//! A policy's answer, read strictly: a decision that is not exactly one denies.

use portcullis_types::{Cause, Obligations, Reason, Revision, Ruling, Scope, Scopes};
use regorus::Value;

/// Reasons in a ruling, at most.
const MAX_REASONS: usize = 32;
/// Bytes in a text that a policy gives, at most.
const MAX_TEXT: usize = 512;
/// Datasets in a ruling, at most.
const MAX_DATASETS: usize = 1024;

/// Reads a decision. A field that is not known, a wrong type, a scope that is none: denied.
pub(crate) fn read(decision: &Value, revision: Revision) -> Ruling {
    if matches!(decision, Value::Undefined) {
        return Ruling::failed(Cause::Undefined, revision);
    }
    match parse(decision, revision) {
        Ok(ruling) => ruling,
        Err(fault) => Ruling::failed(Cause::Answer(fault.0), revision),
    }
}

fn parse(decision: &Value, revision: Revision) -> Result<Ruling, Fault> {
    let Value::Object(fields) = decision else {
        return Err(wanted("decision", "an object", decision));
    };
    let mut ruling = Ruling::failed(Cause::Policy, revision);
    let mut said = false;
    for (key, value) in fields.iter_sorted() {
        let Value::String(key) = key else { return Err(wanted("a field", "text", key)) };
        match &**key {
            "allow" => {
                let Value::Bool(allow) = value else {
                    return Err(wanted("allow", "true or false", value));
                };
                (ruling.allow, said) = (*allow, true);
            }
            "scopes" => ruling.scopes = Some(scopes(value)?),
            "datasets" => ruling.datasets = Some(datasets(value)?),
            "obligations" => ruling.obligations = obligations(value)?,
            "reasons" => ruling.reasons = reasons(value)?,
            other => return Err(unknown("a decision", other)),
        }
    }
    if said { Ok(ruling) } else { Err(Fault("the decision has no 'allow'".into())) }
}

/// What is wrong with an answer.
struct Fault(String);

#[cold]
fn wanted(place: &str, kind: &str, seen: &Value) -> Fault {
    let seen = match seen {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Set(_) => "a set",
        Value::Object(_) => "an object",
        Value::Undefined => "undefined",
    };
    Fault(format!("'{place}' is {seen}; it must be {kind}"))
}

#[cold]
fn unknown(place: &str, field: &str) -> Fault {
    let field: String = field.chars().take(64).collect();
    Fault(format!("{place} has no field '{field}'"))
}

/// The items of an array or a set, at most `most` of them.
fn items<'v>(place: &str, value: &'v Value, most: usize) -> Result<Vec<&'v Value>, Fault> {
    let items: Vec<_> = match value {
        Value::Array(items) => items.iter().take(most + 1).collect(),
        Value::Set(items) => items.iter().take(most + 1).collect(),
        _ => return Err(wanted(place, "an array or a set", value)),
    };
    if items.len() > most {
        return Err(Fault(format!("'{place}' has more than {most} items")));
    }
    Ok(items)
}

fn text<'v>(place: &str, value: &'v Value) -> Result<&'v str, Fault> {
    match value {
        Value::String(text) if text.len() <= MAX_TEXT => Ok(text),
        Value::String(_) => Err(Fault(format!("'{place}' is longer than {MAX_TEXT} bytes"))),
        _ => Err(wanted(place, "text", value)),
    }
}

fn scopes(value: &Value) -> Result<Scopes, Fault> {
    let scope = |item| {
        let text = text("scopes", item)?;
        Scope::parse(text).map_err(|fault| Fault(format!("'scopes': {fault}")))
    };
    items("scopes", value, Scopes::MAX)?.into_iter().map(scope).collect()
}

fn datasets(value: &Value) -> Result<Vec<Box<str>>, Fault> {
    let items = items("datasets", value, MAX_DATASETS)?;
    items.into_iter().map(|item| text("datasets", item).map(Into::into)).collect()
}

fn obligations(value: &Value) -> Result<Obligations, Fault> {
    let Value::Object(fields) = value else {
        return Err(wanted("obligations", "an object", value));
    };
    let mut obligations = Obligations::default();
    for (key, value) in fields.iter_sorted() {
        let Value::String(key) = key else { return Err(wanted("an obligation", "text", key)) };
        let number = || value.as_u64().map_err(|_| wanted(key, "a whole number ≥ 0", value));
        match &**key {
            "max_output_tokens" => obligations.max_output_tokens = Some(number()?),
            "requests_per_minute" => obligations.requests_per_minute = Some(number()?),
            "max_ttl" => obligations.max_ttl = Some(number()?),
            "step_up" => obligations.step_up = Some(text("step_up", value)?.into()),
            other => return Err(unknown("'obligations'", other)),
        }
    }
    Ok(obligations)
}

fn reasons(value: &Value) -> Result<Vec<Reason>, Fault> {
    items("reasons", value, MAX_REASONS)?.into_iter().map(reason).collect()
}

fn reason(value: &Value) -> Result<Reason, Fault> {
    let Value::Object(fields) = value else {
        return Err(wanted("a reason", "an object with 'code' and 'text'", value));
    };
    let mut reason = Reason { code: "".into(), text: "".into() };
    for (key, value) in fields.iter_sorted() {
        let Value::String(key) = key else { return Err(wanted("a reason", "text", key)) };
        match &**key {
            "code" => reason.code = text("code", value)?.into(),
            "text" => reason.text = text("text", value)?.into(),
            other => return Err(unknown("a reason", other)),
        }
    }
    if reason.code.is_empty() || reason.text.is_empty() {
        return Err(Fault("a reason needs 'code' and 'text'".into()));
    }
    Ok(reason)
}
