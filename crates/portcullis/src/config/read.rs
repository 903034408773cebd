//! Reads tables of a configuration, one key at a time, and notes what does not fit.
//!
//! A section knows the keys it was asked for; what is left at the end is unknown to us.

use super::{
    findings::{Findings, Place},
    words,
};
use portcullis_types::Ttl;
use std::{collections::BTreeSet, fmt, ops::RangeInclusive, str::FromStr};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A table and the keys that were asked of it.
pub(crate) struct Section<'t> {
    place: Place,
    table: &'t DeTable<'t>,
    known: BTreeSet<&'static str>,
}

/// A value with its place.
#[derive(Clone)]
pub(crate) struct Value<'t> {
    key: String,
    node: &'t Spanned<DeValue<'t>>,
}

impl<'t> Section<'t> {
    /// The whole file.
    pub(crate) fn root(table: &'t DeTable<'t>) -> Self {
        Self { place: Place { key: String::new(), span: 0..0 }, table, known: BTreeSet::new() }
    }

    /// Where its header stands.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The value of a key that may be left out.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.insert(key);
        let node = self.table.get(key)?;
        Some(Value { key: self.name(key), node })
    }

    /// The value of a key that may not be left out; `example` shows how to write it.
    pub(crate) fn need(
        &mut self,
        key: &'static str,
        example: &str,
        out: &mut Findings,
    ) -> Option<Value<'t>> {
        let value = self.get(key);
        if value.is_none() {
            let place = Place { key: self.name(key), span: self.place.span.clone() };
            out.error(&place, format!("'{key}' is missing")).hint(format!("add {key} = {example}"));
        }
        value
    }

    /// The sections of a list of tables, `[[key]]`.
    pub(crate) fn tables(&mut self, key: &'static str, out: &mut Findings) -> Vec<Section<'t>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(list) = value.node.get_ref().as_array() else {
            let problem = format!("'{key}' must be a list of tables, not {}", value.kind());
            out.error(&value.place(), problem)
                .expected("a list of tables")
                .hint(format!("write [[{key}]], with two brackets"));
            return Vec::new();
        };
        let tables = list.iter().enumerate();
        tables
            .filter_map(|(at, node)| {
                Value { key: format!("{}[{at}]", value.key), node }.section(out)
            })
            .collect()
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self, out: &mut Findings) {
        for (key, value) in self.table {
            if self.known.contains(&**key.get_ref()) {
                continue;
            }
            let place = Place { key: self.name(key.get_ref()), span: key.span() };
            if value.get_ref().is_str() && looks_secret(key.get_ref()) {
                out.mask(value.span());
                let place = Place { span: value.span(), ..place };
                secret_in_file(&place, key.get_ref(), out);
                continue;
            }
            let known = self.known.iter().copied();
            let home = if self.place.key.is_empty() {
                "the file".to_owned()
            } else {
                format!("[{}]", self.place.key)
            };
            let hint = words::did_you_mean(key.get_ref(), known.clone())
                .unwrap_or_else(|| format!("known here: {}", known.collect::<Vec<_>>().join(", ")));
            out.error(&place, format!("{home} has no key '{}'", key.get_ref())).hint(hint);
        }
    }

    fn name(&self, key: &str) -> String {
        if self.place.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place.key) }
    }
}

