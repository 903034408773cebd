//! Requests that cannot be answered.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{BASIC, Duration, Offer, PREMIUM, Server, chat, whole, with};

#[tokio::test]
async fn openai_errors_name_status_and_parameter() {
    let server = Server::start().await;
    let chat_path = "/v1/chat/completions";
    let image = json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] });
    let cases = [
        (chat_path, json!({ "model": BASIC }), 400, "messages"),
        (chat_path, with(chat(""), &json!({ "messages": [] })), 400, "messages"),
        (chat_path, with(chat(""), &image), 400, "messages"),
        (chat_path, json!({ "messages": [{ "role": "user", "content": "x" }] }), 400, "model"),
        (chat_path, with(chat("x"), &json!({ "model": "gpt-4" })), 404, "model"),
        (chat_path, with(chat("x"), &json!({ "temperature": 2.5 })), 400, "temperature"),
        (chat_path, with(chat("x"), &json!({ "top_p": -1 })), 400, "top_p"),
        (chat_path, with(chat("x"), &json!({ "n": 0 })), 400, "n"),
        (chat_path, with(chat("x"), &json!({ "max_tokens": 0 })), 400, "max_tokens"),
        (chat_path, with(chat("x"), &json!({ "stop": ["a", ""] })), 400, "stop"),
        (chat_path, with(chat("x"), &json!({ "stream_options": {} })), 400, "stream_options"),
        ("/v1/completions", json!({ "model": BASIC }), 400, "prompt"),
        ("/generate", json!({ "max_tokens": 0 }), 400, "max_tokens"),
    ];
    for (path, request, expected, param) in cases {
        let (status, answer) = server.post(path, &request).await;
        let error = &answer["error"];
        assert_eq!((status, error["param"].as_str()), (expected, Some(param)), "{request}");
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(
            error["code"],
            if expected == 404 { json!("model_not_found") } else { Value::Null }
        );
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(server.get("/v1/models/gpt-4").await.0, 404);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let server = Server::start().await;
    for body in ["", "{", "[]", "\u{feff}{}", "null", "{}{}"] {
        for path in ["/v1/chat/completions", "/v1/completions", "/v1/messages", "/generate"] {
            let (status, answer) = whole(server.send(Method::POST, path, body).await).await;
            assert_eq!(status, 400, "{path} {body}");
            assert!(answer["error"]["message"].is_string(), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_refused() {
    let server = Server::start().await;
    let wrong = [
        json!({ "model": 1 }),
        json!({ "max_tokens": -1 }),
        json!({ "stream": "yes" }),
        json!({ "messages": [{ "role": "king", "content": "x" }] }),
        json!({ "messages": [{ "role": "user", "content": 7 }] }),
        json!({ "messages": [{ "role": "user", "content": [{ "type": "text" }] }] }),
    ];
    for members in wrong {
        for path in ["/v1/chat/completions", "/v1/messages"] {
            let request = with(with(chat("x"), &json!({ "max_tokens": 5 })), &members);
            let (status, answer) = server.post(path, &request).await;
            assert_eq!(
                (status, &answer["error"]["type"]),
                (400, &json!("invalid_request_error")),
                "{request}"
            );
        }
    }
    let (status, answer) = server.get("/generate?max_tokens=many").await;
    assert_eq!((status, &answer["error"]["type"]), (400, &json!("invalid_request_error")));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = Server::start().await;
    let (status, answer) =
        whole(server.send(Method::POST, "/generate", "x".repeat(1024 * 1024 + 1)).await).await;
    assert_eq!((status, &answer["error"]["type"]), (413, &json!("invalid_request_error")));
    let prompt = "word ".repeat(200_000);
    let (status, answer) = server.post("/generate", &json!({ "prompt": prompt })).await;
    assert_eq!((status, &answer["usage"]["prompt_tokens"]), (200, &json!(200_001)));
}

#[tokio::test]
async fn messages_has_errors_of_its_own_shape() {
    let server = Server::start().await;
    let with_limit = with(chat("x"), &json!({ "max_tokens": 5 }));
    let cases = [
        (chat("x"), 400, "invalid_request_error", "max_tokens"),
        (
            with(with_limit.clone(), &json!({ "messages": [] })),
            400,
            "invalid_request_error",
            "messages",
        ),
        (
            with(with_limit.clone(), &json!({ "temperature": 1.5 })),
            400,
            "invalid_request_error",
            "temperature",
        ),
        (with(with_limit, &json!({ "model": "claude" })), 404, "not_found_error", "model"),
    ];
    for (request, expected, kind, named) in cases {
        let (status, answer) = server.post("/v1/messages", &request).await;
        assert_eq!((status, &answer["type"]), (expected, &json!("error")), "{request}");
        assert_eq!(answer["error"]["type"], kind);
        assert!(answer["error"]["message"].as_str().unwrap().starts_with(named));
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_errors_too() {
    let server = Server::start().await;
    let (status, answer) = server.get("/v1/embeddings").await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (404, &json!("There is no GET /v1/embeddings."))
    );
    let (status, answer) = server.get("/v1/chat/completions").await;
    assert_eq!((status, &answer["error"]["type"]), (405, &json!("invalid_request_error")));
}

#[tokio::test]
async fn a_model_that_is_not_offered_by_name_is_at_its_own_path_alone() {
    let server = Server::start_with(Offer::Basic, Duration::ZERO).await;
    let named = with(chat("x"), &json!({ "model": PREMIUM, "prompt": "x", "max_tokens": 5 }));
    for path in ["/v1/chat/completions", "/v1/completions", "/v1/messages"] {
        let (status, answer) = server.post(path, &named).await;
        assert_eq!(status, 404, "{path} {answer}");
        assert!(answer.to_string().contains("not_found"), "{answer}");
        assert_eq!(
            server.post(path, &with(named.clone(), &json!({ "model": BASIC }))).await.0,
            200
        );
    }
    let (_, models) = server.get("/v1/models").await;
    assert_eq!(models["data"].as_array().unwrap().len(), 1);
    assert_eq!(models["data"][0]["id"], BASIC);
    assert_eq!(server.get(&format!("/v1/models/{PREMIUM}")).await.0, 404);
    assert_eq!(server.get("/generate/premium?prompt=x").await.1["model"], PREMIUM);
}
