//! What is wrong with a configuration: all of it at once, each with its place.

use serde::Serialize;
use std::{ops::Range, path::PathBuf};

/// Whether the configuration can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// It cannot.
    Error,
    /// It can, but somebody should look.
    Warning,
}

/// Where something stands: its name (`api[1].scopes[0]`) and its bytes in the file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) key: String,
    pub(crate) span: Range<usize>,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) place: Place,
    pub(crate) problem: String,
    pub(crate) expected: Option<String>,
    pub(crate) hint: Option<String>,
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    /// Secrets that somebody wrote into the file: never shown again.
    masked: Vec<Range<usize>>,
}

impl Findings {
    /// A mistake.
    pub(crate) fn error(&mut self, place: &Place, problem: impl Into<String>) -> &mut Self {
        self.add(Severity::Error, place, problem.into())
    }

    /// Something to look at.
    pub(crate) fn warning(&mut self, place: &Place, problem: impl Into<String>) -> &mut Self {
        self.add(Severity::Warning, place, problem.into())
    }

    /// Says what would have been right in the place of the latest finding.
    pub(crate) fn expected(&mut self, expected: impl Into<String>) -> &mut Self {
        if let Some(finding) = self.list.last_mut() {
            finding.expected = Some(expected.into());
        }
        self
    }

    /// Says what to do about the latest finding.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        if let Some(finding) = self.list.last_mut() {
            finding.hint = Some(hint.into());
        }
        self
    }

    /// Hides a part of the file in every report.
    pub(crate) fn mask(&mut self, span: Range<usize>) {
        self.masked.push(span);
    }

    /// How many mistakes so far.
    pub(crate) fn errors(&self) -> usize {
        self.list.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// Whether nothing is wrong enough to stop.
    pub(crate) fn usable(&self) -> bool {
        self.list.iter().all(|finding| finding.severity == Severity::Warning)
    }

    /// The report on `text`, which was read from `file`: in the order of the file.
    pub(crate) fn report(mut self, file: PathBuf, text: String) -> Report {
        self.list.sort_by_key(|finding| {
            (finding.place.span.start, finding.severity == Severity::Warning)
        });
        Report { file, text, findings: self.list, masked: self.masked }
    }

    fn add(&mut self, severity: Severity, place: &Place, problem: String) -> &mut Self {
        self.list.push(Finding {
            severity,
            place: place.clone(),
            problem,
            expected: None,
            hint: None,
        });
        self
    }
}

/// All findings of one file, ready to be shown.
#[derive(Debug)]
pub(crate) struct Report {
    pub(super) file: PathBuf,
    pub(super) text: String,
    pub(super) findings: Vec<Finding>,
    pub(super) masked: Vec<Range<usize>>,
}

impl Report {
    /// A mistake that shows only when what the file says is tried.
    pub(crate) fn add(&mut self, place: &Place, problem: String, hint: Option<String>) {
        let (severity, place) = (Severity::Error, place.clone());
        self.findings.push(Finding { severity, place, problem, expected: None, hint });
    }

    /// How many findings are of that severity.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}
