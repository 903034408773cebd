//! `portcullis policy fmt`

use super::{Policies, count};
use crate::cli::{Exit, Format, Outcome, Stop, data, talk};
use portcullis_policy::fmt as tidy;
use serde_json::json;

/// Put the spacing of policies right: tabs to indent, no spaces at the end of a line.
///
/// Prints the files that it changed. What they mean stays the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy fmt
  portcullis policy fmt policies --check")]
pub(in crate::cli) struct Fmt {
    #[command(flatten)]
    policies: Policies,
    /// Change nothing; print the files that would change, and exit with 1 if there is one.
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub(super) fn run(self, format: Format) -> Outcome {
        super::there(&self.policies.dir)?;
        let files = super::source::files(&self.policies.dir)?;
        let mut changed = Vec::new();
        for (name, text) in files.rules().chain(files.tests()) {
            let tidied = tidy(text);
            if tidied != text {
                changed.push((self.policies.dir.join(name), tidied));
            }
        }
        if !self.check {
            for (path, text) in &changed {
                // In place: a link stays a link, and its target keeps owner and mode.
                std::fs::write(path, text).map_err(|fault| {
                    Stop::cannot_run(format_args!(
                        "cannot write {}: {}",
                        path.display(),
                        crate::config::reason(&fault)
                    ))
                })?;
            }
        }
        let mut names: Vec<_> =
            changed.iter().map(|(path, _)| path.display().to_string()).collect();
        names.sort();
        match format {
            Format::Json => format.print(&json!({ "changed": names }), String::new)?,
            Format::Text => {
                data(names.iter().flat_map(|name| [name.as_str(), "\n"]).collect::<String>())?
            }
        };
        let word = if self.check { "would change" } else { "changed" };
        talk(format_args!("{} {word}", count(names.len(), "file")));
        Ok(if self.check && !names.is_empty() { Exit::Refused } else { Exit::Done })
    }
}
