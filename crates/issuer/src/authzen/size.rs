//! How much one call may ask: what is said once at the top would otherwise be said anew in each of its questions.

use super::question::Malformed;
use serde_json::{Map, Value};
use std::io;

/// Bytes of one question, with what it inherits, as JSON and at most.
const ONE: usize = 64 * 1024;
/// Of all questions of a call.
const ALL: usize = 1 << 20;
/// What a question consists of.
const MEMBERS: [&str; 4] = ["subject", "action", "resource", "context"];
/// What an entity takes from the one at the top, when it is not that one.
const HANDED_DOWN: [&str; 3] = ["type", "id", "name"];

/// Bytes of the question that a body is.
pub(super) fn one(body: &Map<String, Value>) -> Result<usize, Malformed> {
    let whole = MEMBERS.iter().map(|name| bytes(body.get(*name))).sum();
    if whole > ONE {
        return Err(Malformed(format!("the question is larger than {ONE} bytes")));
    }
    Ok(whole)
}

/// How many questions of that size one call may ask; one always.
pub(super) fn within(one: usize) -> usize {
    (ALL / one.max(1)).max(1)
}

/// That a list asks no more, each question counted as if it said everything itself.
pub(super) fn each(defaults: &Map<String, Value>, list: &[Value]) -> Result<(), Malformed> {
    let usual = MEMBERS.map(|name| {
        let usual = defaults.get(name);
        let parts = HANDED_DOWN.map(|part| bytes(usual.and_then(|usual| usual.get(part))));
        (name, bytes(usual), parts.iter().sum::<usize>())
    });
    let mut all = 0;
    for (place, item) in list.iter().enumerate() {
        let own = |(name, whole, parts): (&str, usize, usize)| match item.get(name) {
            None | Some(Value::Null) => whole,
            own => bytes(own) + parts,
        };
        let one: usize = usual.map(own).iter().sum();
        if one > ONE {
            let what = "with what it inherits, it is larger than";
            return Err(Malformed(format!("'evaluations[{place}]': {what} {ONE} bytes")));
        }
        all += one;
    }
    if all > ALL {
        let what = "with what they inherit, they are larger than";
        return Err(Malformed(format!("'evaluations': {what} {ALL} bytes; ask in several calls")));
    }
    Ok(())
}

/// Counts what is written.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bytes(value: Option<&Value>) -> usize {
    let mut count = Count(0);
    // What was read from JSON can be written as JSON.
    if let Some(value) = value {
        let _ = serde_json::to_writer(&mut count, value);
    }
    count.0
}
