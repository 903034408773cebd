//! `portcullis policy check`

use super::{Policies, count, shown};
use crate::cli::{Exit, Format, Globals, Outcome, data};
use portcullis_policy::{Bundle, Finding, Level};
use serde_json::json;
use std::path::Path;

/// Say what is wrong or doubtful in policies, with file, line and remedy.
///
/// Finds what is no Rego, fields that no input has, scopes that nobody knows, rules that are dead or always true, and
/// whatever could run for long. Exits with 1 if anything is wrong; warnings alone are fine. Runs no tests.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy check
  portcullis policy check policies --json")]
pub(in crate::cli) struct Check {
    #[command(flatten)]
    policies: Policies,
}

impl Check {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let dir = &self.policies.dir;
        let registry = super::registry(globals)?;
        let checked = super::source::read(dir)?.and_then(|files| Bundle::of(files, &registry));
        let (bundle, findings) = match checked {
            Ok(bundle) => {
                let warnings = bundle.warnings().to_vec();
                (Some(bundle), warnings)
            }
            Err(refused) => (None, refused.findings),
        };
        match globals.format {
            Format::Text => data(text(dir, bundle.as_ref(), &findings))?,
            Format::Json => {
                let answer = json!({
                    "revision": bundle.as_ref().map(Bundle::revision),
                    "points": bundle.as_ref().map_or(&[][..], Bundle::points),
                    "findings": findings,
                });
                globals.format.print(&answer, String::new)?
            }
        };
        Ok(if bundle.is_some() { Exit::Done } else { Exit::Refused })
    }
}

fn text(dir: &Path, bundle: Option<&Bundle>, findings: &[Finding]) -> String {
    let mut lines: Vec<_> = findings.iter().map(|finding| shown(dir, finding)).collect();
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    let (errors, warnings) = (count(errors, "error"), count(findings.len() - errors, "warning"));
    lines.push(match bundle {
        None => format!("{}: refused: {errors}, {warnings}\n", dir.display()),
        Some(bundle) => {
            let points: Vec<_> = bundle.points().iter().map(|point| point.name()).collect();
            let points = if points.is_empty() { "no point".to_owned() } else { points.join(", ") };
            let revision = bundle.revision().short();
            format!("{}: {revision} decides at {points}; {warnings}\n", dir.display())
        }
    });
    lines.join("\n")
}
