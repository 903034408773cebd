//! What must be true of a token besides: conditions on its claims, each of which must hold.
//!
//! Values are compared with their type and byte by byte: `"123"` is not `123`, and `Acme` is not `acme`.

use super::{ClaimPath, claims::Said};
use portcullis_types::ConditionRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A condition as somebody wrote it: exactly one of `equals`, `in` and `glob`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Which claim.
    pub claim: String,
    /// It is this text, whole number, or flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// It is one of these.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// It is a text that begins like this and goes on: `repo:acme/*`. Before the star is a `/` or `:`, so that no
    /// longer name begins like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glob: Option<String>,
}

/// A condition that can be held against a token.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) claim: ClaimPath,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    OneOf(Vec<Value>),
    /// With its separator, without its star.
    Beneath(String),
}

/// What is wrong with a condition, and what to do.
pub(super) type Wrong = (String, &'static str);

const ONE_TEST: &str = "write exactly one of equals, in and glob";

impl Condition {
    /// Its claim and its test, each for itself: both may be wrong.
    pub(super) fn checked(&self) -> Result<Checked, Vec<(&'static str, Wrong)>> {
        let claim = ClaimPath::parse(&self.claim)
            .map_err(|fault| ("claim", (fault.to_string(), "name a claim of the token")));
        match (claim, self.test()) {
            (Ok(claim), Ok(test)) => Ok(Checked { claim, test }),
            (claim, test) => Err([claim.err(), test.err()].into_iter().flatten().collect()),
        }
    }

    fn test(&self) -> Result<Test, (&'static str, Wrong)> {
        match (&self.equals, &self.one_of, &self.glob) {
            (Some(value), None, None) => Ok(Test::OneOf(vec![scalar("equals", value)?])),
            (None, Some(values), None) if values.is_empty() => {
                Err(("in", ("holds for no token: the list is empty".into(), "name the values")))
            }
            (None, Some(values), None) => {
                let values = values.iter().map(|value| scalar("in", value));
                values.collect::<Result<_, _>>().map(Test::OneOf)
            }
            (None, None, Some(glob)) => match prefix(glob) {
                Ok(prefix) => Ok(Test::Beneath(prefix.to_owned())),
                Err(wrong) => Err(("glob", wrong)),
            },
            (None, None, None) => Err(("claim", ("tests nothing".into(), ONE_TEST))),
            _ => Err(("claim", ("tests in more than one way".into(), ONE_TEST))),
        }
    }
}

/// A fraction has many spellings, and nothing but a text has a length that says something.
fn scalar(field: &'static str, value: &Value) -> Result<Value, (&'static str, Wrong)> {
    let fits = match value {
        Value::String(text) => !text.is_empty() && text.len() <= 512,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    if fits {
        return Ok(value.clone());
    }
    let what = format!("{} cannot be compared", shown(value));
    Err((field, (what, "compare with a text of 1 to 512 bytes, a whole number, true or false")))
}

/// The text before the star of an anchored glob.
fn prefix(glob: &str) -> Result<&str, Wrong> {
    const ANCHOR: &str = "end it with '/' or ':' and one '*', such as repo:acme/*";
    let Some(prefix) = glob.strip_suffix('*') else {
        let what = format!("'{}' has no star at its end", cut(glob));
        return Err((what, "use equals for one value, or end it with '/*' or ':*'"));
    };
    if prefix.contains(['*', '?', '[', ']', '(', ')', '{', '}', '^', '$', '\\', '|']) {
        let what = format!("'{}' is a pattern of another kind", cut(glob));
        return Err((what, "regular expressions are not read, and a star stands at the end alone"));
    }
    if prefix.is_empty() {
        return Err(("'*' holds for every token".into(), ANCHOR));
    }
    if !prefix.ends_with(['/', ':']) {
        let what = format!("'{}' is not anchored: longer names begin like it", cut(glob));
        return Err((what, ANCHOR));
    }
    Ok(prefix)
}

impl Checked {
    /// How it goes with these claims.
    pub(super) fn judge(&self, said: &Said<'_>) -> ConditionRow {
        let found = said.at(&self.claim);
        let held = found.as_ref().is_some_and(|value| self.test.holds(value));
        ConditionRow {
            claim: self.claim.to_string(),
            wanted: self.test.wanted(),
            found: found.as_ref().map(shown),
            held,
        }
    }

    /// Whether it says which of a shared issuer's customers it is.
    pub(super) fn singles_out(&self, claim: &str) -> bool {
        self.claim.is(claim) && matches!(self.test, Test::OneOf(_))
    }

    /// Whether it holds for that value.
    pub(super) fn holds_for(&self, value: &Value) -> bool {
        self.test.holds(value)
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::OneOf(values) => values.contains(value),
            Self::Beneath(prefix) => value
                .as_str()
                .and_then(|text| text.strip_prefix(&**prefix))
                .is_some_and(|rest| !rest.is_empty()),
        }
    }

    fn wanted(&self) -> String {
        match self {
            Self::OneOf(values) => values.iter().map(shown).collect::<Vec<_>>().join(" or "),
            Self::Beneath(prefix) => format!("a text that begins with {prefix} and goes on"),
        }
    }
}

/// A value as JSON, cut to a length that a record bears.
pub(super) fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

/// Text from outside, cut to a length that a record bears.
pub(super) fn cut(text: &str) -> String {
    const LIMIT: usize = 200;
    let mut out: String = text.chars().take(LIMIT).collect();
    if text.chars().nth(LIMIT).is_some() {
        out.push('…');
    }
    out
}
