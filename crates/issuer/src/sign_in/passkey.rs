//! `{issuer}/sign-in/passkey/…`: what the page's script asks and tells (WebAuthn Level 3).

use super::{Destination, finish as end, sentence};
use crate::{
    arrival::{Arrival, Else, Sent, problem},
    server::State,
};
use axum::{
    Json,
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use portcullis_directory::PasskeyOptions;
use portcullis_web::form::Form;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::sync::Arc;

/// What the script sends: the hidden fields of the form, and the authenticator's answer.
#[derive(Deserialize)]
struct Message {
    csrf: String,
    flow: Option<String>,
    #[serde(rename = "return")]
    return_to: Option<String>,
    ceremony: Option<String>,
    credential: Option<Box<RawValue>>,
}

impl Sent for Message {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// `POST {issuer}/sign-in/passkey/start`: what the browser needs to ask an authenticator.
pub(crate) async fn start(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    begin(&state, request).await.unwrap_or_else(Else::answer)
}

/// `POST {issuer}/sign-in/passkey/finish`: the authenticator's answer.
pub(crate) async fn finish(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    prove(&state, request).await.unwrap_or_else(Else::answer)
}

async fn begin(state: &State, request: Request) -> Result<Response, Else> {
    let (arrival, _) = Arrival::with_json::<Message>(state, request).await?;
    let mut entropy = (state.entropy)();
    let begun = state.directory.begin_passkey_sign_in(&mut arrival.visitor(&mut *entropy));
    match begun.map_err(|fault| Else::from(arrival.failed(&fault)))? {
        Ok(options) => Ok(answer(&options)),
        Err(none) => {
            tracing::warn!(%none, "no passkey can be used");
            Err(problem(StatusCode::CONFLICT, arrival.visit.say("sign_in.passkey_failed")))
        }
    }
}

/// The options with the ticket beside them.
pub(crate) fn answer(begun: &PasskeyOptions) -> Response {
    let key = begun.options.get("publicKey").cloned().unwrap_or(Value::Null);
    Json(json!({ "publicKey": key, "ceremony": begun.ticket })).into_response()
}

async fn prove(state: &State, request: Request) -> Result<Response, Else> {
    let (mut arrival, message) = Arrival::with_json::<Message>(state, request).await?;
    let form = Form::of([("flow", message.flow), ("return", message.return_to)]);
    let to = Destination::of(state, &mut arrival, &form)
        .await
        .map_err(|_| problem(StatusCode::GONE, arrival.visit.say("sign_in.flow_over_text")))?;
    let credential = message.credential.as_ref().map_or("", |raw| raw.get());
    let ceremony = message.ceremony.as_deref().unwrap_or_default();
    let mut entropy = (state.entropy)();
    let mut visitor = arrival.visitor(&mut *entropy);
    let proven = state.directory.sign_in_with_passkey(&mut visitor, ceremony, credential).await;
    match proven.map_err(|fault| Else::from(arrival.failed(&fault)))? {
        Ok(proven) => end::with_json(state, &arrival, proven, &to).await,
        Err(refusal) => {
            let told = sentence(&arrival, &refusal, "sign_in.passkey_failed");
            Ok(told.heads(problem(told.status, &told.text).answer()))
        }
    }
}
