//! The one way in which [`Details`] are written: objects and names in order, fields as RFC 9396 lists them.

use super::{ArgumentValue, Detail, DetailLimit, DetailList, Details, read::PER_DOLLAR};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::Number;
use std::{collections::BTreeSet, fmt};

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        let mut list = sink.serialize_seq(Some(self.len()))?;
        for detail in self {
            list.serialize_element(detail)?;
        }
        list.end()
    }
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        let mut object = sink.serialize_map(None)?;
        object.serialize_entry("type", self.kind.name())?;
        for list in [DetailList::Locations, DetailList::Actions] {
            if let Some(names) = self.lists.get(&list) {
                object.serialize_entry(list.name(), names)?;
            }
        }
        if let Some(identifier) = &self.identifier {
            object.serialize_entry("identifier", identifier)?;
        }
        if !self.limits.is_empty() {
            object.serialize_entry("limits", &Limits(self))?;
        }
        for list in [DetailList::Features, DetailList::DataClasses, DetailList::Purposes] {
            if let Some(names) = self.lists.get(&list) {
                object.serialize_entry(list.name(), names)?;
            }
        }
        if !self.arguments.is_empty() {
            object.serialize_entry("arguments", &Arguments(self))?;
        }
        object.end()
    }
}

struct Limits<'a>(&'a Detail);

impl Serialize for Limits<'_> {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_map(
            self.0.limits.iter().map(|(limit, amount)| (limit.name(), limit.number(*amount))),
        )
    }
}

impl DetailLimit {
    fn number(self, amount: u64) -> Number {
        match self {
            Self::UsdPerDay => dollars(amount),
            Self::MaxOutputTokens | Self::TokensPerDay => amount.into(),
        }
    }

    /// As people and JSON write it.
    pub(super) fn shown(self, amount: u64) -> String {
        self.number(amount).to_string()
    }
}

/// Back to the digits that were read.
fn dollars(amount: u64) -> Number {
    let whole = amount / PER_DOLLAR;
    let fraction = amount % PER_DOLLAR;
    if fraction == 0 {
        return whole.into();
    }
    format!("{whole}.{fraction:04}").parse().unwrap_or_else(|_| whole.into())
}

struct Arguments<'a>(&'a Detail);

impl Serialize for Arguments<'_> {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_map(self.0.arguments.iter().map(|(name, values)| (name, In { r#in: values })))
    }
}

#[derive(Serialize)]
struct In<'a> {
    r#in: &'a BTreeSet<ArgumentValue>,
}

impl Serialize for ArgumentValue {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => sink.serialize_bool(*flag),
            Self::Number(number) => sink.serialize_i64(*number),
            Self::Text(text) => sink.serialize_str(text),
        }
    }
}

/// The canonical form: one line of JSON.
impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
