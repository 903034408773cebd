//! `portcullis check`

use super::{Exit, Format, Globals, Outcome, data, database, house, provider};
use crate::config::{Purpose, Severity};

/// Check the configuration and report every mistake at once.
///
/// Every mistake comes with its file, line and column, the value in question, and what would be right. If the file
/// names a database server or identity providers, they are asked too; nothing is changed there.
///
/// Exits with 1 if there is any mistake; warnings alone are fine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis check
  portcullis check --config /etc/portcullis/portcullis.toml --json")]
pub(super) struct Check {}

impl Check {
    pub(super) fn run(globals: &Globals) -> Outcome {
        let (config, mut report) = house::read_config(&globals.config, Purpose::Check)?;
        if let Some(server) = config.as_ref().and_then(|config| config.store.as_ref())
            && let Err(stop) = database::probe(server)
        {
            let (problem, hint) = stop.said();
            report.add(&server.place, problem, hint);
        }
        if let Some(config) = &config {
            house::block_on(provider::ask(config, &mut report))?;
        }
        match globals.format {
            Format::Text => data(report.render())?,
            Format::Json => globals.format.print(&report.entries(), String::new)?,
        };
        Ok(if report.count(Severity::Error) == 0 { Exit::Done } else { Exit::Refused })
    }
}
