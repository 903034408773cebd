//! A report as a compiler would print it, and as JSON.

use super::findings::{Finding, Report, Severity};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::{fmt::Write, ops::Range};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const STRONG: Style = Style::new().bold();
const FRAME: Style = AnsiColor::Blue.on_default();
const HINT: Style = AnsiColor::Green.on_default();

/// One finding in `--json`.
#[derive(Serialize)]
pub(crate) struct Entry<'a> {
    severity: Severity,
    file: String,
    line: usize,
    column: usize,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    problem: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Where a finding is shown: counted from one, columns in characters.
struct Spot {
    line: usize,
    column: usize,
    source: String,
    width: usize,
}

impl Report {
    /// For people; with colours, which the stream takes out where they do not belong.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            self.render_one(&mut out, finding);
        }
        out.push_str(&self.summary());
        out
    }

    /// For programs.
    pub(crate) fn entries(&self) -> Vec<Entry<'_>> {
        self.findings.iter().map(|finding| self.entry(finding)).collect()
    }

    /// How it ends: `portcullis.toml: 2 errors, 1 warning`.
    pub(crate) fn summary(&self) -> String {
        let file = self.file.display();
        let some = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let (errors, warnings) = (
            (errors > 0).then(|| format!("{ERROR}{}{ERROR:#}", some(errors, "error"))),
            (warnings > 0).then(|| format!("{WARNING}{}{WARNING:#}", some(warnings, "warning"))),
        );
        match (errors, warnings) {
            (None, None) => format!("{STRONG}{file}{STRONG:#}: {HINT}no mistakes{HINT:#}\n"),
            (Some(some), None) | (None, Some(some)) => {
                format!("{STRONG}{file}{STRONG:#}: {some}\n")
            }
            (Some(errors), Some(warnings)) => {
                format!("{STRONG}{file}{STRONG:#}: {errors}, {warnings}\n")
            }
        }
    }

    fn render_one(&self, out: &mut String, finding: &Finding) {
        let spot = self.spot(&finding.place.span);
        let (style, word) = match finding.severity {
            Severity::Error => (ERROR, "error"),
            Severity::Warning => (WARNING, "warning"),
        };
        let number = spot.line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(spot.column.saturating_sub(1));
        let carets = "^".repeat(spot.width);
        let expected =
            finding.expected.as_deref().map(|text| format!(" {text}")).unwrap_or_default();
        let lines = [
            format!("{style}{word}{style:#}{STRONG}: {}{STRONG:#}", finding.problem),
            format!(
                "{margin} {FRAME}╭▸{FRAME:#} {}:{}:{}",
                self.file.display(),
                spot.line,
                spot.column
            ),
            format!("{FRAME}{number} │{FRAME:#} {}", spot.source),
            format!("{margin} {FRAME}│{FRAME:#} {indent}{style}{carets}{expected}{style:#}"),
        ];
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
        if let Some(hint) = &finding.hint {
            let _ = writeln!(out, "{margin} {FRAME}╰{FRAME:#} {HINT}hint{HINT:#}: {hint}");
        }
        out.push('\n');
    }

    fn entry<'a>(&'a self, finding: &'a Finding) -> Entry<'a> {
        let spot = self.spot(&finding.place.span);
        Entry {
            severity: finding.severity,
            file: self.file.display().to_string(),
            line: spot.line,
            column: spot.column,
            key: &finding.place.key,
            value: self.value(&finding.place.span),
            problem: &finding.problem,
            expected: finding.expected.as_deref(),
            hint: finding.hint.as_deref(),
        }
    }

    /// The text in question, without secrets.
    fn value(&self, span: &Range<usize>) -> Option<String> {
        let value = self.shown().get(span.clone()).unwrap_or_default().to_owned();
        (!value.is_empty()).then_some(value)
    }

    fn spot(&self, span: &Range<usize>) -> Spot {
        let text = self.shown();
        let start = floor(&text, span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end =
            text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| start + at);
        let end = floor(&text, span.end.clamp(start, line_end));
        let chars = |range: Range<usize>| text.get(range).unwrap_or_default().chars().count();
        Spot {
            line: before.matches('\n').count() + 1,
            column: chars(line_start..start) + 1,
            source: text
                .get(line_start..line_end)
                .unwrap_or_default()
                .replace('\t', " ")
                .trim_end()
                .to_owned(),
            width: chars(start..end).max(1),
        }
    }

    /// The file with every secret replaced by as many stars, byte for byte, so that places stay right.
    fn shown(&self) -> String {
        let hidden = |at: usize| self.masked.iter().any(|span| span.contains(&at));
        let mut out = String::with_capacity(self.text.len());
        for (at, c) in self.text.char_indices() {
            if hidden(at) && c != '\n' {
                out.extend(std::iter::repeat_n('*', c.len_utf8()));
            } else {
                out.push(c);
            }
        }
        out
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
