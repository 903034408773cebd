//! `portcullis policy`: what policies say, before any of them decides. Needs no configuration.

mod check;
mod diff;
mod eval;
mod fmt;
mod schema;
mod test;

use super::{Globals, Outcome, Stop, config};
use crate::config::Purpose;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use portcullis_policy::{Bundle, Files, Finding, Level, Point, Refused};
use portcullis_types::Registry;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  portcullis policy test
  portcullis policy check policies --json
  portcullis policy fmt --check
  portcullis policy eval --point request --input request.json
  portcullis policy diff policies/ new/
  portcullis policy schema request";

/// Test, check and try policies in Rego, with nothing running.
///
/// If there is a configuration, its scopes are known besides the standard ones; none is needed.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum PolicyCommand {
    Test(test::Test),
    Check(check::Check),
    Fmt(fmt::Fmt),
    Eval(eval::Eval),
    Diff(diff::Diff),
    Schema(schema::Schema),
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
        }
    }
}

/// Where the policies are.
#[derive(Debug, clap::Args)]
struct Policies {
    /// The directory with the policies: every *.rego in it, and data.json.
    #[arg(value_name = "DIR", default_value = "policies")]
    dir: PathBuf,
}

/// The policies in `dir`; it is refused if they have a mistake.
fn load(dir: &Path, registry: &Registry) -> Result<Bundle, Stop> {
    let files = files(dir)?;
    Bundle::of(files, registry).map_err(|refused| stop(dir, refused))
}

/// The files in `dir`, unchecked.
fn files(dir: &Path) -> Result<Files, Stop> {
    there(dir)?;
    Files::read(dir).map_err(|refused| stop(dir, refused))
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

fn stop(dir: &Path, refused: Refused) -> Stop {
    let errors = refused.findings.into_iter().filter(|finding| finding.level == Level::Error);
    let errors: Vec<_> = errors.map(|finding| shown(dir, &finding)).collect();
    let dir = dir.display();
    Stop::refused(format_args!("the policies in {dir} are refused\n{}", errors.join("\n")))
}

/// A finding with its file as it is found from here: `policies/tiers.rego:12: error: …`. What is
/// about no file is about the directory.
fn shown(dir: &Path, finding: &Finding) -> String {
    let file = dir.join(&finding.file);
    let place = if file.exists() { &file } else { dir };
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
