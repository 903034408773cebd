//! `portcullis token`

mod get;
mod inspect;
mod revoke;
mod verify;

use super::{Globals, Outcome, Stop};
use clap::Subcommand;
use std::io::Read;

/// A token is never larger.
const LARGEST: u64 = 64 * 1024;

/// Get, read, verify and revoke tokens.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  TOKEN=$(CLIENT_SECRET=... portcullis token get --client-id my-app --scope generate:basic)
  echo \"$TOKEN\" | portcullis token inspect
  echo \"$TOKEN\" | portcullis token verify --audience https://gw.example.com/v1")]
pub(super) enum TokenCommand {
    Get(get::Get),
    Inspect(inspect::Inspect),
    Revoke(revoke::Revoke),
    Verify(verify::Verify),
}

impl TokenCommand {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        match self {
            Self::Get(get) => get.run(globals),
            Self::Inspect(inspect) => inspect.run(globals.format),
            Self::Revoke(revoke) => revoke.run(globals),
            Self::Verify(verify) => verify.run(globals),
        }
    }
}

/// A token from the command line, or from standard input; `Bearer` in front is taken off.
fn given(token: Option<String>) -> Result<String, Stop> {
    let text = match token {
        Some(token) if token != "-" => token,
        _ => {
            let mut text = String::new();
            let read = std::io::stdin().take(LARGEST).read_to_string(&mut text);
            read.map_err(|fault| Stop::cannot_run(format!("cannot read standard input: {fault}")))?;
            text
        }
    };
    let text = text.trim();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => text,
    };
    if token.is_empty() {
        return Err(
            Stop::usage("no token was given").hint("give it as an argument, or on standard input")
        );
    }
    Ok(token.to_owned())
}
