//! Anthropic's `POST /v1/messages`.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse, Response, sse::Event},
};
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    generation::{Finish, Prompt},
    generators::{Generators, identifier},
    message::Content,
    openai::stops,
    refusal::{AnthropicRefusal, Refusal, read, required, within},
    run::{Choice, Dialect, Order, Run, Step, Usage, Wishes, event},
    tokens,
};

/// Stop sequences that one request may have.
const MOST_STOPS: usize = 16;

#[derive(Deserialize)]
struct Request {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    system: Option<Content>,
    max_tokens: Option<usize>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<usize>,
    stop_sequences: Option<Vec<String>>,
    stream: Option<bool>,
}

#[derive(Deserialize)]
struct Message {
    role: Role,
    content: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

/// Answers the last message; if that is the assistant's own, goes on after it.
pub(crate) async fn create(
    State(generators): State<Arc<Generators>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, AnthropicRefusal> {
    let mut request: Request = read(body)?;
    let served = generators.named(required("model", request.model.as_deref())?)?;
    let system = request.system.take().map_or(Ok(String::new()), Content::text)?;
    let messages = request.messages.take().unwrap_or_default().into_iter();
    let messages = messages.map(|message| Ok((message.role, message.content.text()?)));
    let messages = messages.collect::<Result<Vec<_>, Refusal>>()?;
    let prompt = match required("messages", messages.last())? {
        (Role::User, text) => Prompt::Answer(text),
        (Role::Assistant, text) => Prompt::Continue(text),
    };
    let texts = messages.iter().map(|(_, text)| text).chain([&system]);
    let prompt_tokens = texts.map(|text| tokens::count(text)).sum();
    let streamed = request.stream == Some(true);
    let wishes = request.wishes()?;

    let mut chance = generators.chance();
    let (id, seed) = (identifier("msg_", &mut chance), chance.random());
    let model = served.model.name().to_owned();
    let order = Order { served, prompts: vec![prompt], prompt_tokens, choices: 1, wishes, seed };
    let run = Run::start(&generators, order);
    if streamed {
        return Ok(run.stream(Events { id, model }));
    }
    let (choices, usage) = run.whole().await;
    Ok(Json(message(&id, &model, choices.first(), usage)).into_response())
}

impl Request {
    fn wishes(self) -> Result<Wishes, Refusal> {
        let max_tokens = self.max_tokens.filter(|&most| most > 0);
        if max_tokens.is_none() {
            return Err(Refusal::parameter("max_tokens", "It is required, and at least 1."));
        }
        Ok(Wishes {
            max_tokens,
            temperature: within("temperature", self.temperature, 1.0, (0.0, 1.0))?,
            top_p: within("top_p", self.top_p, 1.0, (0.0, 1.0))?,
            top_k: self.top_k,
            stop: stops("stop_sequences", self.stop_sequences.unwrap_or_default(), MOST_STOPS)?,
            seed: None,
        })
    }
}

/// A message; while it is being made, it has no content and no reason to stop.
fn message(id: &str, model: &str, made: Option<&Choice>, usage: Usage) -> Value {
    let content = made.map(|made| json!({ "type": "text", "text": made.text }));
    let (reason, sequence) =
        made.map_or((Value::Null, Value::Null), |made| stop_reason(&made.finish));
    json!({
        "id": id, "type": "message", "role": "assistant", "model": model,
        "content": content.as_slice(), "stop_reason": reason, "stop_sequence": sequence,
        "usage": { "input_tokens": usage.prompt, "output_tokens": usage.completion },
    })
}

fn stop_reason(finish: &Finish) -> (Value, Value) {
    match finish {
        Finish::End => (json!("end_turn"), Value::Null),
        Finish::MaxTokens => (json!("max_tokens"), Value::Null),
        Finish::StopSequence(stop) => (json!("stop_sequence"), json!(stop)),
    }
}

struct Events {
    id: String,
    model: String,
}

/// An event of the name that is the `type` in its data.
fn named(name: &str, mut data: Value) -> Event {
    if let Some(members) = data.as_object_mut() {
        members.insert("type".to_owned(), json!(name));
    }
    event(&data).event(name)
}

impl Dialect for Events {
    fn open(&self, usage: Usage) -> Vec<Event> {
        let message = message(&self.id, &self.model, None, usage);
        let block = json!({ "type": "text", "text": "" });
        vec![
            named("message_start", json!({ "message": message })),
            named("content_block_start", json!({ "index": 0, "content_block": block })),
        ]
    }

    fn tell(&self, step: Step, usage: Usage) -> Vec<Event> {
        match step {
            Step::Text { text, .. } => {
                let delta = json!({ "type": "text_delta", "text": text });
                vec![named("content_block_delta", json!({ "index": 0, "delta": delta }))]
            }
            Step::Finished { finish, .. } => {
                let (stop_reason, stop_sequence) = stop_reason(&finish);
                let delta = json!({ "stop_reason": stop_reason, "stop_sequence": stop_sequence });
                let usage = json!({ "output_tokens": usage.completion });
                vec![
                    named("content_block_stop", json!({ "index": 0 })),
                    named("message_delta", json!({ "delta": delta, "usage": usage })),
                ]
            }
        }
    }

    fn close(&self, _: Usage) -> Vec<Event> {
        vec![named("message_stop", json!({}))]
    }
}
