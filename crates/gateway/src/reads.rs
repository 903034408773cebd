//! What a request names in its body: the model, the tool, the prompt. Read strictly, since the service behind
//! reads it once more: what two readers might understand in two ways is refused.

mod limit;
mod members;
mod message;
#[cfg(test)]
mod tests;

use crate::settings::Reads;
use http::{HeaderMap, header};
use members::Members;
use portcullis_types::BodyFault;
use serde_json::{Map, Value};
use std::ops::Range;

/// The longest name of a model or tool, in bytes.
const LONGEST_NAME: usize = 256;

/// What was read.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A model is asked.
    Model(Prompt),
    /// A message for an MCP server.
    Message(Message),
}

/// A model is asked.
#[derive(Debug, Default)]
pub(crate) struct Prompt {
    /// Which one.
    pub(crate) model: String,
    /// Whether the answer shall come bit by bit.
    pub(crate) streams: bool,
    /// All that the model might read, each by its place in the body.
    pub(crate) texts: Vec<Range<usize>>,
    /// Where it says how long an answer may be.
    limits: Vec<Limit>,
    /// How many answers it wants: each may be as long as the limit.
    answers: u64,
    /// How to say how long an answer may be, if the request does not.
    unsaid: Option<&'static str>,
    /// Just inside the object.
    start: usize,
}

/// A limit on the length of an answer, as the request says it.
#[derive(Debug)]
struct Limit {
    place: Range<usize>,
    /// `None`: in so many words none.
    tokens: Option<u64>,
}

/// A message for an MCP server.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// `tools/call`.
    Call {
        /// The tool.
        tool: String,
        /// Its arguments.
        arguments: Map<String, Value>,
    },
    /// Another method.
    Other(String),
    /// An answer to the server.
    Answer,
}

impl Asked {
    /// Reads `body` as the route says. `path` is the one at the service behind.
    pub(crate) fn read(
        reads: &Reads,
        (headers, path): (&HeaderMap, &str),
        body: &[u8],
    ) -> Result<Option<Self>, BodyFault> {
        if *reads == Reads::Nothing {
            return Ok(None);
        }
        plain_json(headers)?;
        match reads {
            Reads::Nothing => Ok(None),
            Reads::OpenAi => Prompt::read(body, &limit::OPENAI, path).map(Self::Model).map(Some),
            Reads::Anthropic => {
                Prompt::read(body, &limit::ANTHROPIC, path).map(Self::Model).map(Some)
            }
            Reads::Mcp { .. } => Message::read(body).map(Self::Message).map(Some),
        }
    }
}

/// Attack: a body that is JSON to us and a form to the service behind, or one that only it unpacks.
fn plain_json(headers: &HeaderMap) -> Result<(), BodyFault> {
    let refused =
        |found: &str| Err(BodyFault::MediaType { found: found.chars().take(100).collect() });
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING) {
        return refused(&format!("Content-Encoding: {}", encoding.to_str().unwrap_or("?")));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(said), None) = (types.next(), types.next()) else {
        return refused("not exactly one Content-Type");
    };
    let said = said.to_str().unwrap_or("?");
    let (media, rest) = said.split_once(';').unwrap_or((said, ""));
    let charset = rest.trim();
    let utf8 = charset.is_empty()
        || charset.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
    if media.trim().eq_ignore_ascii_case("application/json") && utf8 {
        Ok(())
    } else {
        refused(said)
    }
}

fn unnamed(member: &str, expected: &str) -> BodyFault {
    BodyFault::Unnamed { member: member.into(), expected: expected.into() }
}

/// A name as it stands in JSON.
fn name(members: &Members<'_>, member: &str) -> Result<String, BodyFault> {
    let text = members.get(member).and_then(|raw| serde_json::from_str::<String>(raw).ok());
    text.filter(|text| (1..=LONGEST_NAME).contains(&text.len()))
        .ok_or_else(|| unnamed(member, &format!("a text of 1 to {LONGEST_NAME} bytes")))
}
