//! `portcullis explain`: why was it refused, and what would change that.

pub(super) mod by_hand;
mod gather;
mod paint;
#[cfg(test)]
mod tests;

use super::{Exit, Globals, House, Outcome, Stop, house, shown};
use crate::clock;
use by_hand::{Question, RequestLine};
use gather::Gathered;
use portcullis_audit::{
    self as audit, Record,
    explain::{Explanation, LogSpan, Unfound},
};
use portcullis_types::DecisionId;
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  portcullis explain dec_01KF0RDQG00W3GE1R70W3GE1R7
  portcullis explain --token token.jwt --request 'POST /v1/chat/completions'
  portcullis explain --token token.jwt --dpop-proof proof.jwt --request 'GET /v1/models'
  get-token | portcullis explain --token - --request 'GET /v1/models' --json

A refusal names its decision in the header X-Decision-Id and in its body.

With --json, one object: schema (1), decision_id, at, stage (access, grant),
outcome (verdict, status, error, code, description), request, api, resource,
needed, headline, rows (check, title, source, mark, expected, found, note),
remedy and then (change, by, command), story, token. Members may be added;
none is renamed or removed while schema is 1. No token, no secret is in it.";

/// The page is as wide as the terminal says (COLUMNS), within these.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=100;
const WIDTH: usize = 80;
/// Milliseconds in which the gateway has certainly written a decision down.
const ON_ITS_WAY: i64 = 2_000;

/// The part of a file's name that is repeated, in bytes.
const LONGEST_NAME: usize = 64;

/// Say why a request was refused, and what would change that.
///
/// Prints every check in order, which one failed with what was expected and what was found, how it came
/// to this, and the smallest change that would allow it.
///
/// A decision is looked up in the audit log of this node. A token that was never sent is judged here
/// and now, with the configured routes, keys and revocations; nothing is recorded.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// The decision, as the refusal names it.
    #[arg(value_name = "DECISION_ID", required_unless_present = "token", conflicts_with_all = ["token", "request", "jwks", "dpop_proof", "client_certificate"])]
    id: Option<DecisionId>,
    /// A token to ask about: a file that holds it, or - for standard input. The token itself works too,
    /// but stays in the shell's history.
    #[arg(long, value_name = "FILE|-|TOKEN", requires = "request", value_parser = secret)]
    token: Option<SecretString>,
    /// What the token is to be used for.
    #[arg(long, value_name = "'METHOD PATH'", requires = "token")]
    request: Option<RequestLine>,
    /// The keys of the token's issuer, as a JWK Set, instead of those at hand or fetched.
    #[arg(long, value_name = "FILE", requires = "token")]
    jwks: Option<PathBuf>,
    /// The DPoP proof that would come with the token (RFC 9449). That it was not used before is not
    /// looked up.
    #[arg(long, value_name = "FILE", requires = "token")]
    dpop_proof: Option<PathBuf>,
    /// The SHA-256 of the TLS client certificate (RFC 8705), in base64url as in x5t#S256.
    #[arg(long, value_name = "X5T#S256", requires = "token", value_parser = shown::certificate)]
    client_certificate: Option<[u8; 32]>,
}

impl Explain {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let mut house = House::open(&globals.config)?;
        match (self.id, self.token, self.request) {
            (Some(id), _, _) => match recorded(&house, id)? {
                Some(record) => {
                    let gathered = house::block_on(Gathered::of(&house, &record))?;
                    let it = Explanation::of(&record, &gathered.around());
                    globals.format.print(&it, || paint::explanation(&it, width()))
                }
                None => unfound(&house, id, globals),
            },
            (None, Some(token), Some(request)) => {
                there(&token)?;
                let proof = self.dpop_proof.as_deref().map(shown::proof).transpose()?;
                let question = Question::new(&token, request, self.jwks.as_deref())?
                    .with(proof, self.client_certificate);
                let it = house::block_on(async {
                    let record = question.decide(&mut house, clock::now()).await?;
                    let gathered = Gathered::of(&house, &record).await?;
                    Ok(Explanation::by_hand(&record, &gathered.around()))
                })?;
                globals.format.print(&it, || paint::explanation(&it, width()))
            }
            _ => Err(Stop::usage("a decision id, or --token and --request, is needed")),
        }
    }
}

/// Says so if what was given for a token is a file that is not there or holds nothing: its name would
/// be judged as a token.
fn there(source: &SecretString) -> Result<(), Stop> {
    let given = source.expose_secret();
    let path = Path::new(given);
    let ending = path.extension().is_some_and(|ending| ending == "jwt" || ending == "txt");
    let named = given.contains('/') || (ending && given.matches('.').count() < 2);
    let problem = match path.metadata() {
        Ok(found) if found.is_dir() => "this is a directory",
        Ok(found) if found.is_file() && blank(path, found.len()) => "the file is empty",
        Err(_) if named => "no such file",
        _ => return Ok(()),
    };
    // It may be a secret of an odd kind after all.
    let cut = if given.len() > LONGEST_NAME { "…" } else { "" };
    let given: String = given.chars().take(LONGEST_NAME).collect();
    Err(Stop::cannot_run(format!("{given}{cut}: {problem}"))
        .hint("--token takes a file that holds the token, or - for standard input"))
}

/// Whether a file holds white space at most. A token is longer than this looks.
fn blank(file: &Path, length: u64) -> bool {
    length < 64 && std::fs::read(file).is_ok_and(|content| content.trim_ascii().is_empty())
}

/// An explanation as a terminal shows it.
pub(super) fn page(it: &Explanation) -> String {
    paint::explanation(it, width())
}

/// The record; one of this very moment may still be on its way to the disk.
fn recorded(house: &House, id: DecisionId) -> Result<Option<Record<'static>>, Stop> {
    loop {
        let found = house.store.read_blocking(move |tx| audit::find(tx, id));
        let found = found.map_err(Stop::cannot_run)?;
        if found.is_some() || !(0..ON_ITS_WAY).contains(&clock::now().millis_since(id.time())) {
            return Ok(found);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn unfound(house: &House, id: DecisionId, globals: &Globals) -> Outcome {
    let log = house.store.read_blocking(|tx| {
        let first = audit::tail(tx, 0, 1)?.into_iter().next();
        let head = audit::head(tx)?;
        let last = match head {
            Some(head) => audit::tail(tx, head.seq.saturating_sub(1), 1)?.into_iter().next(),
            None => None,
        };
        let (first, last) = (first.map(|(_, record)| record.at), last.map(|(_, record)| record.at));
        Ok(first.zip(last).map(|(first, last)| LogSpan { first, last }))
    });
    let log = log.map_err(Stop::cannot_run)?;
    let searched = house.config.database();
    let it = Unfound::of(id, searched, log, clock::now());
    globals.format.print(&it, || paint::unfound(&it, width()))?;
    Ok(Exit::Refused)
}

fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    told.map_or(WIDTH, |columns| columns.clamp(*WIDTHS.start(), *WIDTHS.end()))
}

#[expect(clippy::unnecessary_wraps, reason = "clap wants a parser that may fail")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}
