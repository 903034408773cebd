//! `portcullis token inspect`

use super::given;
use crate::{
    cli::{Format, Outcome, Stop},
    clock,
};
use anstyle::{AnsiColor, Style};
use portcullis_jose::{b64, json};
use portcullis_types::{Timestamp, Ttl};
use serde_json::{Map, Value};
use std::fmt::Write;

const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const STRONG: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// What header members and claims mean, with their source.
const MEANINGS: &[(&str, &str)] = &[
    ("alg", "signed with (RFC 7515 §4.1.1)"),
    ("typ", "what kind of token this is (RFC 9068 §2.1: at+jwt)"),
    ("kid", "which of the issuer's keys (RFC 7515 §4.1.4)"),
    ("iss", "who made it"),
    ("sub", "whom it speaks of"),
    ("aud", "which API it is for"),
    ("exp", "good until"),
    ("nbf", "good from"),
    ("iat", "made at"),
    ("auth_time", "when the person signed in"),
    ("jti", "its own name"),
    ("client_id", "which client asked for it"),
    ("azp", "which client it was made for"),
    ("scope", "what it may do"),
    ("tenant", "whose it is"),
    ("act", "who acts for the subject (RFC 8693 §4.1)"),
    ("cnf", "the key that its holder must prove (RFC 7800)"),
    ("nonce", "binds an ID token to a sign-in: an access token has none"),
];

/// Show what a token says, without verifying it.
///
/// Nothing is checked and nothing is sent anywhere: these are the token's own words.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis token inspect eyJhbGciOi...
  pbpaste | portcullis token inspect --json | jq .claims.scope")]
pub(in crate::cli) struct Inspect {
    /// The token; standard input without it.
    token: Option<String>,
}

impl Inspect {
    pub(super) fn run(self, format: Format) -> Outcome {
        let token = given(self.token)?;
        let segments: Vec<&str> = token.split('.').collect();
        let (header, claims) = match segments.as_slice() {
            [header, claims, _] => (part("header", header)?, part("payload", claims)?),
            [_, _, _, _, _] => {
                return Err(Stop::refused(
                    "this token is encrypted: only its recipient can read it",
                )
                .hint("portcullis jose decrypt --key FILE"));
            }
            other => {
                return Err(Stop::refused(format!(
                    "a JWT has three parts with dots between; this has {}",
                    other.len()
                )));
            }
        };
        let value = serde_json::json!({ "verified": false, "header": header, "claims": claims });
        format.print(&value, || text(&header, &claims, clock::now()))
    }
}

fn part(name: &str, text: &str) -> Result<Map<String, Value>, Stop> {
    let bytes = b64::decode(text)
        .map_err(|fault| Stop::refused(format!("the {name} is not base64url: {fault}")))?;
    json::object(&bytes)
        .map_err(|fault| Stop::refused(format!("the {name} is not a JSON object: {fault}")))
}

fn text(header: &Map<String, Value>, claims: &Map<String, Value>, now: Timestamp) -> String {
    let mut out = format!("{WARNING}not verified{WARNING:#}: anybody could have written this\n");
    for (title, members) in [("header", header), ("claims", claims)] {
        let _ = writeln!(out, "\n{STRONG}{title}{STRONG:#}");
        let width = members.keys().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, value) in members {
            let shown = shown(name, value, now);
            let meaning =
                MEANINGS.iter().find(|(known, _)| known == name).map(|(_, meaning)| *meaning);
            let meaning =
                meaning.map(|meaning| format!("  {QUIET}{meaning}{QUIET:#}")).unwrap_or_default();
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(out, "  {name:<width$}  {shown}{meaning}");
        }
    }
    out
}

/// A value on one line, without control characters that a terminal would obey; times as people read them.
fn shown(name: &str, value: &Value, now: Timestamp) -> String {
    let is_time = matches!(name, "exp" | "nbf" | "iat" | "auth_time");
    if let (true, Some(seconds)) = (is_time, value.as_i64()) {
        let at = Timestamp::from_seconds(seconds);
        return format!("{at} ({})", relative(at.millis_since(now)));
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn relative(millis: i64) -> String {
    let span = Ttl::seconds(millis.unsigned_abs() / 1000);
    let span = match span.as_seconds() {
        0..600 => span,
        600..36_000 => Ttl::seconds(span.as_seconds() / 60 * 60),
        36_000..864_000 => Ttl::seconds(span.as_seconds() / 3_600 * 3_600),
        seconds => Ttl::seconds(seconds / 86_400 * 86_400),
    };
    if millis < 0 { format!("{span} ago") } else { format!("in {span}") }
}
