//! Why `authorization_details` are refused (RFC 9396 §5): which object, which field, what was found and what
//! would be right.

use crate::{denial::cut, scope::excerpt};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetailsProblem {
    /// Not a JSON array of objects, or a member twice, or nested too deep.
    Malformed,
    /// No type that we know.
    UnknownType,
    /// A field that this type does not have.
    UnknownField,
    /// A field of the wrong shape.
    BadValue,
    /// More, or longer, than is read.
    TooLarge,
    /// More is asked for than may be had. What may be had belongs to others, so callers are not told.
    Wider,
    /// What two sides allow has nothing in common.
    Excluded,
}

/// One mistake in `authorization_details`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailsFault {
    /// Its kind.
    pub problem: DetailsProblem,
    /// Which object: by its place while it is read, by its type and identifier when it is compared.
    pub object: String,
    /// Which field of it, as a path; `None` if it is the object as a whole.
    pub field: Option<String>,
    /// What was there, cut to a safe length.
    pub found: String,
    /// What would have passed.
    pub expected: String,
}

impl DetailsFault {
    pub(super) fn new(problem: DetailsProblem, object: impl Into<String>) -> Self {
        let (found, expected) = (String::new(), String::new());
        Self { problem, object: object.into(), field: None, found, expected }
    }

    pub(super) fn field(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    pub(super) fn found(self, found: &str) -> Self {
        Self { found: excerpt(found), ..self }
    }

    pub(super) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: cut(&expected.into()), ..self }
    }

    /// Where it is: `authorization_details[1].limits.tokens_per_day`.
    pub fn place(&self) -> String {
        match &self.field {
            Some(field) => format!("{}.{field}", self.object),
            None => self.object.clone(),
        }
    }
}

impl fmt::Display for DetailsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; expected: {}", self.place(), self.found, self.expected)
    }
}

impl std::error::Error for DetailsFault {}
