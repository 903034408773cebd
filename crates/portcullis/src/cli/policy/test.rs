//! `portcullis policy test`

use super::{Policies, count};
use crate::cli::{Exit, Format, Globals, Outcome, put, table};
use portcullis_policy::test::{Coverage, Failure, Report, run};
use std::{fmt::Write as _, path::Path};

/// Run the tests of policies, and show what no test reached.
///
/// A test is a rule named test_… in a file named …_test.rego; it passes if it is true. Exits with 1 if a test fails, or
/// if there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy test
  portcullis policy test policies --json")]
pub(in crate::cli) struct Test {
    #[command(flatten)]
    policies: Policies,
}

impl Test {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let dir = &self.policies.dir;
        let bundle = super::source::load(dir, &super::registry(globals)?)?;
        let report = run(&bundle).map_err(|refused| super::source::stop(dir, refused))?;
        match globals.format {
            Format::Json => globals.format.print(&report, String::new)?,
            Format::Text => put(text(dir, &report)).map(|_| Exit::Done)?,
        };
        Ok(if report.is_good() { Exit::Done } else { Exit::Refused })
    }
}

fn text(dir: &Path, report: &Report) -> String {
    let mut text = String::new();
    for Failure { test, file, line, why } in &report.failures {
        let file = dir.join(file);
        let _ = writeln!(text, "{}:{line}: {test} failed: {why}", file.display());
    }
    if !report.failures.is_empty() {
        text.push('\n');
    }
    let row = |file: &Coverage| {
        [file.file.clone(), format!("{:.0} %", file.percent().floor()), lines(&file.missed)]
    };
    let rows: Vec<_> = report.coverage.iter().map(row).collect();
    text.push_str(&table(["FILE", "COVERED", "LINES THAT NO TEST REACHED"], &rows));
    let failed = report.failures.len();
    let outcome = match (report.passed, failed) {
        (0, 0) => {
            "there is no test: write rules named test_… in files named …_test.rego".to_owned()
        }
        (passed, 0) => format!("{} passed", count(passed, "test")),
        (passed, failed) => format!("{failed} of {} failed", count(passed + failed, "test")),
    };
    let _ = writeln!(text, "\n{outcome}; {:.0} % of all lines covered", report.percent().floor());
    text
}

/// `3, 7-9`: the lines, those in a row together.
fn lines(all: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for line in all {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*line) => *last = *line,
            _ => runs.push((*line, *line)),
        }
    }
    let shown =
        runs.iter().map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            },
        );
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_in_a_row_are_shown_together() {
        assert_eq!(lines(&[]), "");
        assert_eq!(lines(&[3, 7, 8, 9, 12, 13]), "3, 7-9, 12-13");
    }
}
