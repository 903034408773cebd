//! `POST {issuer}/introspect` (RFC 7662): what a token is, for whoever it is for. To anybody else, and of whatever is
//! not in force, the answer is the same.

use crate::{
    own,
    server::State,
    shape::{self, Recipient},
    token::{
        Challenge, Course, Fault, Identified, NO_CACHE, Refused, TokenError, form::bad, identify,
        refuse,
    },
};
use axum::{
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, header};
use portcullis_directory::{Client, excerpt, grant, person_in};
use portcullis_types::{ClientProof, Denial, GrantId, Timestamp};
use portcullis_verify::Claims;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// RFC 9701 §4.
const JWT: &str = "application/token-introspection+jwt";

pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let challenge = Challenge::of(request.headers());
    let jwt = wants_jwt(request.headers());
    let mut course = Course::at(&state, &request, "introspection");
    let (id, now) = (course.id, course.now);
    let outcome = match identify(&state, request, &mut course).await {
        Ok(identified) => asked(&state, identified, course).await,
        Err(error) => Err(refuse(&state, course, None, error).await),
    };
    let answered = match outcome {
        Ok((client, facts)) => answer(&state, &client, (facts, jwt), now).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(response) => response,
        Err(error) => Refused { id, error, challenge }.into_response(),
    }
}

async fn asked(
    state: &State,
    identified: Identified,
    course: Course,
) -> Result<(Arc<Client>, Map<String, Value>), TokenError> {
    let now = course.now;
    let client = identified.client.client.clone();
    let token = identified.request.token.as_ref();
    let token = token.ok_or_else(|| bad(Some("token"), "token is missing"));
    // RFC 7662 §2.1: without a proof of who asks, anybody could try tokens.
    let token =
        token.and_then(|token| if client.is_public() { Err(public(&client)) } else { Ok(token) });
    let token = match token {
        Ok(token) => token.clone(),
        Err(denial) => {
            return Err(refuse(state, course, Some(identified.client), denial.into()).await);
        }
    };
    // An assertion counts once here, too.
    let proven = identified.client;
    if proven.has_something_to_spend() {
        state.store.write(move |tx| proven.spend(tx)).await??;
    }
    let facts = facts(state, &client, token.expose_secret(), now).await?;
    Ok((client, facts.unwrap_or_else(inactive)))
}

fn public(client: &Client) -> Denial {
    let client_id = Some(excerpt(client.id.as_str()));
    Denial::BadClient { client_id, proof: ClientProof::Missing }
}

/// RFC 7662 §2.2: all that is told of a token that is not in force, or is not the caller's business.
fn inactive() -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), json!(false))])
}

async fn facts(
    state: &State,
    caller: &Client,
    token: &str,
    now: Timestamp,
) -> Result<Option<Map<String, Value>>, Fault> {
    if token.starts_with(grant::RefreshToken::PREFIX) {
        return of_refresh_token(state, caller, token, now).await;
    }
    let Ok(vouched) = own::living(state, token, now) else { return Ok(None) };
    let claims = vouched.claims();
    if claims.client_id != caller.id.as_str() && !is_for(claims, caller) {
        return Ok(None);
    }
    // Ended at another node just now.
    if let Some(id) = claims.grant.as_deref().and_then(|id| GrantId::new(id).ok()) {
        let living = state.store.read(move |tx| {
            let Some(granted) = grant::grant_in(tx, &id, now)? else { return Ok(false) };
            let person = person_in(tx, &granted.authorization.person)?;
            Ok(person.is_some_and(|person| person.disabled_since.is_none()))
        });
        if !living.await? {
            return Ok(None);
        }
    }
    let Ok(Value::Object(mut told)) = serde_json::from_slice::<Value>(claims.json()) else {
        return Ok(None);
    };
    let bound = told.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some());
    told.insert("active".to_owned(), json!(true));
    told.insert("token_type".to_owned(), json!(if bound { "DPoP" } else { "Bearer" }));
    Ok(Some(told))
}

/// RFC 7662 §4: whether the caller is the resource server of an API that the token is for, and of its customer. That
/// it may have tokens for that API itself makes it no such thing.
fn is_for(claims: &Claims, caller: &Client) -> bool {
    let apis = &caller.registration.introspects;
    apis.iter().any(|api| claims.aud.iter().any(|aud| aud == api.as_str()))
        && (caller.tenant.is_none() || caller.tenant == claims.tenant)
}

/// For the client that it was given to.
async fn of_refresh_token(
    state: &State,
    caller: &Client,
    token: &str,
    now: Timestamp,
) -> Result<Option<Map<String, Value>>, Fault> {
    let token = secrecy::SecretString::from(token);
    let found = state.store.read(move |tx| {
        let Some((id, client_id, true)) = grant::refresh_token(tx, token.expose_secret(), now)?
        else {
            return Ok(None);
        };
        Ok(grant::grant_in(tx, &id, now)?.map(|granted| (client_id, granted)))
    });
    let Some((client_id, granted)) = found.await? else { return Ok(None) };
    if client_id != caller.id {
        return Ok(None);
    }
    let granted_at = granted.created.seconds();
    let what = granted.authorization;
    let scope = format!("{} {}", what.identity, what.scope);
    let mut told = Map::from_iter([
        ("active".to_owned(), json!(true)),
        ("iss".to_owned(), json!(state.settings.issuer)),
        ("client_id".to_owned(), json!(client_id)),
        ("sub".to_owned(), json!(crate::subject::of(state, caller, &what.person))),
        ("scope".to_owned(), json!(scope.trim())),
        ("iat".to_owned(), json!(granted_at)),
        ("token_type".to_owned(), json!("refresh_token")),
    ]);
    if let Some(resource) = what.resource {
        told.insert("aud".to_owned(), json!(resource));
    }
    Ok(Some(told))
}

fn wants_jwt(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut kinds = all
        .flat_map(|value| value.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    kinds.any(|kind| kind == JWT)
}

async fn answer(
    state: &State,
    client: &Client,
    (facts, jwt): (Map<String, Value>, bool),
    now: Timestamp,
) -> Result<Response, TokenError> {
    if !jwt {
        let body = serde_json::to_vec(&facts).unwrap_or_default();
        return Ok((NO_CACHE, body).into_response());
    }
    // RFC 9701 §5: no sub and no exp outside, so that nobody takes it for a token.
    let claims = json!({
        "iss": state.settings.issuer,
        "aud": client.id,
        "iat": now.seconds(),
        "token_introspection": facts,
    });
    let shape = &client.registration.introspection;
    let to = Recipient { client, now };
    let jwt = shape::write(state, to, shape, ("token-introspection+jwt", &claims)).await;
    let jwt = jwt.map_err(Fault::from)?;
    let kind = [(header::CONTENT_TYPE, JWT), (header::CACHE_CONTROL, "no-store")];
    Ok((kind, jwt).into_response())
}
