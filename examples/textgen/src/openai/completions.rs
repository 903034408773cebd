//! `POST /v1/completions`: goes on after a prompt.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse, Response, sse::Event},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Delivery, Head, Parameters, finish_reason};
use crate::{
    generation::Prompt as Start,
    generators::Generators,
    refusal::{Refusal, read, required, within},
    run::{Dialect, Order, Run, Step, Usage},
    tokens,
};

/// Tokens of a completion that does not say how many, as in the OpenAI API.
const USUAL_TOKENS: usize = 16;
/// Prompts that one request may have.
const MOST_PROMPTS: usize = 16;

#[derive(Deserialize)]
struct Request {
    prompt: Option<Prompt>,
    /// Whether the answer repeats the prompt.
    echo: Option<bool>,
    #[serde(flatten)]
    parameters: Parameters,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "prompt must be a string or an array of strings")]
enum Prompt {
    One(String),
    Several(Vec<String>),
}

pub(crate) async fn create(
    State(generators): State<Arc<Generators>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Request { prompt, echo, parameters } = read(body)?;
    let served = parameters.served(&generators)?;
    let prompts = match required("prompt", prompt)? {
        Prompt::One(prompt) => vec![prompt],
        Prompt::Several(prompts) => prompts,
    };
    within("prompt", Some(prompts.len()), 1, (1, MOST_PROMPTS))?;
    let (choices, delivery, mut wishes) =
        (parameters.choices()?, parameters.delivery()?, parameters.wishes()?);
    wishes.max_tokens.get_or_insert(USUAL_TOKENS);

    let (head, seed) = Head::new("cmpl-", "text_completion", served, &generators);
    let prompt_tokens = prompts.iter().map(|prompt| tokens::count(prompt)).sum();
    let starts = prompts.iter().map(|prompt| Start::Continue(prompt)).collect();
    let run = Run::start(
        &generators,
        Order { served, prompts: starts, prompt_tokens, choices, wishes, seed },
    );
    let echoes = if echo == Some(true) { prompts } else { Vec::new() };
    let echoes: Vec<String> =
        echoes.into_iter().flat_map(|echo| std::iter::repeat_n(echo, choices)).collect();
    if delivery != Delivery::Whole {
        return Ok(run.stream(Chunks { head, echoes, delivery }));
    }
    let (texts, usage) = run.whole().await;
    let choices: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, made)| {
            let echo = echoes.get(index).map_or("", String::as_str);
            choice(index, &format!("{echo}{}", made.text), Some(finish_reason(&made.finish)))
        })
        .collect();
    Ok(Json(head.whole(&choices, usage)).into_response())
}

fn choice(index: usize, text: &str, finish_reason: Option<&str>) -> Value {
    json!({ "index": index, "text": text, "logprobs": null, "finish_reason": finish_reason })
}

struct Chunks {
    head: Head,
    /// What each text begins with; empty if the prompt is not repeated.
    echoes: Vec<String>,
    delivery: Delivery,
}

impl Dialect for Chunks {
    fn open(&self, _: Usage) -> Vec<Event> {
        let echoes = self.echoes.iter().enumerate();
        echoes
            .map(|(index, echo)| self.head.chunk(choice(index, echo, None), self.delivery))
            .collect()
    }

    fn tell(&self, step: Step, _: Usage) -> Vec<Event> {
        let choice = match step {
            Step::Text { index, text } => choice(index, &text, None),
            Step::Finished { index, finish } => choice(index, "", Some(finish_reason(&finish))),
        };
        vec![self.head.chunk(choice, self.delivery)]
    }

    fn close(&self, usage: Usage) -> Vec<Event> {
        self.head.last(self.delivery, usage)
    }
}
