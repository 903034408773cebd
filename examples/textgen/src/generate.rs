//! `/generate` and `/generate/premium`: a prompt in, a text out, no more.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
};
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    generation::Prompt,
    generators::{Generators, Served},
    openai::usage_block,
    refusal::{Refusal, read},
    run::{Order, Run, Wishes},
    tokens,
};

/// The JSON body of a POST, or the query of a GET.
#[derive(Deserialize)]
pub(crate) struct Request {
    prompt: Option<String>,
    max_tokens: Option<usize>,
    seed: Option<i64>,
}

type ByQuery = Result<Query<Request>, QueryRejection>;
type Body = Result<Bytes, BytesRejection>;
type Answer = Result<Json<Value>, Refusal>;

pub(crate) async fn basic(State(generators): State<Arc<Generators>>, body: Body) -> Answer {
    answer(&generators, generators.basic(), read(body)?).await
}

pub(crate) async fn premium(State(generators): State<Arc<Generators>>, body: Body) -> Answer {
    answer(&generators, generators.premium(), read(body)?).await
}

pub(crate) async fn basic_by_query(
    State(generators): State<Arc<Generators>>,
    query: ByQuery,
) -> Answer {
    answer(&generators, generators.basic(), by_query(query)?).await
}

pub(crate) async fn premium_by_query(
    State(generators): State<Arc<Generators>>,
    query: ByQuery,
) -> Answer {
    answer(&generators, generators.premium(), by_query(query)?).await
}

fn by_query(query: ByQuery) -> Result<Request, Refusal> {
    query
        .map(|Query(request)| request)
        .map_err(|rejection| Refusal::new(rejection.status(), &rejection.body_text()))
}

async fn answer(generators: &Arc<Generators>, served: &Served, request: Request) -> Answer {
    if request.max_tokens == Some(0) {
        return Err(Refusal::parameter("max_tokens", "It must be at least 1."));
    }
    let prompt = request.prompt.unwrap_or_default();
    let wishes = Wishes {
        max_tokens: request.max_tokens,
        temperature: 1.0,
        top_p: 1.0,
        top_k: None,
        stop: Vec::new(),
        seed: request.seed,
    };
    let order = Order {
        served,
        prompts: vec![Prompt::Answer(&prompt)],
        prompt_tokens: tokens::count(&prompt),
        choices: 1,
        wishes,
        seed: generators.chance().random(),
    };
    let (choices, usage) = Run::start(generators, order).whole().await;
    let text: String = choices.into_iter().map(|choice| choice.text).collect();
    Ok(Json(json!({ "text": text, "model": served.model.name(), "usage": usage_block(usage) })))
}
