//! `POST {issuer}/par` (RFC 9126): the client hands its request over by itself, authenticated as at the
//! token endpoint, and the browser carries nothing but a name for it. What is wrong is told at once.

use super::{
    decide::Asked,
    demand::{self, Channel},
    error::Refusal,
    offer::Offer,
    parameters::{Parameters, unfit},
    understand,
    walk::Walk,
};
use crate::{
    certificate::peer_certificate,
    dpop::{self, DPOP_NONCE},
    server::State,
    token::{Challenge, Refused, TokenError, credentials, form::TokenRequest},
};
use axum::{
    body::Body,
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use portcullis_directory::{
    Authenticated,
    grant::{self, ProofMark, use_proof},
};
use portcullis_types::{Check, Denial, Random, Trace, Ttl};
use portcullis_web::form as body;
use serde::Serialize;
use std::sync::Arc;

/// How long a pushed request waits for its browser.
const LIFE: Ttl = Ttl::seconds(60);

/// RFC 9126 §2.2.
#[derive(Serialize)]
struct Pushed {
    request_uri: String,
    expires_in: u64,
}

/// RFC 9126 §2.
pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let challenge = Challenge::of(request.headers());
    let nonce = dpop::nonce(&state, request.headers());
    let (parts, body) = request.into_parts();
    let mut walk = Walk::at(&state, &parts, "pushed_authorization_request");
    let id = walk.id;
    let outcome = match identify(&state, &parts, body, &mut walk).await {
        Ok((client, parameters)) => {
            let asked = understood(&state, &client, parameters, (&walk, &parts)).await;
            conclude(&state, walk, Some(client), asked).await
        }
        Err(error) => conclude(&state, walk, None, Err(error)).await,
    };
    let mut response = match outcome {
        Ok(pushed) => created(&pushed),
        Err(error) => refused(Refused { id, error, challenge }),
    };
    if let Some(nonce) = nonce {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}

/// RFC 9126 §2.3: as the token endpoint says it, and 413 for what is too large.
fn refused(refused: Refused) -> Response {
    let large = matches!(&refused.error, TokenError::Denied(denial)
        if matches!(&**denial, Denial::BadRequest { problem, .. } if *problem == too_large()));
    let mut response = refused.into_response();
    if large {
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    }
    response
}

fn too_large() -> String {
    body::FormFault::Body.to_string()
}

/// Who pushes, and what (RFC 9126 §2.1). The credentials leave the parameters: nothing behind this can
/// keep them.
async fn identify(
    state: &State,
    parts: &Parts,
    body: Body,
    walk: &mut Walk,
) -> Result<(Authenticated, Parameters), TokenError> {
    walk.trace = Trace::new(portcullis_types::Stage::Grant);
    let read = read(parts, body).await;
    let mut parameters = walk.step(Check::Request, read)?;
    let presented = credentials_of(parts, &mut parameters);
    let presented = walk.step(Check::Request, presented)?;
    let shown = peer_certificate(parts, &state.settings);
    let presented = state.directory.or_certificate(presented, shown);
    let claimed = presented.claimed();
    walk.app(claimed.as_deref().unwrap_or_default());
    walk.record.auth_method = presented.method().map(|method| method.name().into());
    let attempt = state.directory.attempt(claimed, walk.remote, walk.now);
    let attempt = walk.step(Check::Throttle, attempt)?;
    let proven = state.directory.authenticate(attempt, &presented).await?;
    let proven = walk.step(Check::Client, proven)?;
    let client = walk.step(Check::ClientActive, proven.enabled())?;
    client.within_budget(&state.directory, walk.remote, walk.now)?;
    Ok((client, parameters))
}

async fn read(parts: &Parts, content: Body) -> Result<Parameters, Denial> {
    let bad = |problem: String| Denial::BadRequest { parameter: None, problem };
    if parts.uri.query().is_some() {
        return Err(bad("this endpoint takes no query; send parameters in the body".to_owned()));
    }
    body::is_form(&parts.headers).map_err(|fault| bad(fault.to_string()))?;
    let content = body::bytes(&parts.headers, content).await;
    Parameters::of_form(&content.map_err(|fault| bad(fault.to_string()))?)
}

fn credentials_of(
    parts: &Parts,
    parameters: &mut Parameters,
) -> Result<portcullis_directory::Credentials, Denial> {
    let mut form = TokenRequest {
        client_id: parameters.take("client_id")?,
        client_secret: parameters.take("client_secret")?.map(Into::into),
        client_assertion: parameters.take("client_assertion")?.map(Into::into),
        client_assertion_type: parameters.take("client_assertion_type")?,
        ..TokenRequest::default()
    };
    credentials::take(&parts.headers, &mut form)
}

/// RFC 9126 §2.1: the request as the authorization endpoint would read it.
async fn understood(
    state: &State,
    client: &Authenticated,
    parameters: Parameters,
    (walk, parts): (&Walk, &Parts),
) -> Result<(Asked, Option<ProofMark>), TokenError> {
    if parameters.has("request_uri") {
        return Err(unfit("request_uri", "must not be pushed").into());
    }
    let proof = dpop::proven(state, parts, "/par", (&client.client, walk.now))?;
    let asked = understand::spoken(state, client.client.clone(), parameters, walk.now).await;
    let mut asked = match asked {
        Ok(asked) => asked,
        Err(Refusal::Here(denial)) => return Err((*denial).into()),
        Err(Refusal::There(there)) => return Err(there.1.into()),
        Err(Refusal::FlowOver) => return Err(unfit("request", "is over").into()),
        Err(Refusal::Fault(fault)) => return Err(fault.into()),
    };
    bind(&mut asked, proof.as_ref())?;
    demand::allowed(&asked, Channel::Push)?;
    Offer::to_app(&state.settings, &asked.client, asked.request.wanted())?;
    Ok((asked, proof))
}

/// RFC 9449 §10.1: a proof with the pushed request binds the code as `dpop_jkt` does.
fn bind(asked: &mut Asked, proof: Option<&ProofMark>) -> Result<(), Denial> {
    let Some(proof) = proof else { return Ok(()) };
    let named = asked.request.dpop_jkt.get_or_insert_with(|| proof.jkt.clone());
    if *named == proof.jkt {
        Ok(())
    } else {
        Err(unfit("dpop_jkt", "names another key than the DPoP proof has"))
    }
}

/// Keeps the request and the record of it, or the record of the refusal; only then is it so.
async fn conclude(
    state: &State,
    mut walk: Walk,
    client: Option<Authenticated>,
    verdict: Result<(Asked, Option<ProofMark>), TokenError>,
) -> Result<Pushed, TokenError> {
    let verdict = match verdict {
        Ok((asked, proof)) => {
            let json = serde_json::to_string(&asked.request);
            walk.trace = Trace::new(portcullis_types::Stage::Authorize);
            walk.asked(&asked.client, &asked.request);
            Ok((asked, proof, json.map_err(portcullis_store::StoreFault::rejected)?))
        }
        Err(TokenError::Denied(denial)) => {
            walk.trace = Trace::new(denial.check().stage());
            let _ = walk.step(denial.check(), Err::<(), _>((*denial).clone()));
            Err(*denial)
        }
        Err(fault @ TokenError::Fault(_)) => return Err(fault),
    };
    let random = Random::draw(&mut *(state.entropy)());
    let now = walk.now;
    let written = state.store.write(move |tx| {
        let spent = client.map_or(Ok(Ok(())), |client| client.spend(tx))?;
        let verdict = spent.and(verdict);
        let verdict = match verdict {
            Ok((_, Some(proof), _)) if !use_proof(tx, &proof)? => Err(dpop::replayed()),
            verdict => verdict.map(|(asked, _, json)| (asked, json)),
        };
        walk.append(tx, verdict.as_ref().err())?;
        match verdict {
            Ok((asked, json)) => {
                let expires = now.plus(LIFE);
                grant::push(tx, &asked.client.id, &json, (now, expires), &random).map(Ok)
            }
            Err(denial) => Ok(Err(denial)),
        }
    });
    let request_uri = written.await??;
    Ok(Pushed { request_uri, expires_in: LIFE.as_seconds() })
}

fn created(pushed: &Pushed) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let body = serde_json::to_vec(pushed).unwrap_or_default();
    (StatusCode::CREATED, headers, body).into_response()
}
