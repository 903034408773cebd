//! `portcullis policy diff`

use crate::cli::{Exit, Format, Globals, Outcome, put, table, talk};
use portcullis_policy::{Change, Difference, diff};
use std::path::PathBuf;

/// Say which rules, and which keys of the data, are different in new policies.
///
/// Comments, spacing and tests do not count. Exits with 0 whether there is a difference or not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy diff policies/ new/
  portcullis policy diff policies/ new/ --json")]
pub(in crate::cli) struct Diff {
    /// The directory with the policies as they are.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The directory with the policies as they would be.
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

impl Diff {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let registry = super::registry(globals)?;
        let old = super::source::load(&self.old, &registry)?;
        let new = super::source::load(&self.new, &registry)?;
        let differences =
            diff(&old, &new).map_err(|refused| super::source::stop(&self.new, refused))?;
        match globals.format {
            Format::Json => globals.format.print(&differences, String::new)?,
            Format::Text if differences.is_empty() => {
                talk("no rule and no data is different");
                Exit::Done
            }
            Format::Text => {
                let rows: Vec<_> = differences.iter().map(row).collect();
                put(table(["CHANGE", "RULE OR DATA"], &rows))?;
                Exit::Done
            }
        };
        Ok(Exit::Done)
    }
}

pub(super) fn row(difference: &Difference) -> [String; 2] {
    let change = match difference.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    };
    [change.to_owned(), difference.name.clone()]
}
