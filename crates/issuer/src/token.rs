//! `POST {issuer}/token` (RFC 6749 §3.2): parse, authenticate, decide, record, answer.
//!
//! The record of a grant or a refusal and everything that it uses up are one transaction, committed
//! before the answer: no token is out that the log does not know, and no assertion counts twice.

mod answer;
mod client_credentials;
mod course;
pub(crate) mod credentials;
mod error;
pub(crate) mod form;
mod mint;

use crate::{certificate::peer_certificate, server::State};
use axum::{
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use course::Course;
pub(crate) use error::{Challenge, Refused, TokenError};
use form::TokenRequest;
use mint::Minted;
use portcullis_directory::{Authenticated, GrantType, excerpt};
use portcullis_types::{Check, Denial};
use std::sync::Arc;

/// RFC 6749 §3.2, §5.
pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let challenge = Challenge::of(request.headers());
    let mut course = Course::begin(&state, &request);
    let id = course.id;
    let outcome = match identify(&state, request, &mut course).await {
        Ok((client, request)) => {
            let verdict = grant(&state, &client, &request, &mut course);
            conclude(&state, course, Some(client), verdict).await
        }
        Err(error) => conclude(&state, course, None, Err(error)).await,
    };
    match outcome {
        Ok(minted) => answer::granted(id, &minted),
        Err(error) => Refused { id, error, challenge }.into_response(),
    }
}

/// Who is asking, and for what (RFC 6749 §2.3, §3.2.1).
async fn identify(
    state: &State,
    request: Request,
    course: &mut Course,
) -> Result<(Authenticated, TokenRequest), TokenError> {
    let (parts, body) = request.into_parts();
    let parsed = form::read(&parts, body).await;
    let mut form = course.trace.step(Check::Request, parsed)?;
    course.asked(&form);
    let presented = credentials::take(&parts.headers, &mut form);
    let presented = course.trace.step(Check::Request, presented)?;
    let shown = peer_certificate(&parts, &state.settings);
    let presented = state.directory.or_certificate(presented, shown);
    let claimed = course.claimed(&presented);
    let attempt = state.directory.attempt(claimed, course.remote, course.now);
    let attempt = course.trace.step(Check::Throttle, attempt)?;
    let proven = state.directory.authenticate(attempt, &presented).await?;
    let proven = course.trace.step(Check::Client, proven)?;
    course.record.auth_method = Some(proven.method().name().into());
    let client = course.trace.step(Check::ClientActive, proven.enabled())?;
    Ok((client, form))
}

/// What the client gets, by its grant type (RFC 6749 §4).
fn grant(
    state: &State,
    client: &Authenticated,
    request: &TokenRequest,
    course: &mut Course,
) -> Result<Minted, TokenError> {
    let grant_type = course.trace.step(Check::GrantType, allowed(client, &request.grant_type))?;
    match grant_type {
        GrantType::ClientCredentials => {
            let grant = client_credentials::grant(state, &client.client, request, course)?;
            Ok(mint::access_token(state, &client.client, grant, course)?)
        }
        other => Err(unsupported(other.name()).into()),
    }
}

/// The grants that this endpoint has.
pub(crate) const SERVED: [GrantType; 1] = [GrantType::ClientCredentials];

fn unsupported(found: &str) -> Denial {
    let supported = SERVED.map(|grant| grant.to_string()).to_vec();
    Denial::UnknownGrantType { found: excerpt(found), supported }
}

fn allowed(client: &Authenticated, found: &str) -> Result<GrantType, Denial> {
    let grant_type = found.parse::<GrantType>().ok().filter(|grant| SERVED.contains(grant));
    let Some(grant_type) = grant_type else { return Err(unsupported(found)) };
    let client = &client.client;
    if client.grant_types.contains(&grant_type) {
        return Ok(grant_type);
    }
    Err(Denial::GrantNotAllowed {
        client_id: client.id.clone(),
        grant_type: grant_type.to_string(),
        allowed: client.grant_types.iter().map(ToString::to_string).collect(),
    })
}

/// Writes down what was decided; only then is it so. A grant may still turn into a refusal here: of
/// many requests with one assertion, one transaction is the first.
async fn conclude(
    state: &State,
    course: Course,
    client: Option<Authenticated>,
    verdict: Result<Minted, TokenError>,
) -> Result<Minted, TokenError> {
    let verdict = match verdict {
        Ok(minted) => Ok(minted),
        Err(TokenError::Denied(denial)) => Err(*denial),
        // Ours to mend: nothing was decided about the client.
        Err(fault @ TokenError::Fault(_)) => return Err(fault),
    };
    let written = state.store.write(move |tx| {
        let spent = client.map_or(Ok(Ok(())), |client| client.spend(tx))?;
        let (course, verdict) = match spent {
            Ok(()) => (course, verdict),
            Err(replayed) => (course.back_to_the_client(&replayed), Err(replayed)),
        };
        if let Ok(minted) = &verdict {
            mint::insert(tx, minted)?;
        }
        course.append(tx, verdict.as_ref().err())?;
        Ok(verdict)
    });
    Ok(written.await??)
}
