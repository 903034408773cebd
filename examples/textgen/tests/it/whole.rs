//! Answers that come in one piece.

use serde_json::json;

use crate::{BASIC, PREMIUM, Server, chat, with};

#[tokio::test]
async fn both_models_are_listed_and_found() {
    let server = Server::start().await;
    let (status, list) = server.get("/v1/models").await;
    assert_eq!((status, &list["object"]), (200, &json!("list")));
    let ids: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [BASIC, PREMIUM]);
    let (status, model) = server.get(&format!("/v1/models/{PREMIUM}")).await;
    let expected = json!({ "id": PREMIUM, "object": "model", "created": 1_700_000_000, "owned_by": "portcullis" });
    assert_eq!((status, model), (200, expected));
}

#[tokio::test]
async fn a_chat_is_answered_and_its_usage_adds_up() {
    let server = Server::start().await;
    let (status, answer) = server.post("/v1/chat/completions", &chat("What is a scope?")).await;
    assert_eq!(status, 200);
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!(BASIC)));
    assert_eq!(answer["created"], 1_700_000_000);
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["message"]["role"], &choice["finish_reason"]),
        (&json!("assistant"), &json!("stop"))
    );
    assert!(choice["message"]["content"].as_str().unwrap().ends_with('.'));
    let usage = &answer["usage"];
    assert_eq!(usage["prompt_tokens"], 5);
    assert!(usage["completion_tokens"].as_u64().unwrap() > 5);
    assert_eq!(
        usage["total_tokens"].as_u64(),
        usage["completion_tokens"].as_u64().map(|tokens| tokens + 5)
    );
}

#[tokio::test]
async fn a_seed_repeats_an_answer_and_requests_without_one_differ() {
    let server = Server::start().await;
    let seeded = with(chat("hello"), &json!({ "seed": -7, "n": 3, "max_completion_tokens": 30 }));
    let (_, first) = server.post("/v1/chat/completions", &seeded).await;
    let (_, second) = server.post("/v1/chat/completions", &seeded).await;
    assert_eq!(first["choices"], second["choices"]);
    assert_eq!(first["choices"].as_array().unwrap().len(), 3);
    assert_ne!(first["id"], second["id"]);
    let free = with(chat("hello"), &json!({ "n": 8 }));
    let (_, first) = server.post("/v1/chat/completions", &free).await;
    let (_, second) = server.post("/v1/chat/completions", &free).await;
    assert_ne!(first["choices"], second["choices"]);
}

#[tokio::test]
async fn limits_and_stop_sequences_are_honoured() {
    let server = Server::start().await;
    let short = with(chat("token"), &json!({ "max_tokens": 900, "max_completion_tokens": 4 }));
    let (_, answer) = server.post("/v1/chat/completions", &short).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 4);
    let stopped = with(chat("token"), &json!({ "stop": ".", "model": PREMIUM }));
    let (_, answer) = server.post("/v1/chat/completions", &stopped).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(!answer["choices"][0]["message"]["content"].as_str().unwrap().contains('.'));
}

#[tokio::test]
async fn content_may_be_an_array_of_text_parts() {
    let server = Server::start().await;
    let parts =
        json!([{ "type": "text", "text": "What is " }, { "type": "text", "text": "a scope?" }]);
    let messages = json!([{ "role": "developer", "content": "Be brief" }, { "role": "user", "content": parts }]);
    let (status, answer) = server
        .post("/v1/chat/completions", &with(chat(""), &json!({ "messages": messages })))
        .await;
    assert_eq!((status, &answer["usage"]["prompt_tokens"]), (200, &json!(7)));
}

#[tokio::test]
async fn a_completion_goes_on_after_each_prompt() {
    let server = Server::start().await;
    let prompts = json!(["The issuer signs", "Every refusal has"]);
    let request = json!({ "model": PREMIUM, "prompt": prompts, "temperature": 0, "max_tokens": 2, "echo": true });
    let (status, answer) = server.post("/v1/completions", &request).await;
    assert_eq!((status, &answer["object"]), (200, &json!("text_completion")));
    assert_eq!(answer["choices"][0]["text"], "The issuer signs a token");
    assert_eq!(answer["choices"][1]["text"], "Every refusal has a reason");
    assert_eq!(
        answer["usage"],
        json!({ "prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10 })
    );
    let (_, usual) =
        server.post("/v1/completions", &json!({ "model": PREMIUM, "prompt": "The" })).await;
    assert_eq!(usual["usage"]["completion_tokens"], 16);
}

#[tokio::test]
async fn a_message_is_answered_as_anthropic_does() {
    let server = Server::start().await;
    let request = with(chat("What is a scope?"), &json!({ "max_tokens": 3, "system": "Be brief" }));
    let (status, answer) = server.post("/v1/messages", &request).await;
    assert_eq!(
        (status, &answer["type"], &answer["role"]),
        (200, &json!("message"), &json!("assistant"))
    );
    assert_eq!(
        (&answer["stop_reason"], &answer["stop_sequence"]),
        (&json!("max_tokens"), &json!(null))
    );
    assert_eq!(answer["usage"], json!({ "input_tokens": 7, "output_tokens": 3 }));
    assert_eq!(answer["content"][0]["type"], "text");
    let stopped = with(request, &json!({ "max_tokens": 99, "stop_sequences": ["."] }));
    let (_, answer) = server.post("/v1/messages", &stopped).await;
    assert_eq!(
        (&answer["stop_reason"], &answer["stop_sequence"]),
        (&json!("stop_sequence"), &json!("."))
    );
}

#[tokio::test]
async fn the_plain_endpoints_take_a_body_or_a_query() {
    let server = Server::start().await;
    let (status, posted) =
        server.post("/generate", &json!({ "prompt": "What is a scope?", "seed": 1 })).await;
    assert_eq!(
        (status, &posted["model"], &posted["usage"]["prompt_tokens"]),
        (200, &json!(BASIC), &json!(5))
    );
    let (_, asked) = server.get("/generate?prompt=What+is+a+scope%3F&seed=1").await;
    assert_eq!(posted, asked);
    let (_, premium) = server.get("/generate/premium?prompt=What+is+a+scope%3F&seed=1").await;
    assert_eq!(premium["model"], PREMIUM);
    let length =
        |answer: &serde_json::Value| answer["usage"]["completion_tokens"].as_u64().unwrap();
    assert!(length(&premium) > length(&posted), "premium says more");
    let (_, short) =
        server.post("/generate/premium", &json!({ "prompt": "scope", "max_tokens": 2 })).await;
    assert_eq!(length(&short), 2);
    let (status, health) = server.get("/healthz").await;
    assert_eq!((status, health), (200, json!({ "status": "ok", "in_flight": 0 })));
}
