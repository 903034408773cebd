//! An explanation in a terminal: aligned, calm, 80 columns. Symbols always come with words, so that
//! nothing is said by colour alone; the stream takes the colours out where they do not belong.

use anstyle::{AnsiColor, Style};
use portcullis_audit::explain::{ExplainedRow, Explanation, Outcome, Step, Unfound, span};
use portcullis_types::Mark;
use std::fmt::Write;

/// The narrowest page that is laid out; narrower terminals wrap by themselves.
const NARROWEST: usize = 60;
const INDENT: usize = 2;
/// Where the names of the checks and what they compared begin.
const NAME: usize = INDENT + 10;
const VALUE: usize = NAME + 17;
/// Where the claims of the token begin.
const FACT: usize = INDENT + 10;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default();

/// The whole explanation, for lines of `width` columns.
pub(crate) fn explanation(it: &Explanation, width: usize) -> String {
    let mut page = Page::new(width);
    page.outcome(&it.outcome);
    page.line("");
    page.paragraph(INDENT, &it.request, STRONG);
    page.paragraph(INDENT, &it.headline, Style::new());
    page.line("");
    page.reference(it);
    if !it.rows.is_empty() {
        page.line("");
    }
    let unreached = if it.outcome == Outcome::Allowed { "not needed" } else { "not reached" };
    for row in &it.rows {
        page.row(row, unreached);
    }
    page.token(it);
    page.story("How it came to this", &it.story);
    page.steps(it.remedy.iter().chain(&it.then));
    page.text
}

/// The answer for a decision that is not in the log.
pub(crate) fn unfound(it: &Unfound, width: usize) -> String {
    let mut page = Page::new(width);
    page.line(&format!("{BAD}?{BAD:#} {STRONG}NOT FOUND{STRONG:#}"));
    page.line("");
    page.paragraph(INDENT, &it.headline, Style::new());
    page.paragraph(INDENT, &format!("Searched: {}", it.searched), QUIET);
    page.story("Where it may be", &it.story);
    page.text
}

struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn new(width: usize) -> Self {
        Self { text: String::new(), width: width.max(NARROWEST) }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Wrapped text, every line of it indented.
    fn paragraph(&mut self, indent: usize, text: &str, style: Style) {
        self.item((indent, indent), "", text, style);
    }

    /// Wrapped text that hangs under its number or dash.
    fn item(&mut self, (left, right): (usize, usize), label: &str, text: &str, style: Style) {
        let room = right.saturating_sub(left);
        let mut label = label;
        for line in wrap(&clean(text), self.width.saturating_sub(right)) {
            self.line(&format!("{:left$}{label:room$}{style}{line}{style:#}", ""));
            label = "";
        }
    }

    /// A name in one column and its value in another, which may take several lines.
    fn pair(&mut self, (left, right): (usize, usize), name: &str, value: &str, style: Style) {
        let room = right.saturating_sub(left);
        let mut name = name;
        for line in wrap(&clean(value), self.width.saturating_sub(right)) {
            self.line(&format!("{:left$}{QUIET}{name:room$}{QUIET:#}{style}{line}{style:#}", ""));
            name = "";
        }
    }

    fn outcome(&mut self, outcome: &Outcome) {
        let line = match outcome {
            Outcome::Allowed => format!("{GOOD}✓ ALLOWED{GOOD:#}"),
            Outcome::Done => format!("{GOOD}✓ DONE{GOOD:#}"),
            Outcome::Denied { status, error, code, .. } => {
                let error = error.filter(|error| error != code);
                let error = error.map_or_else(String::new, |error| format!(" {error},"));
                format!("{BAD}✗ DENIED{BAD:#}  {STRONG}{status}{error} {code}{STRONG:#}")
            }
        };
        self.line(&line);
    }

    /// What identifies it: quiet, on one line.
    fn reference(&mut self, it: &Explanation) {
        let id = it.decision_id.map_or_else(|| "asked by hand".into(), |id| id.to_string());
        let api = it.api.as_deref().map_or_else(String::new, |api| format!(", API {api}"));
        self.paragraph(INDENT, &format!("{id}, {}{api}", it.at), QUIET);
    }

    fn row(&mut self, row: &ExplainedRow, unreached: &str) {
        let name = row.check.slug().replace('_', " ");
        let room = VALUE - NAME;
        let value = row.found.as_deref().unwrap_or_default();
        match row.mark {
            Mark::Passed => {
                let value = elide(&clean(value), self.width.saturating_sub(VALUE));
                self.line(&format!("  {GOOD}✓ passed{GOOD:#}  {name:room$}{value}"));
            }
            Mark::NotReached => {
                self.line(&format!("  {QUIET}·         {name:room$}{unreached}{QUIET:#}"));
            }
            Mark::Failed => {
                let (title, source) = (row.title, row.source);
                let label = format!("{BAD}✗ FAILED{BAD:#}  {BAD}{name:room$}{BAD:#}");
                self.item((INDENT, VALUE), &label, title, STRONG);
                let columns = (NAME + INDENT, VALUE);
                let expected = row.expected.as_deref().unwrap_or_default();
                self.pair(columns, "expected", expected, Style::new());
                self.pair(columns, "found", value, BAD);
                if let Some(note) = &row.note {
                    self.pair(columns, "note", note, Style::new());
                }
                self.pair(columns, "rule", source, QUIET);
            }
        }
    }

    fn heading(&mut self, text: &str) {
        self.line("");
        self.paragraph(INDENT, text, STRONG);
    }

    /// What the token says of itself; the rows have shown the rest.
    fn token(&mut self, it: &Explanation) {
        let Some(token) = &it.token else { return };
        let verified = if token.verified { "" } else { " (its own words, not verified)" };
        self.heading(&format!("The token{verified}"));
        let valid = match (token.issued, token.expires) {
            (Some(iat), Some(exp)) => {
                Some(format!("from {iat}, for {}", span(exp.millis_since(iat))))
            }
            (None, Some(exp)) => Some(format!("until {exp}")),
            (_, None) => None,
        };
        let signed = match (&token.alg, &token.kid) {
            (Some(alg), Some(kid)) => Some(format!("{alg}, kid {kid}")),
            (Some(alg), None) => Some(alg.clone()),
            (None, kid) => kid.as_ref().map(|kid| format!("kid {kid}")),
        };
        let facts = [
            ("issuer", &token.iss),
            ("client", &token.client_id),
            ("subject", &token.sub),
            ("tenant", &token.tenant),
            ("audience", &token.aud),
            ("scope", &token.scope),
            ("valid", &valid),
            ("jti", &token.jti),
            ("signed", &signed),
        ];
        for (name, value) in facts {
            if let Some(value) = value {
                self.pair((INDENT, FACT), name, value, Style::new());
            }
        }
    }

    fn story(&mut self, heading: &str, story: &[String]) {
        if story.is_empty() {
            return;
        }
        self.heading(heading);
        for sentence in story {
            self.item((INDENT, INDENT + 2), "- ", sentence, Style::new());
        }
    }

    fn steps<'s>(&mut self, steps: impl Iterator<Item = &'s Step>) {
        for (at, step) in steps.enumerate() {
            if at == 0 {
                self.heading("What would allow it");
            } else {
                self.line("");
            }
            let number = format!("{}.", at + 1);
            self.item((INDENT, INDENT + 3), &number, &step.change, Style::new());
            self.paragraph(INDENT + 3, &format!("by {}", step.by.title()), QUIET);
            if let Some(command) = &step.command {
                self.line("");
                for line in command.lines() {
                    let line = clean(line);
                    self.line(&format!("{:5}{COMMAND}{line}{COMMAND:#}", ""));
                }
            }
        }
    }
}

/// Text from outside must not steer the terminal: no control and no direction characters.
pub(crate) fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Lines of at most `width` columns, broken at spaces only: an address stays whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        let _ = write!(line, "{word}");
        used += length;
    }
    lines.push(line);
    lines
}

/// One line of at most `width` columns: what is too long loses its middle.
fn elide(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let head = kept * 3 / 5;
    let tail = length - (kept - head);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(tail).collect();
    format!("{start}…{end}")
}
