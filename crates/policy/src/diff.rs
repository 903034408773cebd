//! What is different between two bundles, rule by rule.

use crate::{Bundle, Refused, ast::Program, bundle, compiled::Kind};
use regorus::{
    Source,
    unstable::{Lexer, Token, TokenKind},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// One rule, or one key of the data, that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// The whole name: `portcullis.tiers.allow`, `data.tiers`.
    pub name: String,
    /// In what way.
    pub change: Change,
}

/// In what way something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the new bundle has it.
    Added,
    /// Only the old bundle has it.
    Removed,
    /// Both have it, and it says something else. Comments and spacing do not count.
    Changed,
}

/// What is different in `new`, by name. Tests are left out.
pub fn diff(old: &Bundle, new: &Bundle) -> Result<Vec<Difference>, Refused> {
    let (old, new) = (said(old)?, said(new)?);
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let mut differences: Vec<_> = names
        .filter_map(|name| {
            let change = match (old.get(name), new.get(name)) {
                (Some(_), None) => Change::Removed,
                (None, Some(_)) => Change::Added,
                (old, new) if old != new => Change::Changed,
                _ => return None,
            };
            Some(Difference { name: name.clone(), change })
        })
        .collect();
    differences.sort();
    Ok(differences)
}

/// What each rule says, without comments and spacing, and each top key of the data.
pub(crate) fn said(bundle: &Bundle) -> Result<BTreeMap<String, Vec<String>>, Refused> {
    let mut interpreter = bundle::parse(bundle.files(), Kind::Rules, &mut Vec::new())?;
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let files: BTreeMap<_, _> =
        bundle.files().rules().map(|(name, text)| (name, words(text))).collect();
    for rule in &Program::of(interpreter.get_modules()).rules {
        let span = rule.rule.span();
        let words = files.get(span.source.file().as_str()).into_iter().flatten();
        let own = words.filter(|(start, _)| (span.start..span.end).contains(start));
        let text = own.map(|(_, word)| word.as_str()).collect();
        said.entry(rule.path.clone()).or_default().push(text);
    }
    let data = bundle.files().data().and_then(|text| serde_json::from_str(text).ok());
    if let Some(serde_json::Value::Object(data)) = data {
        for (key, value) in data {
            said.insert(format!("data.{key}"), vec![value.to_string()]);
        }
    }
    Ok(said)
}

/// The words of a file by where they start, without comments and spacing.
fn words(text: &str) -> Vec<(u32, String)> {
    let Ok(source) = Source::from_contents(String::new(), text.to_owned()) else {
        return Vec::new();
    };
    let mut lexer = Lexer::new(&source);
    let mut words = Vec::new();
    while let Ok(Token(kind, span)) = lexer.next_token() {
        if kind == TokenKind::Eof {
            break;
        }
        // The kind tells a name from a text of the same letters.
        words.push((span.start, format!("{kind:?}:{}\n", span.text())));
    }
    words
}
