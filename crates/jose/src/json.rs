//! Strict JSON: valid UTF-8, no duplicate member at any depth, bounded depth.
//!
//! RFC 7515 §4 lets a parser keep the last of two equal names; a verifier that reads the first and an
//! upstream that reads the last would then see two different tokens. So neither is read.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};
use std::{borrow::Cow, cell::RefCell, collections::HashSet, fmt};

/// Objects and arrays may nest this deep.
pub const DEPTH: usize = 32;

/// The text is not JSON that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON at all, or not UTF-8.
    #[error("not valid JSON at line {line}, column {column}")]
    Syntax {
        /// Counted from one.
        line: usize,
        /// Counted from one, in bytes.
        column: usize,
    },
    /// One object names a member twice.
    #[error("the member \"{name}\" occurs twice in one object")]
    Duplicate {
        /// The name, shortened.
        name: String,
    },
    /// Nested deeper than [`DEPTH`].
    #[error("nested deeper than {DEPTH} levels")]
    TooDeep,
    /// Valid, but not an object.
    #[error("a JSON object is expected")]
    NotAnObject,
}

/// Reads one object.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    match value(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonFault::NotAnObject),
    }
}

/// Reads one value of any kind.
pub fn value(bytes: &[u8]) -> Result<Value, JsonFault> {
    read(bytes, |checks| Strict { checks, depth: 0 })
}

/// Checks that the text is an object of unique names and bounded depth, and keeps nothing. With this
/// done, a typed `serde_json::from_slice` over the same bytes reads what every other parser reads.
pub fn unique(bytes: &[u8]) -> Result<(), JsonFault> {
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{') {
        read(bytes, |checks| Unique { checks, depth: 0 })
    } else {
        value(bytes).and(Err(JsonFault::NotAnObject))
    }
}

/// One member of an object: its name, and its value as it was written.
#[derive(Debug)]
pub struct Member<'a> {
    /// Its name, without escapes.
    pub name: Cow<'a, str>,
    /// Its value, valid JSON of unique names and bounded depth.
    pub value: &'a str,
}

/// Splits one object into its members in a single pass; their values stay text. For readers that look at
/// few members, often.
pub fn members(bytes: &[u8]) -> Result<Vec<Member<'_>>, JsonFault> {
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{') {
        read(bytes, Members)
    } else {
        value(bytes).and(Err(JsonFault::NotAnObject))
    }
}

/// Where a seed leaves the exact fault, since a `serde_json::Error` can carry only text.
#[derive(Default)]
pub(crate) struct Checks(RefCell<Option<JsonFault>>);

impl Checks {
    pub(crate) fn refuse<E: serde::de::Error>(&self, fault: JsonFault) -> E {
        self.0.replace(Some(fault));
        E::custom("refused")
    }

    fn deeper<E: serde::de::Error>(&self, depth: usize) -> Result<usize, E> {
        if depth < DEPTH { Ok(depth + 1) } else { Err(self.refuse(JsonFault::TooDeep)) }
    }
}

pub(crate) fn read<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: impl FnOnce(RefChecks) -> S,
) -> Result<S::Value, JsonFault> {
    let checks = RefChecks::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = seed(checks.clone());
    seed.deserialize(&mut deserializer)
        .and_then(|read| deserializer.end().map(|()| read))
        .map_err(|error| checks.0.take().unwrap_or_else(|| syntax(&error)))
}

/// Shared with the seed for the time of one read.
pub(crate) type RefChecks = std::rc::Rc<Checks>;

fn syntax(error: &serde_json::Error) -> JsonFault {
    JsonFault::Syntax { line: error.line(), column: error.column() }
}

/// The member names of one object, as far as it was read.
#[derive(Default)]
pub(crate) struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    const FEW: usize = 16;

    /// False if the name was there before.
    pub(crate) fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if self.many.is_empty() {
            if self.few.contains(&name) {
                return false;
            }
            self.few.push(name);
            if self.few.len() > Self::FEW {
                self.many.extend(self.few.drain(..));
            }
            true
        } else {
            self.many.insert(name)
        }
    }
}

