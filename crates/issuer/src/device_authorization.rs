//! `POST {issuer}/device_authorization` (RFC 8628 §3.1): a device without a browser asks for a person's consent.

use crate::{
    Settings,
    server::State,
    target::{self, Subject, WrongScope},
    token::{
        Challenge, Course, DECISION_ID, Identified, NO_CACHE, Refused, TokenError, cross_origin,
        form::{TokenRequest, bad},
        identify, refuse,
    },
};
use axum::{
    extract::{Request, State as Shared},
    response::{IntoResponse as _, Response},
};
use portcullis_directory::{
    Acting, Action, Client, Deed, GrantType, excerpt,
    grant::{self, Device, DeviceRequest, NewDevice},
};
use portcullis_types::{
    Audience, Check, DecisionId, Denial, IdentityScope, IdentityScopes, Random, Scopes,
};
use serde::Serialize;
use std::{net::IpAddr, sync::Arc};

/// RFC 8628 §3.2.
#[derive(Serialize)]
struct Begun<'a> {
    device_code: &'a str,
    user_code: &'a str,
    verification_uri: &'a str,
    verification_uri_complete: &'a str,
    expires_in: u64,
    interval: u64,
}

pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let challenge = Challenge::of(request.headers());
    let mut course = Course::at(&state, &request, "device_authorization");
    let id = course.id;
    let outcome = match identify(&state, request, &mut course).await {
        Ok(identified) => begin(&state, identified, course).await,
        Err(error) => Err(refuse(&state, course, None, error).await),
    };
    let mut response = match outcome {
        Ok(device) => begun(&state.settings, id, &device),
        Err(error) => Refused { id, error, challenge }.into_response(),
    };
    cross_origin(&mut response, None);
    response
}

async fn begin(
    state: &State,
    identified: Identified,
    mut course: Course,
) -> Result<Device, TokenError> {
    let Identified { client, request, .. } = identified;
    client.within_budget(&state.directory, course.remote, course.now)?;
    let asked = allowed(&client.client);
    let asked = course.trace.step(Check::GrantType, asked);
    let asked =
        asked.and_then(|()| asked_for(&state.settings, &client.client, &request, course.remote));
    let request = match asked {
        Ok(request) => request,
        Err(denial) => {
            let _ = course.trace.step(denial.check(), Err::<(), _>(denial.clone()));
            return Err(refuse(state, course, Some(client), denial.into()).await);
        }
    };
    let mut entropy = (state.entropy)();
    let (random, codes) = (Random::draw(&mut *entropy), Random::draw(&mut *entropy));
    let now = course.now;
    let mut by = Acting { actor: client.client.id.as_str(), now, entropy: &mut *entropy };
    let mut deed = Deed::new(&mut by, Action::DeviceBegin);
    deed.id = course.id;
    let deed = deed
        .with("scope", format!("{} {}", request.identity, request.scope).trim().to_owned())
        .with("resource", request.resource.as_ref().map(ToString::to_string))
        .with("remote", request.remote.clone());
    let written = state.store.write(move |tx| {
        if let Err(replayed) = client.spend(tx)? {
            return Ok(Err(replayed));
        }
        let new = NewDevice { request, dpop_jkt: None };
        let device = grant::begin_device(tx, &new, now, (&random, &codes))?;
        deed.done(tx, client.client.id.as_str())?;
        Ok(Ok(device))
    });
    Ok(written.await??)
}

fn allowed(client: &Client) -> Result<(), Denial> {
    if client.may(GrantType::DeviceCode) {
        return Ok(());
    }
    Err(Denial::GrantNotAllowed {
        client_id: client.id.clone(),
        grant_type: GrantType::DeviceCode.to_string(),
        allowed: client.grant_types.iter().map(ToString::to_string).collect(),
    })
}

/// What the person will be asked: known words, and one API that this client may have tokens for.
fn asked_for(
    settings: &Settings,
    client: &Client,
    request: &TokenRequest,
    remote: Option<IpAddr>,
) -> Result<DeviceRequest, Denial> {
    let (identity, words) = IdentityScopes::part(request.scope.as_deref().unwrap_or_default());
    let named = !request.resource.is_empty();
    let scope = if words.is_empty() && (request.scope.is_none() || named) {
        client.default_scope.clone().unwrap_or_default()
    } else {
        target::scopes(settings, client, &words).map_err(|WrongScope { word, problem }| {
            Denial::BadScope { found: excerpt(word), problem }
        })?
    };
    let resource = resource(settings, client, &request.resource, &scope)?;
    let identity = identity.and(client.registration.identity);
    let signs_in = identity.has(IdentityScope::Openid) && !named;
    if scope.is_empty() && !signs_in {
        return Err(bad(Some("scope"), "no scope is asked for, and the client has no default"));
    }
    Ok(DeviceRequest {
        client_id: client.id.clone(),
        identity,
        scope,
        resource,
        resource_named: named,
        remote: remote.map(|remote| remote.to_string()),
    })
}

/// RFC 8707 §2: one API; none, if nothing is asked for there.
fn resource(
    settings: &Settings,
    client: &Client,
    asked: &[String],
    scope: &Scopes,
) -> Result<Option<Audience>, Denial> {
    let refuse = || Denial::BadTarget {
        found: asked.iter().take(8).map(|resource| excerpt(resource)).collect(),
        allowed: client.resources.clone(),
    };
    let named = match asked {
        [] if scope.is_empty() => return Ok(None),
        [] => None,
        [one] => Some(one.as_str()),
        _ => return Err(refuse()),
    };
    let api = target::target(settings, client, named, Subject::Person).map_err(|_| refuse())?;
    Ok(Some(api.resource.clone()))
}

fn begun(settings: &Settings, id: DecisionId, device: &Device) -> Response {
    let (first, second) = device.user_code.split_at(device.user_code.len() / 2);
    let user_code = format!("{first}-{second}");
    let verification_uri = settings.url("/device");
    let body = Begun {
        device_code: device.device_code.expose(),
        user_code: &user_code,
        verification_uri_complete: &format!("{verification_uri}?user_code={user_code}"),
        verification_uri: &verification_uri,
        expires_in: device.life.as_seconds(),
        interval: device.interval.as_seconds(),
    };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    (NO_CACHE, [(DECISION_ID, id.to_string())], body).into_response()
}
