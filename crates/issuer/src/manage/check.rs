//! `POST /tenants/{tenant}/check`: what a token of the tenant's provider would yield, step by step.

use super::{
    Named,
    call::{Call, answer},
    may::{Act, Effect},
    refusal::{Outcome, Refusal},
    tenants::text,
};
use crate::{
    server::State,
    trial::{self, Kind, Question, Tried},
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use http::StatusCode;
use portcullis_types::Scopes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const READ: &str = "tenant:read";

/// What is asked. The token is in the body alone, and in no log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    token: String,
    #[serde(default)]
    kind: Kind,
    client_id: Option<String>,
    scope: Option<String>,
}

pub(super) async fn endpoint(
    Shared(state): Shared<Arc<State>>,
    name: Named<String>,
    request: Request,
) -> Response {
    let mut call = match Call::of(state, request, READ).await {
        Ok(call) => call,
        Err(refused) => return refused,
    };
    let outcome = checked(&mut call, text(&name)).await;
    call.answer(outcome).await
}

async fn checked(call: &mut Call, name: Option<&str>) -> Outcome {
    let tenant = call.tenant(name)?;
    let object = call.json().await?;
    // What does not fit is not repeated: it may be the token.
    let asked: Asked = serde_json::from_value(Value::Object(object)).map_err(|_| {
        Refusal::malformed(
            "send token, and if you like kind (access_token, id_token, jwt, id_jag), client_id, scope",
        )
    })?;
    let id = tenant.id.as_str();
    let act =
        Act { action: READ, kind: "tenant", id, tenant: Some(&tenant.id), effect: Effect::Reads };
    call.may(act).await?;
    let client = match asked.client_id.as_deref() {
        None => None,
        Some(id) => Some(
            call.client(&tenant, Some(id))
                .map_err(|_| Refusal::invalid("the tenant has no client of this client_id"))?,
        ),
    };
    let scope = asked.scope.as_deref().map(Scopes::parse).transpose();
    let scope = scope.map_err(|fault| Refusal::invalid(format!("scope: {fault}")))?;
    let question = Question {
        token: &asked.token,
        kind: asked.kind,
        client: client.as_deref(),
        scope: scope.as_ref(),
    };
    let (directory, partners) = (&call.state.directory, &call.state.partners);
    let tried = trial::tried((directory, partners), &tenant, question, call.now).await;
    let tried = tried.map_err(|fault| Refusal::invalid(fault.to_string()))?;
    let good = tenant.halted.is_none() && tried.iter().any(Tried::is_good);
    let all: Vec<_> = tried.iter().map(Tried::view).collect();
    let body = json!({ "tenant": tenant.id, "good": good, "trusts": all });
    Ok(answer(StatusCode::OK, None, &body))
}