impl<'t> Value<'t> {
    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        Place { key: self.key.clone(), span: self.node.span() }
    }

    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&'t str> {
        self.node.get_ref().as_str()
    }

    /// Text of any kind.
    pub(crate) fn text(&self, out: &mut Findings) -> Option<&'t str> {
        let text = self.as_text();
        if text.is_none() {
            self.wrong_kind("a text in quotes", out);
        }
        text
    }

    /// Text that is the canonical form of a `T`.
    pub(crate) fn parse<T>(&self, out: &mut Findings) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let text = self.text(out)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(fault) => {
                let fault: T::Err = fault;
                out.error(&self.place(), fault.to_string());
                None
            }
        }
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(&self, choices: &[(&str, T)], out: &mut Findings) -> Option<T> {
        let text = self.text(out)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let finding = out.error(&self.place(), format!("'{text}' is not possible here"));
        finding.expected(words::or(&words));
        if let Some(hint) = words::did_you_mean(text, words) {
            finding.hint(hint);
        }
        None
    }

    /// A whole number in a range.
    pub(crate) fn number(&self, range: RangeInclusive<usize>, out: &mut Findings) -> Option<usize> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(integer) = self.node.get_ref().as_integer() else {
            self.wrong_kind(&expected, out);
            return None;
        };
        let number = usize::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|n| range.contains(n));
        if number.is_none() {
            out.error(&self.place(), format!("{integer} is out of range")).expected(expected);
        }
        number
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, out: &mut Findings) -> Option<bool> {
        let flag = self.node.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_kind("true or false", out);
        }
        flag
    }

    /// A span of time with its unit: `15m`.
    pub(crate) fn ttl(&self, range: RangeInclusive<Ttl>, out: &mut Findings) -> Option<Ttl> {
        let expected = format!("{} to {}", range.start(), range.end());
        let Some(text) = self.as_text() else {
            self.wrong_kind("a time with its unit", out);
            if let Some(number) = self.node.get_ref().as_integer() {
                out.hint(format!("write \"{number}s\" for seconds, or use ms, m, h or d"));
            }
            return None;
        };
        let Some(ttl) = ttl(text) else {
            out.error(&self.place(), format!("'{text}' is not a time"))
                .expected("a number and ms, s, m, h or d, such as \"15m\"");
            return None;
        };
        if !range.contains(&ttl) {
            out.error(&self.place(), format!("{ttl} is out of range")).expected(expected);
            return None;
        }
        Some(ttl)
    }

    /// The members of a list; a single text counts as a list of one.
    pub(crate) fn list(&self, out: &mut Findings) -> Vec<Value<'t>> {
        match self.node.get_ref() {
            DeValue::Array(list) => {
                let members = list.iter().enumerate();
                members
                    .map(|(at, node)| Value { key: format!("{}[{at}]", self.key), node })
                    .collect()
            }
            DeValue::String(_) => vec![self.clone()],
            _ => {
                self.wrong_kind("a list of texts", out);
                Vec::new()
            }
        }
    }

    /// A list of which every member must be a `T`, and none may come twice.
    pub(crate) fn parse_list<T>(&self, out: &mut Findings) -> Vec<(T, Place)>
    where
        T: FromStr + PartialEq,
        T::Err: fmt::Display,
    {
        let mut all: Vec<(T, Place)> = Vec::new();
        let members = self.list(out);
        for member in &members {
            let Some(value) = member.parse::<T>(out) else { continue };
            if all.iter().any(|(other, _)| *other == value) {
                out.error(&member.place(), "it is listed twice").hint("delete one of them");
                continue;
            }
            all.push((value, member.place()));
        }
        if members.is_empty() && self.node.get_ref().is_array() {
            out.error(&self.place(), "the list is empty").expected("at least one");
        }
        all
    }

    /// A table.
    pub(crate) fn section(&self, out: &mut Findings) -> Option<Section<'t>> {
        let Some(table) = self.node.get_ref().as_table() else {
            self.wrong_kind("a table", out);
            return None;
        };
        Some(Section { place: self.place(), table, known: BTreeSet::new() })
    }

    /// The members of a table whose keys are the operator's own words.
    pub(crate) fn entries(&self, out: &mut Findings) -> Vec<(&'t str, Value<'t>)> {
        let Some(table) = self.node.get_ref().as_table() else {
            self.wrong_kind("a table", out);
            return Vec::new();
        };
        let member = |(key, node): (&'t Spanned<std::borrow::Cow<'t, str>>, _)| {
            let key: &'t str = key.get_ref();
            (key, Value { key: format!("{}.{key}", self.key), node })
        };
        table.iter().map(member).collect()
    }

    /// What it is, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self.node.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    fn wrong_kind(&self, expected: &str, out: &mut Findings) {
        let key = self.key.rsplit('.').next().unwrap_or(&self.key);
        out.error(&self.place(), format!("'{key}' must be {expected}, not {}", self.kind()))
            .expected(expected);
    }
}

/// Notes a secret that stands in the file itself.
pub(crate) fn secret_in_file(place: &Place, key: &str, out: &mut Findings) {
    out.error(place, "a secret is written in this file").expected("where it is").hint(format!(
        "put it into the environment or a file of its own, and name that: {key}_env or {key}_file"
    ));
}

fn looks_secret(key: &str) -> bool {
    const WORDS: [&str; 6] = ["secret", "password", "token", "api_key", "apikey", "value"];
    WORDS.iter().any(|word| key.contains(word)) && !key.ends_with("_env") && !key.ends_with("_file")
}

/// `250ms`, `90s`, `15m`, `12h`, `30d`.
pub(crate) fn ttl(text: &str) -> Option<Ttl> {
    text.parse().ok()
}
