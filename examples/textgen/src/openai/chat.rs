//! `POST /v1/chat/completions`.

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
    generation::Prompt,
    generators::Generators,
    message::Content,
    refusal::{Refusal, read, required},
    run::{Dialect, Order, Run, Step, Usage},
    tokens,
};

#[derive(Deserialize)]
struct Request {
    messages: Option<Vec<Message>>,
    #[serde(flatten)]
    parameters: Parameters,
}

#[derive(Deserialize)]
struct Message {
    role: Role,
    /// Absent where an assistant only called tools.
    content: Option<Content>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    Function,
}

/// Answers the last message of the user.
pub(crate) async fn create(
    State(generators): State<Arc<Generators>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Request { messages, parameters } = read(body)?;
    let served = parameters.served(&generators)?;
    let messages = texts(messages.unwrap_or_default())?;
    let question = messages.iter().rfind(|(role, _)| *role == Role::User).or(messages.last());
    let (_, question) = required("messages", question)?;
    let prompt_tokens = messages.iter().map(|(_, text)| tokens::count(text)).sum();
    let (choices, delivery, wishes) =
        (parameters.choices()?, parameters.delivery()?, parameters.wishes()?);

    let object =
        if delivery == Delivery::Whole { "chat.completion" } else { "chat.completion.chunk" };
    let (head, seed) = Head::new("chatcmpl-", object, served, &generators);
    let prompts = vec![Prompt::Answer(question)];
    let run =
        Run::start(&generators, Order { served, prompts, prompt_tokens, choices, wishes, seed });
    if delivery != Delivery::Whole {
        return Ok(run.stream(Chunks { head, choices, delivery }));
    }
    let (texts, usage) = run.whole().await;
    let choices: Vec<Value> = texts.iter().enumerate().map(|(index, choice)| {
        let message = json!({ "role": "assistant", "content": choice.text, "refusal": null });
        json!({ "index": index, "message": message, "logprobs": null, "finish_reason": finish_reason(&choice.finish) })
    }).collect();
    Ok(Json(head.whole(&choices, usage)).into_response())
}

fn texts(messages: Vec<Message>) -> Result<Vec<(Role, String)>, Refusal> {
    let text = |content: Option<Content>| content.map_or(Ok(String::new()), Content::text);
    messages.into_iter().map(|message| Ok((message.role, text(message.content)?))).collect()
}

struct Chunks {
    head: Head,
    choices: usize,
    delivery: Delivery,
}

impl Chunks {
    fn chunk(&self, index: usize, delta: &Value, finish_reason: Option<&str>) -> Event {
        let choice = json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
        self.head.chunk(choice, self.delivery)
    }
}

impl Dialect for Chunks {
    fn open(&self, _: Usage) -> Vec<Event> {
        let delta = json!({ "role": "assistant", "content": "" });
        (0..self.choices).map(|index| self.chunk(index, &delta, None)).collect()
    }

    fn tell(&self, step: Step, _: Usage) -> Vec<Event> {
        vec![match step {
            Step::Text { index, text } => self.chunk(index, &json!({ "content": text }), None),
            Step::Finished { index, finish } => {
                self.chunk(index, &json!({}), Some(finish_reason(&finish)))
            }
        }]
    }

    fn close(&self, usage: Usage) -> Vec<Event> {
        self.head.last(self.delivery, usage)
    }
}
