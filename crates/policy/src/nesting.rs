//! Before anything is parsed: how deep a text would make the parser, the compiler and the
//! destructors call themselves.
//!
//! The parser of regorus bounds parentheses and braces, but not chains of signs, indices in
//! indices, or long sums, whose tree leans to one side.

use crate::Finding;
use regorus::{
    Source,
    unstable::{Lexer, TokenKind},
};

/// Brackets in brackets.
const MAX_DEPTH: usize = 24;
/// Operators and steps of a reference in one expression.
const MAX_CHAIN: usize = 64;
/// Tokens in one file: far more than people write in 256 KiB.
const MAX_TOKENS: usize = 100_000;

/// Refuses a text that would nest too deep.
pub(crate) fn bounded(name: &str, text: &str) -> Result<(), Finding> {
    let unreadable = |line, fault: &dyn std::fmt::Display| {
        Finding::error((name, line), last_line(&fault.to_string()), "write it as Rego has it")
    };
    let source = Source::from_contents(name.to_owned(), text.to_owned())
        .map_err(|fault| unreadable(0, &fault))?;
    let mut lexer = Lexer::new(&source);
    // One count per open bracket: the chain that goes on when it closes.
    let mut chains = vec![0_usize];
    let (mut line, mut joined) = (0, false);
    for count in 0.. {
        let token = lexer.next_token().map_err(|fault| unreadable(line, &fault))?;
        let new_line = token.1.line != line;
        line = token.1.line;
        let text = token.1.text();
        let symbol = matches!(token.0, TokenKind::Symbol | TokenKind::Ident);
        if matches!(token.0, TokenKind::Eof) {
            return Ok(());
        }
        if symbol && matches!(text, "[" | "{" | "(" | "set(") {
            step(&mut chains);
            chains.push(0);
        } else if symbol && matches!(text, "]" | "}" | ")") && chains.len() > 1 {
            chains.pop();
        } else if symbol && chain(text) {
            step(&mut chains);
        } else if (symbol && matches!(text, "," | ";")) || (new_line && !joined) {
            // A new expression, unless an operator joins it to the line before.
            if let Some(chain) = chains.last_mut() {
                *chain = 0;
            }
        }
        joined = symbol && chain(text);
        let longest = chains.iter().copied().max().unwrap_or_default();
        if chains.len() > MAX_DEPTH || longest > MAX_CHAIN || count > MAX_TOKENS {
            let what = format!(
                "the text nests deeper than {MAX_DEPTH} brackets or {MAX_CHAIN} operators, or has \
                 more than {MAX_TOKENS} words"
            );
            return Err(Finding::error((name, line), what, "give parts of it names of their own"));
        }
    }
    Ok(())
}

fn step(chains: &mut [usize]) {
    if let Some(chain) = chains.last_mut() {
        *chain += 1;
    }
}

fn chain(text: &str) -> bool {
    matches!(
        text,
        "+" | "-"
            | "*"
            | "/"
            | "%"
            | "|"
            | "&"
            | "."
            | "="
            | ":="
            | "=="
            | "!="
            | "<"
            | ">"
            | "<="
            | ">="
            | "in"
            | "not"
    )
}

/// The part of a message of regorus that says what is wrong: `error: …`, which comes last.
pub(crate) fn last_line(message: &str) -> String {
    let last = message.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(message);
    last.trim().trim_start_matches("error:").trim().to_owned()
}

/// The line that a message of regorus names: `--> file:3:5`.
pub(crate) fn named_line(message: &str) -> u32 {
    let place = message.lines().find_map(|line| line.trim().strip_prefix("--> "));
    let line = place.and_then(|place| place.rsplit(':').nth(1));
    line.and_then(|line| line.parse().ok()).unwrap_or_default()
}

/// The file that a message of regorus names.
pub(crate) fn named_file(message: &str) -> Option<&str> {
    let place = message.lines().find_map(|line| line.trim().strip_prefix("--> "))?;
    place.rsplitn(3, ':').nth(2)
}
