//! The token endpoints that the SDKs of AI vendors speak for workload identity federation: thin views of the same
//! exchange, in the vendors' words.
//!
//! A caller here proves nothing but its token. So only a trust that its operator opened (`federation`) is used, by the
//! client that it names and within what that client may have: the ids in the request choose among what is open, and
//! open nothing. Whatever does not fit, the answer is the same.

mod asked;

use super::{
    Caller, Challenge, Course, Fault, Refused, TokenError, answer,
    exchange::{self, By, Exchanged},
    holder::Holder,
    traded,
};
use crate::server::State;
use asked::{Asked, Dialect};
use axum::{
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, StatusCode};
use portcullis_directory::{Client, GrantType, Unproven, excerpt};
use portcullis_types::{Check, ClientId, DecisionId, Denial, Inbound, InboundFault, Tenant};
use portcullis_verify::subject::CheckedTrust;
use std::sync::Arc;

/// By which the vendors' SDKs name a request in their errors.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// `POST {issuer}/oauth/token`, as OpenAI's SDKs call it: RFC 8693 in JSON.
pub(crate) async fn openai(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    serve(&state, request, Dialect::OpenAi).await
}

/// `POST {issuer}/v1/oauth/token`, as Anthropic's SDKs call it: RFC 7523 in JSON.
pub(crate) async fn anthropic(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    serve(&state, request, Dialect::Anthropic).await
}

async fn serve(state: &State, request: Request, dialect: Dialect) -> Response {
    let mut course = Course::begin(state, &request);
    let id = course.id;
    let grant = dialect.grant();
    let outcome = trade(state, request, dialect, &mut course).await;
    let outcome = if let Err(fault) = within_budget(state, &course, &outcome) {
        Err(fault.into())
    } else {
        let nobody = Caller { client: None, holder: Holder::default(), used: None };
        traded(state, course, (nobody, grant), outcome).await
    };
    let mut response = match outcome {
        Ok(issued) => answer::granted(id, &issued),
        Err(error) => refused(id, error),
    };
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Each refusal is recorded, and whoever proves nothing has only so much recorded.
fn within_budget(
    state: &State,
    course: &Course,
    outcome: &Result<Exchanged, TokenError>,
) -> Result<(), Fault> {
    let Err(TokenError::Denied(_)) = outcome else { return Ok(()) };
    Ok(state.directory.unproven(Unproven::Request, course.remote, course.now)?)
}

async fn trade(
    state: &State,
    request: Request,
    dialect: Dialect,
    course: &mut Course,
) -> Result<Exchanged, TokenError> {
    let (parts, body) = request.into_parts();
    let asked = asked::read(&parts, body, dialect).await;
    let asked = course.trace.step(Check::Request, asked)?;
    course.asked(&asked.request);
    let opened = opened(state, &asked, course);
    let (trust, client) = course.trace.step(Check::SubjectToken, opened)?;
    course.record.client_id = Some(client.id.to_string().into());
    // Who must show a key shows it at the other endpoint, where it can prove itself.
    let holder = Holder::default().demanded(&client);
    let holder = course.trace.step(Check::Possession, holder)?;
    let by = By { client: &client, holder: &holder, through: Some(&trust) };
    Box::pin(exchange::exchange(state, &by, (dialect.grant(), &asked.request), course)).await
}

/// The trust that is meant, if it is open to such callers, and the client as which they come.
fn opened(
    state: &State,
    asked: &Asked,
    course: &mut Course,
) -> Result<(Arc<CheckedTrust>, Arc<Client>), Denial> {
    let refuse = |problem: String| {
        let (inbound, fault) = (asked.dialect.inbound(), InboundFault::NotOpened { problem });
        Denial::BadInbound { inbound, fault }
    };
    let account = asked.account.as_deref().map(excerpt);
    let name = excerpt(&asked.trust);
    let tenant = tenant(state, asked).ok_or_else(|| refuse("a tenant that is not known".into()))?;
    let known = state.directory.tenant(&tenant);
    let trust = known.as_ref().and_then(|known| known.trust(&asked.trust));
    let Some(trust) = trust else {
        return Err(refuse(format!("tenant {tenant}, trust {name}: there is none")));
    };
    course.record.tenant = Some(tenant.to_string().into());
    course.record.trust = Some(trust.name().to_owned().into());
    let Some(id) = trust.federated_client() else {
        return Err(refuse(format!("tenant {tenant}, trust {name}, without federation")));
    };
    if let Some(account) = account.filter(|account| account != id.as_str()) {
        return Err(refuse(format!("the trust is open to {id}, not to {account}")));
    }
    let client = state.directory.client(id);
    let client = client.ok_or_else(|| refuse(format!("there is no client {id}")))?;
    let grant = asked.dialect.grant();
    let problem = match &client.tenant {
        own if own.as_ref() != Some(&tenant) => Some("is not of that tenant"),
        _ if client.enabled(course.now).is_err() => Some("is disabled, or its time is over"),
        _ if client.is_public() || !client.may(grant) => Some("may not use this grant"),
        _ => None,
    };
    match problem {
        Some(problem) => Err(refuse(format!("the client {id} {problem}"))),
        None => Ok((trust.clone(), client)),
    }
}

/// As it is said; or the service account's own.
fn tenant(state: &State, asked: &Asked) -> Option<Tenant> {
    if let Some(tenant) = &asked.tenant {
        return Tenant::new(tenant).ok();
    }
    let account = ClientId::new(asked.account.as_deref()?).ok()?;
    state.directory.client(&account)?.tenant.clone()
}

/// The SDKs tell by the status what to advise: 400 for what was sent, 401 for who it is, 403 for what they may.
fn refused(id: DecisionId, error: TokenError) -> Response {
    let status = match &error {
        TokenError::Denied(denial) => status(denial),
        TokenError::Fault(_) => None,
    };
    let mut response = Refused { id, error, challenge: Challenge::Unasked }.into_response();
    if let Some(status) = status {
        *response.status_mut() = status;
    }
    response
}

fn status(denial: &Denial) -> Option<StatusCode> {
    match denial {
        Denial::BadInbound { fault: InboundFault::KeysUnavailable { .. }, .. } => None,
        Denial::BadInbound { .. } | Denial::BadActor { .. } | Denial::ConditionNotMet { .. } => {
            Some(StatusCode::UNAUTHORIZED)
        }
        Denial::TenantHalted { .. }
        | Denial::PolicyRefused { .. }
        | Denial::NothingLeft { .. }
        | Denial::NoScopeLeft { .. }
        | Denial::ForeignScope { .. }
        | Denial::BadTarget { .. }
        | Denial::BadPossession { .. } => Some(StatusCode::FORBIDDEN),
        _ => None,
    }
}

impl Dialect {
    const fn grant(self) -> GrantType {
        match self {
            Self::OpenAi => GrantType::TokenExchange,
            Self::Anthropic => GrantType::JwtBearer,
        }
    }

    const fn inbound(self) -> Inbound {
        match self {
            Self::OpenAi => Inbound::SubjectToken,
            Self::Anthropic => Inbound::Assertion,
        }
    }
}
