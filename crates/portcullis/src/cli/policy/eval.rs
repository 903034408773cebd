//! `portcullis policy eval`

use super::Policies;
use crate::cli::{Exit, Format, Globals, Outcome, Stop, data, jose::input};
use portcullis_policy::{Cause, Engine, Input, Obligations, Point, Ruling};
use std::{fmt::Write as _, path::PathBuf};

/// The longest input that is read, in bytes.
const MAX_INPUT: usize = 4 << 20;

/// Decide one input by policies, and show the ruling.
///
/// Scopes and datasets of a ruling are the most that may be left of what there was; they add nothing. Exits with 1 if
/// it is denied.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy eval --point request --input request.json
  portcullis policy eval new --point exchange --input - --json < exchange.json")]
pub(in crate::cli) struct Eval {
    #[command(flatten)]
    policies: Policies,
    /// Where it is decided.
    #[arg(long, value_parser = super::point())]
    point: Point,
    /// A file with the input as JSON, or - for standard input; 'policy schema' says what belongs there.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
}

impl Eval {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let bundle = super::source::load(&self.policies.dir, &super::registry(globals)?)?;
        let json = String::from_utf8(input::bytes(&self.input, MAX_INPUT)?)
            .map_err(|_| Stop::refused("the input is not UTF-8 text"))?;
        let input = Input::from_json(self.point, &json).map_err(Stop::refused)?;
        let ruling = Engine::new(bundle).decide(self.point, &input);
        match globals.format {
            Format::Text => data(text(&ruling))?,
            Format::Json => globals.format.print(&ruling, String::new)?,
        };
        Ok(if ruling.allow { Exit::Done } else { Exit::Refused })
    }
}

fn text(ruling: &Ruling) -> String {
    let mut text = match (&ruling.cause, ruling.allow) {
        (Cause::Policy, true) => "allowed by the policy\n".to_owned(),
        (Cause::Policy, false) => "denied by the policy\n".to_owned(),
        (cause, _) => format!("{cause}\n"),
    };
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<20} {value}");
    };
    for reason in &ruling.reasons {
        row(&reason.code, &reason.text);
    }
    if ruling.allow {
        let scopes = ruling.scopes.as_ref().map(ToString::to_string);
        row("scopes", &most(scopes));
        row("datasets", &most(ruling.datasets.as_ref().map(|datasets| datasets.join(" "))));
        let Obligations { max_output_tokens, requests_per_minute, max_ttl, step_up } =
            &ruling.obligations;
        let numbers = [
            ("max_output_tokens", max_output_tokens),
            ("requests_per_minute", requests_per_minute),
            ("max_ttl", max_ttl),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                row(name, &number.to_string());
            }
        }
        if let Some(acr) = step_up {
            row("step_up", acr);
        }
    }
    row("revision", &ruling.revision.to_string());
    text
}

fn most(left: Option<String>) -> String {
    match left {
        None => "all that there are".to_owned(),
        Some(left) if left.is_empty() => "none".to_owned(),
        Some(left) => format!("at most {left}"),
    }
}
