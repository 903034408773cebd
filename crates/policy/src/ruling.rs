//! What a policy answers, read strictly: a decision that is not exactly one denies.

use crate::Revision;
use portcullis_types::{Scope, Scopes};
use regorus::Value;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The answer at one point.
///
/// `scopes` and `datasets` can only narrow: whoever asked intersects them with what there was
/// before. The engine does not know what there was, so it cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// Whether it may happen.
    pub allow: bool,
    /// The most that may be left of the scopes; `None` leaves what there was, and adds nothing.
    pub scopes: Option<Scopes>,
    /// The most that may be left of the datasets, by id; `None` leaves what there was.
    pub datasets: Option<Vec<Box<str>>>,
    /// What the caller of the engine must see to if it allows.
    pub obligations: Obligations,
    /// Why, in the policy's words.
    pub reasons: Vec<Reason>,
    /// Who decided: the policy, or a failure of it.
    pub cause: Cause,
    /// The bundle that decided.
    pub revision: Revision,
}

/// What must be seen to when something is allowed. An absent one asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligations {
    /// Tokens in the answer, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Requests in a minute, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Seconds that the token lives, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<u64>,
    /// The `acr` that the caller must reach first (RFC 9470).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<Box<str>>,
}

/// One reason, in the policy's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// A stable word for machines: `tier.model`.
    pub code: Box<str>,
    /// A sentence for people.
    pub text: Box<str>,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by", content = "detail")]
pub enum Cause {
    /// The policy, by its own rules.
    Policy,
    /// Nobody: the bundle has no policy for this point.
    Absent,
    /// Nobody: the decision is undefined, as when two rules contradict each other.
    Undefined,
    /// Nobody: the input was none of this point.
    Input,
    /// Nobody: the policy failed.
    Error(String),
    /// Nobody: the policy ran into its limit of instructions or of time.
    Limit(String),
    /// Nobody: the answer was no decision.
    Answer(String),
}

/// Reasons in a ruling, at most.
const MAX_REASONS: usize = 32;
/// Bytes in a text that a policy gives, at most.
const MAX_TEXT: usize = 512;
/// Datasets in a ruling, at most.
const MAX_DATASETS: usize = 1024;

impl Ruling {
    /// A denial that no policy spoke.
    pub(crate) fn failed(cause: Cause, revision: Revision) -> Self {
        let (scopes, datasets, reasons) = (None, None, Vec::new());
        let obligations = Obligations::default();
        Self { allow: false, scopes, datasets, obligations, reasons, cause, revision }
    }

    /// Reads a decision. A field that is not known, a wrong type, a scope that is none: denied.
    pub(crate) fn read(decision: &Value, revision: Revision) -> Self {
        if matches!(decision, Value::Undefined) {
            return Self::failed(Cause::Undefined, revision);
        }
        match Self::parse(decision, revision) {
            Ok(ruling) => ruling,
            Err(fault) => Self::failed(Cause::Answer(fault.0), revision),
        }
    }

    fn parse(decision: &Value, revision: Revision) -> Result<Self, Fault> {
        let Value::Object(fields) = decision else {
            return Err(wanted("decision", "an object", decision));
        };
        let mut ruling = Self::failed(Cause::Policy, revision);
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

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("decided by the policy"),
            Self::Absent => f.write_str("denied: the bundle has no policy for this point"),
            Self::Undefined => f.write_str(
                "denied: the decision is undefined; two rules may contradict each other",
            ),
            Self::Input => f.write_str("denied: the input is none of this point"),
            Self::Error(detail) => write!(f, "denied: the policy failed: {detail}"),
            Self::Limit(detail) => write!(f, "denied: the policy ran into its limit: {detail}"),
            Self::Answer(detail) => write!(f, "denied: the answer is no decision: {detail}"),
        }
    }
}
