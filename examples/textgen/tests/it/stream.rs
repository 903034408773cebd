//! Answers as server-sent events.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{BASIC, Offer, PREMIUM, Server, chat, with};

/// The events of a stream: name (empty if it has none) and data.
async fn events(server: &Server, path: &str, request: &Value) -> Vec<(String, String)> {
    let response = server.send(Method::POST, path, request.to_string()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    let field = |block: &str, name: &str| -> String {
        block.lines().filter_map(|line| line.strip_prefix(name)).collect()
    };
    text.split_terminator("\n\n")
        .map(|block| (field(block, "event: "), field(block, "data: ")))
        .collect()
}

/// The chunks of a stream that ends as it must.
async fn chunks(server: &Server, path: &str, request: &Value) -> Vec<Value> {
    let mut events = events(server, path, request).await;
    assert_eq!(events.pop().unwrap().1, "[DONE]");
    events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_chat_is_streamed_token_by_token() {
    let server = Server::start().await;
    let request = with(chat("What is a scope?"), &json!({ "seed": 11 }));
    let (_, whole) = server.post("/v1/chat/completions", &request).await;
    let options = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let mut chunks = chunks(&server, "/v1/chat/completions", &with(request, &options)).await;

    let last = chunks.pop().unwrap();
    assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &whole["usage"]));
    assert!(chunks.iter().all(|chunk| chunk["usage"].is_null() && chunk["id"] == last["id"]));
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    let (first, end) = (&chunks[0]["choices"][0], &chunks[chunks.len() - 1]["choices"][0]);
    assert_eq!(first["delta"], json!({ "role": "assistant", "content": "" }));
    assert_eq!((&end["delta"], &end["finish_reason"]), (&json!({}), &json!("stop")));
    let deltas = &chunks[1..chunks.len() - 1];
    let text: String = deltas
        .iter()
        .map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(text, whole["choices"][0]["message"]["content"]);
    assert_eq!(deltas.len() as u64, whole["usage"]["completion_tokens"].as_u64().unwrap());
}

#[tokio::test]
async fn several_choices_are_streamed_side_by_side() {
    let server = Server::start().await;
    let request = with(chat("gateway"), &json!({ "seed": 5, "n": 3 }));
    let (_, whole) = server.post("/v1/chat/completions", &request).await;
    let chunks =
        chunks(&server, "/v1/chat/completions", &with(request, &json!({ "stream": true }))).await;
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    for index in 0..3 {
        let own = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0])
            .filter(|choice| choice["index"] == index);
        let text: String = own.filter_map(|choice| choice["delta"]["content"].as_str()).collect();
        assert_eq!(text, whole["choices"][index]["message"]["content"]);
    }
}

#[tokio::test]
async fn a_completion_is_streamed() {
    let server = Server::start().await;
    let request =
        json!({ "model": BASIC, "prompt": "The issuer signs", "temperature": 0, "max_tokens": 3 });
    let options = json!({ "stream": true, "echo": true });
    let chunks = chunks(&server, "/v1/completions", &with(request, &options)).await;
    let text: String =
        chunks.iter().map(|chunk| chunk["choices"][0]["text"].as_str().unwrap()).collect();
    assert!(text.starts_with("The issuer signs a token"), "{text}");
    assert_eq!(chunks.len(), 5);
    assert_eq!(chunks[4]["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn a_message_is_streamed_in_the_order_of_anthropic() {
    let server = Server::start().await;
    let request = with(chat("What is a scope?"), &json!({ "max_tokens": 4, "stream": true }));
    let events = events(&server, "/v1/messages", &request).await;
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    let delta = "content_block_delta";
    let start = ["message_start", "content_block_start", delta, delta, delta, delta];
    assert_eq!(
        names,
        [&start[..], &["content_block_stop", "message_delta", "message_stop"]].concat()
    );
    let data: Vec<Value> =
        events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
    assert!(data.iter().zip(names).all(|(data, name)| data["type"] == name));
    assert_eq!(data[0]["message"]["usage"]["input_tokens"], 5);
    assert_eq!(data[7]["delta"]["stop_reason"], "max_tokens");
    assert_eq!(data[7]["usage"]["output_tokens"], 4);
}

#[tokio::test]
async fn the_first_token_is_sent_before_the_second_is_due_and_a_reader_who_leaves_stops_the_work() {
    let server = Server::start_with(Offer::Both, Duration::from_secs(1000)).await;
    let request = with(chat("What is a scope?"), &json!({ "model": PREMIUM, "stream": true }));
    let mut response = server.send(Method::POST, "/v1/chat/completions", request.to_string()).await;
    let mut read = String::new();
    while read.matches("\n\n").count() < 2 {
        read.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert_eq!(server.get("/healthz").await.1["in_flight"], 1);
    drop(response);
    let gone = async {
        while server.get("/healthz").await.1["in_flight"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}
