//! `portcullis policy`: what policies say, before any of them decides, which needs no configuration; and which of them
//! are in force.

mod apply;
mod build;
mod check;
mod diff;
mod eval;
mod fmt;
mod history;
mod replay;
mod schema;
mod source;
mod test;

use super::{Globals, Outcome, Stop, config};
use crate::config::Purpose;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use portcullis_policy::{Finding, Point};
use portcullis_types::Registry;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  portcullis policy test
  portcullis policy check policies --json
  portcullis policy fmt --check
  portcullis policy eval --point request --input request.json
  portcullis policy diff policies/ new/
  portcullis policy schema request
  portcullis policy replay --since 24h new/
  portcullis policy apply new/
  portcullis policy rollback";

/// Test, check and try policies in Rego, put them into force and take them back.
///
/// Up to 'build' nothing needs to run; if there is a configuration, its scopes are known besides the standard ones.
/// The others work on the database of a configuration.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum PolicyCommand {
    Test(test::Test),
    Check(check::Check),
    Fmt(fmt::Fmt),
    Eval(eval::Eval),
    Diff(diff::Diff),
    Schema(schema::Schema),
    Build(build::Build),
    Replay(replay::Replay),
    Apply(apply::Apply),
    Rollback(history::Rollback),
    History(history::History),
    Status(history::Status),
    Shadow(apply::Shadow),
}

impl PolicyCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        match self {
            Self::Test(test) => test.run(globals),
            Self::Check(check) => check.run(globals),
            Self::Fmt(fmt) => fmt.run(globals.format),
            Self::Eval(eval) => eval.run(globals),
            Self::Diff(diff) => diff.run(globals),
            Self::Schema(schema) => schema.run(),
            Self::Build(build) => build.run(globals),
            Self::Replay(replay) => replay.run(globals),
            Self::Apply(apply) => apply.run(globals),
            Self::Rollback(rollback) => rollback.run(globals),
            Self::History(history) => history.run(globals),
            Self::Status(_) => history::Status::run(globals),
            Self::Shadow(shadow) => shadow.run(globals),
        }
    }
}

/// Where the policies are.
#[derive(Debug, clap::Args)]
struct Policies {
    /// The policies: a directory with *.rego and data.json, or a bundle in one file.
    #[arg(value_name = "DIR", default_value = "policies")]
    dir: PathBuf,
}

fn there(dir: &Path) -> Result<(), Stop> {
    std::fs::read_dir(dir).map(|_| ()).map_err(|fault| {
        let dir = dir.display();
        Stop::cannot_run(format_args!(
            "cannot read the directory {dir}: {}",
            crate::config::reason(&fault)
        ))
        .hint("name the directory with the policies")
    })
}

/// What the configuration knows, if there is one.
fn registry(globals: &Globals) -> Result<Registry, Stop> {
    if globals.is_without_config() {
        return Ok(Registry::standard());
    }
    Ok(config(&globals.config, Purpose::Command)?.registry)
}

/// A finding with its file as it is found from here: `policies/tiers.rego:12: error: …`. What is
/// about no file is about the directory.
fn shown(dir: &Path, finding: &Finding) -> String {
    let file = dir.join(&finding.file);
    // Within a bundle in one file it has its own name.
    let place = if file.exists() || dir.is_file() { &file } else { dir };
    Finding { file: place.display().to_string(), ..finding.clone() }.to_string()
}

/// Reads the name of a point.
fn point() -> impl TypedValueParser<Value = Point> {
    PossibleValuesParser::new(Point::ALL.map(Point::name)).try_map(|name| {
        let named = Point::ALL.into_iter().find(|point| point.name() == name);
        named.ok_or("there is no such point")
    })
}

/// `1 test`, `2 tests`.
fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
