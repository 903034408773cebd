//! The OpenAI API: models, chat completions, completions.

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod models;

use std::sync::Arc;

use axum::response::sse::Event;
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    generation::Finish,
    generators::{Generators, Served, identifier},
    refusal::{Refusal, required, within},
    run::{Usage, Wishes, event},
};

/// Texts that one request may ask for.
const MOST_CHOICES: usize = 16;
/// Stop sequences that one request may have.
const MOST_STOPS: usize = 4;

/// The members that chat completions and completions share.
#[derive(Deserialize)]
struct Parameters {
    model: Option<String>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    n: Option<usize>,
    stop: Option<Stop>,
    seed: Option<i64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "stop must be a string or an array of strings")]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// How the answer is sent.
#[derive(Clone, Copy, PartialEq)]
enum Delivery {
    Whole,
    Stream,
    StreamWithUsage,
}

impl Parameters {
    fn served<'a>(&self, generators: &'a Generators) -> Result<&'a Served, Refusal> {
        generators.named(required("model", self.model.as_deref())?)
    }

    fn choices(&self) -> Result<usize, Refusal> {
        within("n", self.n, 1, (1, MOST_CHOICES))
    }

    fn delivery(&self) -> Result<Delivery, Refusal> {
        let with_usage =
            self.stream_options.as_ref().map(|options| options.include_usage == Some(true));
        match (self.stream == Some(true), with_usage) {
            (true, Some(true)) => Ok(Delivery::StreamWithUsage),
            (true, _) => Ok(Delivery::Stream),
            (false, None) => Ok(Delivery::Whole),
            (false, Some(_)) => {
                Err(Refusal::parameter("stream_options", "Only a stream has options."))
            }
        }
    }

    /// `max_completion_tokens` is the newer name of `max_tokens`, and goes before it.
    fn wishes(self) -> Result<Wishes, Refusal> {
        let stop = match self.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Several(stops)) => stops,
        };
        Ok(Wishes {
            max_tokens: match (self.max_completion_tokens, self.max_tokens) {
                (Some(0), _) => {
                    return Err(Refusal::parameter(
                        "max_completion_tokens",
                        "It must be at least 1.",
                    ));
                }
                (None, Some(0)) => {
                    return Err(Refusal::parameter("max_tokens", "It must be at least 1."));
                }
                (newer, older) => newer.or(older),
            },
            temperature: within("temperature", self.temperature, 1.0, (0.0, 2.0))?,
            top_p: within("top_p", self.top_p, 1.0, (0.0, 1.0))?,
            top_k: None,
            stop: stops("stop", stop, MOST_STOPS)?,
            seed: self.seed,
        })
    }
}

/// Stop sequences that can be met.
pub(crate) fn stops(
    param: &'static str,
    stops: Vec<String>,
    most: usize,
) -> Result<Vec<String>, Refusal> {
    if stops.len() > most {
        return Err(Refusal::parameter(
            param,
            &format!("There may be {most} stop sequences, not {}.", stops.len()),
        ));
    }
    if stops.iter().any(String::is_empty) {
        return Err(Refusal::parameter(param, "A stop sequence must not be empty."));
    }
    Ok(stops)
}

/// What every answer, and every chunk of one, begins with.
struct Head {
    id: String,
    object: &'static str,
    created: i64,
    model: String,
}

impl Head {
    /// The head of an answer that starts now, and a seed for its texts.
    fn new(
        prefix: &str,
        object: &'static str,
        served: &Served,
        generators: &Arc<Generators>,
    ) -> (Self, u64) {
        let mut chance = generators.chance();
        let id = identifier(prefix, &mut chance);
        let model = served.model.name().to_owned();
        (Self { id, object, created: generators.now(), model }, chance.random())
    }

    fn answer(&self, choices: &[Value], usage: Option<Value>) -> Value {
        let mut answer = json!({
            "id": self.id, "object": self.object, "created": self.created, "model": self.model, "choices": choices,
        });
        if let (Some(members), Some(usage)) = (answer.as_object_mut(), usage) {
            members.insert("usage".to_owned(), usage);
        }
        answer
    }

    fn whole(&self, choices: &[Value], usage: Usage) -> Value {
        self.answer(choices, Some(usage_block(usage)))
    }

    /// With `include_usage`, every chunk has a `usage`: `null` until the last.
    fn chunk(&self, choice: Value, delivery: Delivery) -> Event {
        event(
            &self.answer(&[choice], (delivery == Delivery::StreamWithUsage).then_some(Value::Null)),
        )
    }

    fn last(&self, delivery: Delivery, usage: Usage) -> Vec<Event> {
        let usage = (delivery == Delivery::StreamWithUsage).then(|| event(&self.whole(&[], usage)));
        usage.into_iter().chain([Event::default().data("[DONE]")]).collect()
    }
}

pub(crate) fn usage_block(Usage { prompt, completion }: Usage) -> Value {
    json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion })
}

fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::End | Finish::StopSequence(_) => "stop",
        Finish::MaxTokens => "length",
    }
}
