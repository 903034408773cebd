//! From JSON to [`Details`]: strictly, and no more than a token may hold.

use super::{
    ArgumentValue, Detail, DetailLimit, DetailList, DetailType, Details, DetailsFault,
    DetailsProblem::{BadValue, Malformed, TooLarge, UnknownField, UnknownType},
};
use crate::{Audience, strict::Strict};
use serde::{Deserialize, Deserializer, de::DeserializeSeed as _};
use serde_json::{Map, Number, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

/// List, object, `arguments`, argument, `in`.
const DEPTH: usize = 5;
const MAX_LIST: usize = 32;
const MAX_ARGUMENTS: usize = 16;
const MAX_TEXT: usize = 128;
const WHOLE: &str = "authorization_details";
/// `usd_per_day` has four decimals.
pub(super) const PER_DOLLAR: u64 = 10_000;
/// A thousand million dollars: beyond, and a JSON number loses its decimals.
const MAX_DOLLARS: u64 = 1_000_000_000;

impl Details {
    /// Reads the parameter `authorization_details` (RFC 9396 §2).
    pub fn parse(text: &str) -> Result<Self, DetailsFault> {
        if text.len() > Self::MAX_BYTES {
            return Err(too_long(text.len()));
        }
        let value = Strict { depth: DEPTH }.read(text).map_err(|problem| {
            DetailsFault::new(Malformed, WHOLE)
                .found(&problem)
                .expected("a JSON array of objects, each member once, nested no deeper than needed")
        })?;
        Self::of(&value)
    }

    /// Reads the claim `authorization_details` of a token whose JSON was read strictly.
    pub fn of(value: &Value) -> Result<Self, DetailsFault> {
        let whole = |problem| DetailsFault::new(problem, WHOLE);
        let Value::Array(objects) = value else {
            return Err(whole(Malformed).found(kind(value)).expected("an array of objects"));
        };
        if objects.len() > Self::MAX {
            let fault = whole(TooLarge).found(&format!("{} objects", objects.len()));
            return Err(fault.expected(format!("at most {} objects", Self::MAX)));
        }
        let read = objects.iter().enumerate().map(|(place, value)| {
            let object = Object(format!("{WHOLE}[{place}]"));
            match value {
                Value::Object(members) => object.read(members),
                other => Err(object.fault(Malformed).found(kind(other)).expected("a JSON object")),
            }
        });
        let details = Self::sorted(read.collect::<Result<_, _>>()?);
        let bytes = details.to_string().len();
        if bytes > Self::MAX_BYTES { Err(too_long(bytes)) } else { Ok(details) }
    }
}

#[cold]
fn too_long(bytes: usize) -> DetailsFault {
    DetailsFault::new(TooLarge, WHOLE)
        .found(&format!("{bytes} bytes"))
        .expected(format!("at most {} bytes", Details::MAX_BYTES))
}

/// One object by its place, while it is read.
struct Object(String);

impl Object {
    #[cold]
    fn fault(&self, problem: super::DetailsProblem) -> DetailsFault {
        DetailsFault::new(problem, &*self.0)
    }

    #[cold]
    fn bad(&self, field: &str, found: &str, expected: impl Into<String>) -> DetailsFault {
        self.fault(BadValue).field(field).found(found).expected(expected)
    }

    fn read(&self, members: &Map<String, Value>) -> Result<Detail, DetailsFault> {
        let kind = self.kind(members.get("type"))?;
        let mut detail = Detail {
            kind,
            identifier: None,
            lists: BTreeMap::new(),
            limits: BTreeMap::new(),
            arguments: BTreeMap::new(),
        };
        for (name, value) in members.iter().filter(|(name, _)| *name != "type") {
            if !kind.fields().contains(&&**name) {
                let expected = format!("{} with {}", kind.name(), kind.fields().join(", "));
                return Err(self.fault(UnknownField).found(name).expected(expected));
            }
            match DetailList::ALL.into_iter().find(|list| list.name() == name) {
                Some(list) => {
                    detail.lists.insert(list, self.list(kind, list, value)?);
                }
                None if name == "identifier" => {
                    detail.identifier = Some(self.identifier(value)?);
                }
                None if name == "limits" => detail.limits = self.limits(value)?,
                None => detail.arguments = self.arguments(value)?,
            }
        }
        Ok(detail)
    }

    fn kind(&self, found: Option<&Value>) -> Result<DetailType, DetailsFault> {
        let name = found.and_then(Value::as_str);
        DetailType::ALL.into_iter().find(|kind| Some(kind.name()) == name).ok_or_else(|| {
            let known: Vec<_> = DetailType::ALL.into_iter().map(DetailType::name).collect();
            let found = name.or(found.map(self::kind)).unwrap_or("none");
            self.fault(UnknownType).field("type").found(found).expected(known.join(" or "))
        })
    }

    fn list(
        &self,
        kind: DetailType,
        list: DetailList,
        value: &Value,
    ) -> Result<BTreeSet<Box<str>>, DetailsFault> {
        let rule = match list {
            DetailList::Locations => "absolute URIs without fragment".to_owned(),
            DetailList::Actions => kind.actions().join(", "),
            _ => "names of lower-case letters, digits, '-' or '_' that start with a letter".into(),
        };
        let fits = |text: &str| match list {
            DetailList::Locations => Audience::new(text).is_ok(),
            DetailList::Actions => kind.actions().contains(&text),
            _ => is_name(text),
        };
        let items = self.items(list.name(), value)?;
        let read = items.iter().map(|item| match item.as_str() {
            Some(text) if fits(text) => Ok(text.into()),
            Some(text) => Err(self.bad(list.name(), text, &*rule)),
            None => Err(self.bad(list.name(), self::kind(item), &*rule)),
        });
        read.collect()
    }

    /// An empty list would allow nothing at all, which is said by not asking.
    fn items<'v>(&self, field: &str, value: &'v Value) -> Result<&'v [Value], DetailsFault> {
        let expected = format!("an array of 1 to {MAX_LIST} values");
        match value {
            Value::Array(items) if (1..=MAX_LIST).contains(&items.len()) => Ok(items),
            Value::Array(items) => {
                let found = format!("{} values", items.len());
                Err(self.fault(TooLarge).field(field).found(&found).expected(expected))
            }
            other => Err(self.bad(field, kind(other), expected)),
        }
    }

    fn identifier(&self, value: &Value) -> Result<Box<str>, DetailsFault> {
        match value.as_str() {
            Some(text) if is_identifier(text) => Ok(text.into()),
            other => {
                let expected = format!(
                    "1 to {MAX_TEXT} visible ASCII characters without quote, backslash and '*'; \
                     leave it out to mean any"
                );
                Err(self.bad("identifier", other.unwrap_or(kind(value)), expected))
            }
        }
    }

    fn limits(&self, value: &Value) -> Result<BTreeMap<DetailLimit, u64>, DetailsFault> {
        let Value::Object(members) = value else {
            return Err(self.bad("limits", kind(value), "an object of numbers"));
        };
        let read = members.iter().map(|(name, value)| {
            let limit = DetailLimit::ALL.into_iter().find(|limit| limit.name() == name);
            let Some(limit) = limit else {
                let known: Vec<_> = DetailLimit::ALL.into_iter().map(DetailLimit::name).collect();
                let fault = self.fault(UnknownField).field("limits").found(name);
                return Err(fault.expected(known.join(", ")));
            };
            let amount = match limit {
                DetailLimit::UsdPerDay => value.as_number().and_then(dollars),
                _ => value.as_u64(),
            };
            let amount = amount.ok_or_else(|| {
                let expected = match limit {
                    DetailLimit::UsdPerDay => "a number from 0, of at most four decimals",
                    _ => "a whole number from 0",
                };
                let found = value.as_number().map_or(kind(value).to_owned(), Number::to_string);
                self.bad(&format!("limits.{name}"), &found, expected)
            })?;
            Ok((limit, amount))
        });
        let limits: BTreeMap<_, _> = read.collect::<Result<_, _>>()?;
        if limits.is_empty() {
            return Err(self.bad("limits", "none", "at least one limit, or no limits at all"));
        }
        Ok(limits)
    }

    fn arguments(
        &self,
        value: &Value,
    ) -> Result<BTreeMap<Box<str>, BTreeSet<ArgumentValue>>, DetailsFault> {
        let members = value.as_object().filter(|all| (1..=MAX_ARGUMENTS).contains(&all.len()));
        let Some(members) = members else {
            let expected = format!("an object of 1 to {MAX_ARGUMENTS} arguments");
            return Err(self.bad("arguments", kind(value), expected));
        };
        let read = members.iter().map(|(name, rule)| {
            if !is_identifier(name) {
                return Err(self.bad("arguments", name, "names of visible ASCII characters"));
            }
            let field = format!("arguments.{name}");
            let values = rule.as_object().filter(|rule| rule.len() == 1);
            let Some(values) = values.and_then(|rule| rule.get("in")) else {
                return Err(self.bad(&field, kind(rule), "an object with 'in' alone"));
            };
            let field = format!("{field}.in");
            let values =
                self.items(&field, values)?.iter().map(|value| self.argument(&field, value));
            Ok((name.as_str().into(), values.collect::<Result<_, _>>()?))
        });
        read.collect()
    }

    fn argument(&self, field: &str, value: &Value) -> Result<ArgumentValue, DetailsFault> {
        let read = match value {
            Value::Bool(flag) => Some(ArgumentValue::Flag(*flag)),
            Value::Number(number) => number.as_i64().map(ArgumentValue::Number),
            Value::String(text) if text.len() <= MAX_TEXT && !text.contains(char::is_control) => {
                Some(ArgumentValue::Text(text.as_str().into()))
            }
            _ => None,
        };
        read.ok_or_else(|| {
            let expected = format!(
                "texts of at most {MAX_TEXT} bytes without control characters, whole numbers, \
                 true or false"
            );
            self.bad(field, kind(value), expected)
        })
    }
}

/// What a JSON value is, in place of its content.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn is_name(text: &str) -> bool {
    let tail = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    text.len() <= 64
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text.bytes().all(tail)
}

/// ASCII alone: no letter can look like another. No `*`: it would be taken for one of many.
fn is_identifier(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'*');
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(fits)
}

/// Exactly, by its digits: a limit of money is never rounded.
fn dollars(number: &Number) -> Option<u64> {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.len() > 4 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let whole = u64::from_str(whole).ok().filter(|whole| *whole < MAX_DOLLARS)?;
    let fraction = u64::from_str(&format!("{fraction:0<4}")).ok()?;
    Some(whole * PER_DOLLAR + fraction)
}

impl FromStr for Details {
    type Err = DetailsFault;
    fn from_str(text: &str) -> Result<Self, DetailsFault> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let value = Strict { depth: DEPTH }.deserialize(source)?;
        Self::of(&value).map_err(serde::de::Error::custom)
    }
}
