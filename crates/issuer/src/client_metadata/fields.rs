//! The members of client metadata, each with its type. `null` is the same as none.

use super::MetadataError;
use portcullis_types::Ttl;
use serde_json::{Map, Value};

/// Longer texts describe nobody.
const LONGEST: usize = 2000;
/// Longer lists neither.
const MOST: usize = 50;

/// A metadata object.
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The member, whatever its type.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text; an empty one is none.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, MetadataError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= LONGEST => {
                Ok(Some(text.as_str()).filter(|text| !text.is_empty()))
            }
            Some(Value::String(_)) => Err(self.wrong(name, "a text of at most 2000 bytes")),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    /// A text of at most 200 visible bytes.
    pub(crate) fn short(&self, name: &str) -> Result<Option<&'a str>, MetadataError> {
        let text = self.text(name)?;
        match text.filter(|text| text.len() > 200 || text.chars().any(char::is_control)) {
            Some(_) => Err(self.wrong(name, "at most 200 bytes without control characters")),
            None => Ok(text),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, MetadataError> {
        let list = match self.value(name) {
            None => return Ok(None),
            Some(Value::Array(list)) if list.len() <= MOST => list,
            Some(_) => return Err(self.wrong(name, "a list of at most 50 texts")),
        };
        let text = |item: &'a Value| item.as_str().filter(|text| text.len() <= LONGEST);
        let texts: Option<Vec<_>> = list.iter().map(text).collect();
        texts.map(Some).ok_or_else(|| self.wrong(name, "a list of texts"))
    }

    /// `true` or `false`; without it, false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, MetadataError> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// A number of seconds, at most a hundred years.
    pub(crate) fn seconds(&self, name: &str) -> Result<Option<Ttl>, MetadataError> {
        const CENTURY: u64 = 100 * 365 * 24 * 3600;
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.as_u64().filter(|seconds| *seconds <= CENTURY) {
            Some(seconds) => Ok(Some(Ttl::seconds(seconds))),
            None => Err(self.wrong(name, "a whole number of seconds")),
        }
    }

    /// That it is not what it should be.
    #[expect(clippy::unused_self, reason = "a member's fault is told by who read it")]
    pub(crate) fn wrong(&self, name: &str, expected: &str) -> MetadataError {
        MetadataError::Metadata(format!("{name} must be {expected}"))
    }
}
