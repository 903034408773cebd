//! What is wrong or doubtful in a bundle, said so that it can be mended.

use serde::Serialize;
use std::fmt;

/// One thing that is wrong or doubtful.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Whether the bundle is refused for it.
    pub level: Level,
    /// The file, relative to the bundle.
    pub file: String,
    /// The line, from 1; 0 is the file as a whole.
    pub line: u32,
    /// What was found.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The bundle is refused.
    Error,
    /// The bundle is taken.
    Warning,
}

/// A bundle that was refused, with everything that was found in it.
#[derive(Debug, thiserror::Error)]
#[error("the policies are refused: {}", shown(findings))]
pub struct Refused {
    /// At least one of level [`Level::Error`].
    pub findings: Vec<Finding>,
}

impl Finding {
    pub(crate) fn error<R: Into<String>>(place: (&str, u32), what: String, remedy: R) -> Self {
        Self {
            level: Level::Error,
            file: place.0.into(),
            line: place.1,
            what,
            remedy: remedy.into(),
        }
    }

    pub(crate) fn warning<R: Into<String>>(place: (&str, u32), what: String, remedy: R) -> Self {
        Self { level: Level::Warning, ..Self::error(place, what, remedy) }
    }
}

impl From<Finding> for Refused {
    fn from(finding: Finding) -> Self {
        Self { findings: vec![finding] }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {level}: {}\n  hint: {}", self.what, self.remedy)
    }
}

fn shown(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
