//! `portcullis policy schema`

use crate::cli::{Format, Outcome};
use portcullis_policy::{Point, schema};

/// Print the JSON schema of what policies are told at a point.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy schema request > request.schema.json")]
pub(in crate::cli) struct Schema {
    /// Where it is decided.
    #[arg(value_parser = super::point())]
    point: Point,
}

impl Schema {
    /// The schema is JSON with and without --json.
    pub(super) fn run(self) -> Outcome {
        Format::Json.print(&schema(self.point), String::new)
    }
}
