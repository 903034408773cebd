//! Spacing, and nothing else: tabs to indent, as OPA's formatter has them, no spaces at the end of a
//! line, no two empty lines together, one newline at the end. It moves nothing.

use regorus::{
    Source,
    unstable::{Lexer, TokenKind},
};
use std::collections::BTreeSet;

/// `text` with its spacing put right. What it means stays the same: lines inside of raw strings
/// are left as they are, and a text that is no Rego is given back as it came.
pub fn fmt(text: &str) -> String {
    let Some(raw) = raw_lines(text) else { return text.to_owned() };
    let mut tidy = String::with_capacity(text.len());
    let mut empty = true;
    for (number, line) in (1_u32..).zip(text.lines()) {
        if raw.contains(&number) {
            tidy.push_str(line);
            tidy.push('\n');
            empty = false;
            continue;
        }
        let body = line.trim_start_matches([' ', '\t']);
        let indent = line.strip_suffix(body).unwrap_or_default();
        let line = format!("{}{}", indent.replace("    ", "\t"), body);
        let line = line.trim_end();
        if line.is_empty() && empty {
            continue;
        }
        empty = line.is_empty();
        tidy.push_str(line);
        tidy.push('\n');
    }
    while tidy.ends_with("\n\n") {
        tidy.pop();
    }
    tidy
}

/// The lines that a raw string over several lines touches; `None` if the text has no such words.
fn raw_lines(text: &str) -> Option<BTreeSet<u32>> {
    let source = Source::from_contents(String::new(), text.to_owned()).ok()?;
    let mut lexer = Lexer::new(&source);
    let mut raw = BTreeSet::new();
    loop {
        let token = lexer.next_token().ok()?;
        match token.0 {
            TokenKind::Eof => return Some(raw),
            TokenKind::RawString => {
                let more = token.1.text().matches('\n').count();
                if more > 0 {
                    let more = u32::try_from(more).unwrap_or(u32::MAX);
                    raw.extend(token.1.line..=token.1.line.saturating_add(more));
                }
            }
            _ => {}
        }
    }
}
