//! How long an answer may be: found in a request, and set.

use super::{Limit, Members, Prompt, name, unnamed};
use bytes::{Bytes, BytesMut};
use portcullis_types::BodyFault;
use serde_json::value::RawValue;

/// The words of a dialect.
pub(super) struct Words {
    /// How it says how many tokens an answer may have, whichever service it is.
    limits: &'static [&'static str],
    /// How it says how many answers it wants.
    answers: &'static [&'static str],
    /// How answers to this request are limited there, by what it asks and where: any of these counts, and the first
    /// is what is said if none was. None: there is no answer that could be long.
    effective: fn(&Members<'_>, path: &str) -> &'static [&'static str],
}

pub(super) const OPENAI: Words = Words {
    limits: &[
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "max_new_tokens",
        "n_predict",
    ],
    answers: &["n", "best_of"],
    effective: |members, path| match path.rsplit('/').next() {
        Some("embeddings" | "moderations" | "rerank" | "speech") => &[],
        _ if members.get("messages").is_some() => &["max_completion_tokens", "max_tokens"],
        _ if members.get("prompt").is_some() && members.get("input").is_none() => &["max_tokens"],
        _ => &["max_output_tokens"],
    },
};

pub(super) const ANTHROPIC: Words = Words {
    limits: &["max_tokens", "max_tokens_to_sample"],
    answers: &[],
    effective: |_, path| if path.ends_with("/count_tokens") { &[] } else { &["max_tokens"] },
};

/// What else is looked at. No spelling but this one may occur.
const WATCHED: &[&str] = &["model", "stream", "messages", "prompt", "input", "models", "fallbacks"];

/// Texts that no model reads.
const UNREAD: [&str; 6] =
    ["model", "user", "metadata", "stream_options", "safety_identifier", "prompt_cache_key"];

impl Prompt {
    pub(super) fn read(body: &[u8], words: &Words, path: &str) -> Result<Self, BodyFault> {
        let members = Members::read(body, &[WATCHED, words.limits, words.answers])?;
        if let Some(other) = ["models", "fallbacks"].iter().find(|it| members.get(it).is_some()) {
            // Attack: services that route by themselves would ask another model than the one that was judged.
            let problem = format!("'{other}' names other models beside 'model'");
            return Err(BodyFault::Ambiguous { problem });
        }
        let mut limits = Vec::new();
        for (member, raw) in members.iter().filter(|(member, _)| words.limits.contains(member)) {
            let tokens = (raw != "null").then(|| whole(member, raw)).transpose()?;
            limits.push(Limit { place: members.place(raw), tokens });
        }
        // Attack: a limit in words that the service does not know.
        let effective = (words.effective)(&members, path);
        let said = members.iter().any(|(member, _)| effective.contains(&member));
        let answers =
            words.answers.iter().filter_map(|it| members.get(it).map(|raw| whole(it, raw)));
        let answers = answers.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or(1).max(1);
        Ok(Self {
            model: name(&members, "model")?,
            streams: match members.get("stream") {
                None | Some("false") => false,
                Some("true") => true,
                Some(_) => return Err(unnamed("stream", "true or false")),
            },
            texts: texts(&members),
            limits,
            answers: answers.saturating_mul(prompts(&members)),
            unsaid: effective.first().copied().filter(|_| !said),
            start: members.start(),
        })
    }

    /// The body with no longer answers than `most` tokens in all; `None`: it asks for no more as it is.
    pub(crate) fn limited(&self, body: &Bytes, most: u64) -> Result<Option<Bytes>, BodyFault> {
        let each = most / self.answers;
        if each == 0 {
            return Err(unnamed("n", &format!("no more than {most} answers")));
        }
        let too_long = |limit: &&Limit| limit.tokens.is_none_or(|tokens| tokens > each);
        if self.unsaid.is_none() && !self.limits.iter().any(|limit| too_long(&limit)) {
            return Ok(None);
        }
        let mut changed = BytesMut::with_capacity(body.len() + 48);
        changed.extend_from_slice(body.get(..self.start).unwrap_or_default());
        let mut rest = self.start;
        if let Some(member) = self.unsaid {
            changed.extend_from_slice(format!("\"{member}\":{each},").as_bytes());
        }
        for limit in self.limits.iter().filter(too_long) {
            changed.extend_from_slice(body.get(rest..limit.place.start).unwrap_or_default());
            changed.extend_from_slice(each.to_string().as_bytes());
            rest = limit.place.end;
        }
        changed.extend_from_slice(body.get(rest..).unwrap_or_default());
        Ok(Some(changed.freeze()))
    }
}

/// Attack: -1, "9999" and 1e9 are numbers to services that are lax.
fn whole(member: &str, raw: &str) -> Result<u64, BodyFault> {
    raw.parse().map_err(|_| unnamed(member, "a whole number"))
}

/// All that a model might read, wherever it stands: what only looks like a knob is a text too.
fn texts(members: &Members<'_>) -> Vec<std::ops::Range<usize>> {
    let read = members
        .iter()
        .filter(|(member, raw)| !UNREAD.contains(member) && raw.starts_with(['"', '[', '{']));
    read.map(|(_, raw)| members.place(raw)).collect()
}

/// A list of prompts is answered one by one; a list of numbers is one prompt.
fn prompts(members: &Members<'_>) -> u64 {
    let list = members.get("prompt").filter(|raw| raw.starts_with('['));
    let list = list.and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw).ok());
    let prompts = list.unwrap_or_default();
    let prompts = prompts.iter().filter(|item| item.get().starts_with(['"', '[']));
    (prompts.count() as u64).max(1)
}
