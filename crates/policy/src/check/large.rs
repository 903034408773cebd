//! Data that is too large to be had at once: it is looked up in by key, or a single call would take it whole.

use super::Rules;
use crate::{
    Finding,
    ast::{Target, place},
};
use regorus::Value;
use std::collections::BTreeMap;

/// Values in what a rule takes whole, at most; of texts, every 16 bytes count for one.
const MAX_WHOLE: usize = 4_000;
/// The same of what is looked up in data that is larger than that: it may be gathered many times over.
const MAX_FOUND: usize = 250;
/// Values that are looked at for all the rules together.
const MAX_VISITS: usize = 20_000_000;

pub(super) fn findings(rules: &Rules<'_, '_>, data: &Value, findings: &mut Vec<Finding>) {
    let mut scale = Scale { data, known: BTreeMap::new(), visits: 0 };
    for rule in &rules.program.rules {
        rule.each(&mut |expr| {
            let Some(Target::Data(path)) = rule.target(expr) else { return };
            if scale.fits(&path) {
                return;
            }
            let steps = path.iter().map(|step| step.as_deref().unwrap_or("*"));
            let name = std::iter::once("data").chain(steps).collect::<Vec<_>>().join(".");
            let what = format!("'{name}' takes too much of data.json at once");
            let remedy = "look up what is meant by its key, `data.names[key]`: at most 4000 values are \
                          taken whole, and 250 of what is found in more than that";
            findings.push(Finding::error(place(expr.span()), what, remedy));
        });
    }
}

struct Scale<'d> {
    data: &'d Value,
    known: BTreeMap<Vec<Option<String>>, bool>,
    visits: usize,
}

impl Scale<'_> {
    /// Whether all that a reference may stand for is small.
    fn fits(&mut self, path: &[Option<String>]) -> bool {
        if let Some(known) = self.known.get(path) {
            return *known;
        }
        let fits = self.weigh(path);
        self.known.insert(path.to_owned(), fits);
        fits
    }

    fn weigh(&mut self, path: &[Option<String>]) -> bool {
        let mut here = vec![self.data];
        let mut most = MAX_WHOLE;
        for step in path {
            let mut next = Vec::new();
            for value in here {
                if let Some(key) = step {
                    next.extend(field(value, key));
                    continue;
                }
                if self.exceeds(value, MAX_WHOLE) {
                    most = MAX_FOUND;
                }
                parts(value, &mut next);
            }
            self.visits = self.visits.saturating_add(next.len());
            if self.visits > MAX_VISITS {
                return false;
            }
            here = next;
        }
        !here.into_iter().any(|value| self.exceeds(value, most))
    }

    fn exceeds(&mut self, value: &Value, most: usize) -> bool {
        let mut open = vec![value];
        let mut weight = 0_usize;
        while let Some(value) = open.pop() {
            weight = weight.saturating_add(own(value));
            self.visits = self.visits.saturating_add(1);
            if weight.saturating_add(open.len()) > most || self.visits > MAX_VISITS {
                return true;
            }
            if let Value::Object(fields) = value {
                open.extend(fields.iter().map(|(key, _)| key));
            }
            parts(value, &mut open);
        }
        false
    }
}

fn field<'d>(value: &'d Value, key: &str) -> Option<&'d Value> {
    let Value::Object(fields) = value else { return None };
    fields.get(&Value::from(key))
}

fn parts<'d>(value: &'d Value, into: &mut Vec<&'d Value>) {
    match value {
        Value::Array(items) => into.extend(items.iter()),
        Value::Set(items) => into.extend(items.iter()),
        Value::Object(fields) => into.extend(fields.iter().map(|(_, value)| value)),
        _ => {}
    }
}

/// What a value weighs without its parts.
fn own(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / 16,
        _ => 1,
    }
}
