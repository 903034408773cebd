//! The generator over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod errors;
mod stream;
mod whole;

use std::{sync::Arc, time::Duration};

use portcullis_textgen::{BASIC, Generators, Model, Offer, PREMIUM, router};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const TEXT: &str = "\
A token says who may call the model. A scope says what the token may do. The gateway reads the scope of every token.
The gateway refuses a token without the scope. The issuer signs a token for one audience. An audience is the name of an
API. The issuer writes down every token that it signs.

Every refusal has a reason. The reason names the scope that was missing. The issuer gives a token only to a client that
it knows. Nobody else can read the token. The model never sees it. The gateway keeps the token and sends the call on.";

/// The generator on a port of its own.
struct Server {
    url: String,
    client: reqwest::Client,
}

impl Server {
    async fn start() -> Self {
        Self::start_with(Offer::Both, Duration::ZERO).await
    }

    async fn start_with(offer: Offer, pace: Duration) -> Self {
        let (basic, premium) =
            (Model::train(BASIC, 3, &[TEXT]), Model::train(PREMIUM, 5, &[TEXT, TEXT]));
        let generators =
            Generators::new(basic, premium, offer, 42, || 1_700_000_000).with_pace(pace);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(Arc::new(generators))).await });
        Self { url, client: reqwest::Client::new() }
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.client.request(method, format!("{}{path}", self.url)).body(body).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        whole(self.send(Method::POST, path, body.to_string()).await).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        whole(self.send(Method::GET, path, "").await).await
    }
}

async fn whole(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

fn chat(question: &str) -> Value {
    json!({ "model": BASIC, "messages": [{ "role": "user", "content": question }] })
}

/// `request` with other members.
fn with(mut request: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}