/// A member name, borrowed from the input unless it was written with escapes.
pub(crate) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Builds a [`Value`].
struct Strict {
    checks: RefChecks,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.checks.deeper(self.depth)?;
        let mut array = Vec::new();
        while let Some(item) =
            items.next_element_seed(Strict { checks: self.checks.clone(), depth })?
        {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth = self.checks.deeper(self.depth)?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                let name = crate::seen(&name);
                return Err(self.checks.refuse(JsonFault::Duplicate { name }));
            }
            let value = members.next_value_seed(Strict { checks: self.checks.clone(), depth })?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// See [`members`].
struct Members(RefChecks);

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Vec<Member<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<Member<'de>> = Vec::with_capacity(16);
        let mut names = Names::default();
        while let Some(name) = object.next_key_seed(Name)? {
            if !names.insert(name.clone()) {
                return Err(self.0.refuse(JsonFault::Duplicate { name: crate::seen(&name) }));
            }
            let value = object.next_value::<&RawValue>()?.get();
            if may_hide(value) {
                let checked = read(value.as_bytes(), |checks| Unique { checks, depth: 1 });
                checked.map_err(|fault| self.0.refuse(fault))?;
            }
            members.push(Member { name, value });
        }
        Ok(members)
    }
}

/// A raw value was only skipped. A container may hide anything, a string a bad escape, a number that it is
/// out of range.
fn may_hide(value: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'{' | b'[') => true,
        Some(b'"') => value.contains('\\'),
        _ => value.contains(['e', 'E']),
    }
}

/// Checks and keeps nothing.
pub(crate) struct Unique {
    pub(crate) checks: RefChecks,
    pub(crate) depth: usize,
}

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.checks.deeper(self.depth)?;
        while items.next_element_seed(Unique { checks: self.checks.clone(), depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let depth = self.checks.deeper(self.depth)?;
        let mut names = Names::default();
        while let Some(name) = members.next_key_seed(Name)? {
            if !names.insert(name.clone()) {
                let name = crate::seen(&name);
                return Err(self.checks.refuse(JsonFault::Duplicate { name }));
            }
            members.next_value_seed(Unique { checks: self.checks.clone(), depth })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_refused_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":[{"c":1,"c":2}]}}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":1,"a":{"k":1,"k":1}}"#,
        ] {
            assert!(matches!(object(text.as_bytes()), Err(JsonFault::Duplicate { .. })), "{text}");
            assert!(matches!(unique(text.as_bytes()), Err(JsonFault::Duplicate { .. })), "{text}");
            assert!(matches!(members(text.as_bytes()), Err(JsonFault::Duplicate { .. })), "{text}");
        }
        let many: Vec<_> = (0..40).map(|i| format!("\"m{i}\":0")).collect();
        let text = format!("{{{},\"m3\":1}}", many.join(","));
        assert_eq!(unique(text.as_bytes()), Err(JsonFault::Duplicate { name: "m3".into() }));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(unique(nested(DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(unique(nested(DEPTH).as_bytes()), Err(JsonFault::TooDeep));
        assert_eq!(object(nested(5000).as_bytes()), Err(JsonFault::TooDeep));
        assert!(members(nested(DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(members(nested(DEPTH).as_bytes()).err(), Some(JsonFault::TooDeep));
    }

    #[test]
    fn only_one_object_of_valid_utf8_is_read() {
        for text in [&b"[]"[..], b"1", b"null", b" \"a\""] {
            assert_eq!(object(text), Err(JsonFault::NotAnObject));
            assert_eq!(unique(text), Err(JsonFault::NotAnObject));
            assert_eq!(members(text).err(), Some(JsonFault::NotAnObject));
        }
        for text in [
            &b"{\"a\":\"\xff\"}"[..],
            b"{\"\xc3\x28\":1}",
            b"{}{}",
            b"{} x",
            b"",
            b"{\"a\":1,}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\\ud800\"}",
            b"{'a':1}",
            b"{\"a\":NaN}",
            b"{\"a\":1e999}",
        ] {
            assert!(matches!(object(text), Err(JsonFault::Syntax { .. })), "{text:?}");
            assert!(matches!(unique(text), Err(JsonFault::Syntax { .. })), "{text:?}");
            assert!(matches!(members(text), Err(JsonFault::Syntax { .. })), "{text:?}");
        }
    }
}
