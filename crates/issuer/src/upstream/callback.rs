//! `GET {issuer}/sign-in/with/{provider}/callback`: back from another provider (OpenID Connect Core §3.1.2.5).
//!
//! A code counts only with the `state` of a sign-in that began in this browser, for this provider; its
//! claims only after the ID token was verified; and the person only by the subject that was linked.

use super::{
    Claims, Identity, Newcomers,
    flow::{self, Pending, Purpose},
    refused::{self, Refusal},
    upstreams::Upstream,
};
use crate::{
    remote,
    server::State,
    visit::{SESSION, Visit},
};
use axum::{
    extract::{Path, Query, Request, State as Shared},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{header, request::Parts};
use openidconnect::{Nonce, PkceCodeVerifier};
use portcullis_directory::{
    Acting, LinkFault, LinkedAccount, NewSession, Person, UpstreamSession, device,
};
use portcullis_types::{Authentication, SignInFault, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// RFC 6749 §4.1.2, RFC 9207 §2.
#[derive(Deserialize)]
pub(crate) struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Who came, as the provider says.
struct Arrived {
    identity: Identity,
    issuer: String,
    sub: String,
}

/// Ends a sign-in elsewhere with one here.
pub(crate) async fn endpoint(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Query(answer): Query<Answer>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&state, &parts.headers, None);
    let now = (state.clock)();
    let Some(upstream) = state.upstreams.find(&name) else { return refused::unknown(&visit) };
    let (shown, browser, provider) =
        (answer.state.clone().unwrap_or_default(), visit.browser.clone(), name.clone());
    let taken = state.store.write(move |tx| flow::take(tx, &shown, &browser, &provider, now)).await;
    let pending = match taken {
        Ok(Some(pending)) => pending,
        Ok(None) => return refused::flow_over(&visit),
        Err(fault) => return refused::fault(&visit, &fault),
    };
    let purpose = pending.purpose.clone();
    let arrived = match arrive(&state, upstream, answer, pending, now).await {
        Ok(arrived) => arrived,
        Err(problem) => {
            let fault = SignInFault::Upstream { provider: name, problem };
            return refused::sign_in(&state, &visit, Refusal::of(fault)).await;
        }
    };
    match purpose {
        Purpose::Link { person } => link(&state, &visit, (upstream, arrived), person, now).await,
        purpose => enter(&state, &visit, (upstream, arrived, purpose), &parts, now).await,
    }
}

/// From the answer to verified claims, and from those to who it is.
async fn arrive(
    state: &State,
    upstream: &Upstream,
    answer: Answer,
    pending: Pending,
    now: Timestamp,
) -> Result<Arrived, String> {
    let provider = &upstream.provider;
    // RFC 9207 §2.4: an answer of another provider than the one that was asked.
    if answer.iss.is_some_and(|iss| !provider.serves_many_tenants() && iss != provider.issuer) {
        return Err("the answer comes from another issuer (iss)".into());
    }
    if let Some(error) = answer.error {
        return Err(format!("it answered {}", portcullis_directory::excerpt(&error)));
    }
    let code = answer.code.ok_or("it sent no code")?;
    let redirect_uri = upstream.redirect_uri(&state.settings);
    let talk = upstream.talk(&state.upstreams, &redirect_uri, now);
    let verifier = PkceCodeVerifier::new(pending.code_verifier);
    let claims: Claims = talk.finish(code, &Nonce::new(pending.nonce), verifier).await?;
    let identity = Identity::of(provider, &claims)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Arrived {
        identity,
        issuer: text("iss").ok_or("there is no iss")?,
        sub: text("sub").ok_or("there is no sub")?,
    })
}

/// The person that the account is linked to gets a session; somebody new becomes a person, if that is
/// allowed.
async fn enter(
    state: &State,
    visit: &Visit,
    (upstream, arrived, purpose): (&Upstream, Arrived, Purpose),
    parts: &Parts,
    now: Timestamp,
) -> Response {
    let provider = &upstream.provider;
    let person = match known(state, upstream, &arrived, now).await {
        Ok(person) => person,
        Err(LinkFault::Fault(fault)) => return refused::fault(visit, &fault),
        Err(LinkFault::Unknown | LinkFault::Elsewhere) => {
            let fault = SignInFault::NotLinked { provider: provider.name.clone() };
            return refused::sign_in(state, visit, Refusal::of(fault)).await;
        }
        Err(LinkFault::Taken { login }) => {
            let problem = "somebody here has this login already; sign in as usual, then link the \
                           account on the account page";
            let fault = SignInFault::Upstream {
                provider: provider.name.clone(),
                problem: problem.to_owned(),
            };
            return refused::sign_in(state, visit, Refusal { fault, login: Some(login) }).await;
        }
    };
    if let Some(since) = person.disabled_since {
        let fault = SignInFault::Disabled { person: person.id, since };
        return refused::sign_in(state, visit, Refusal::of(fault)).await;
    }
    let session = session(state, (upstream, arrived), &person, parts, now);
    let current = match SESSION.read(&parts.headers, visit.transport) {
        Some(cookie) => state.directory.session(cookie, now).await.ok().flatten(),
        None => None,
    };
    let mut entropy = (state.entropy)();
    let begun = state.directory.signed_in(session, current.as_ref(), now, &mut *entropy).await;
    let (_, cookie) = match begun {
        Ok(begun) => begun,
        Err(fault) => return refused::fault(visit, &fault),
    };
    let next = match purpose {
        Purpose::Flow { flow } => visit.path(&format!("/authorize/continue?flow={flow}")),
        Purpose::Account | Purpose::Link { .. } => visit.path("/account"),
    };
    let mut response = Redirect::to(&next).into_response();
    visit.set(&mut response, SESSION, cookie.expose());
    response
}

/// The person behind an account. What the provider says about them is brought up to date.
async fn known(
    state: &State,
    upstream: &Upstream,
    arrived: &Arrived,
    now: Timestamp,
) -> Result<Person, LinkFault> {
    let (provider, identity) = (&upstream.provider, &arrived.identity);
    let account = LinkedAccount {
        provider: provider.name.clone(),
        issuer: arrived.issuer.clone(),
        subject: identity.subject.clone(),
        roles: identity.roles.clone(),
        groups: identity.groups.clone(),
    };
    let mut entropy = (state.entropy)();
    let by = Acting { actor: &provider.name, now, entropy: &mut *entropy };
    match provider.newcomers {
        Newcomers::Refused => state.directory.person_of(by, account).await,
        Newcomers::Join => {
            let profile = identity.profile.clone();
            state.directory.person_of_or_join(by, account, profile, provider.tenant.clone()).await
        }
    }
}

fn session(
    state: &State,
    (upstream, arrived): (&Upstream, Arrived),
    person: &Person,
    parts: &Parts,
    now: Timestamp,
) -> NewSession {
    let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let remote =
        remote::address(&parts.extensions, &parts.headers, &state.settings.trusted_proxies);
    let Arrived { identity, issuer, sub } = arrived;
    NewSession {
        person: person.id.clone(),
        authentication: Authentication {
            // The provider's clock may be a little ahead of ours.
            at: identity.auth_time.map_or(now, |at| at.min(now)),
            acr: identity.acr,
            amr: identity.amr,
        },
        device: device(agent.unwrap_or_default()),
        remote: remote.map(|remote| remote.to_string()),
        upstream: Some(UpstreamSession {
            provider: upstream.provider.name.clone(),
            issuer,
            subject: sub,
            sid: identity.sid,
        }),
    }
}

/// Links the account to the person who is signed in, if it is nobody else's.
async fn link(
    state: &State,
    visit: &Visit,
    (upstream, arrived): (&Upstream, Arrived),
    person: portcullis_types::PersonId,
    now: Timestamp,
) -> Response {
    let account = LinkedAccount {
        provider: upstream.provider.name.clone(),
        issuer: arrived.issuer,
        subject: arrived.identity.subject,
        roles: arrived.identity.roles,
        groups: arrived.identity.groups,
    };
    let mut entropy = (state.entropy)();
    let by = Acting { actor: person.as_str(), now, entropy: &mut *entropy };
    match state.directory.link_account(by, &person, account).await {
        Ok(()) => Redirect::to(&visit.path("/account")).into_response(),
        Err(LinkFault::Fault(fault)) => refused::fault(visit, &fault),
        Err(_) => {
            let problem = "this account is linked to somebody else";
            let provider = upstream.provider.name.clone();
            let fault = SignInFault::Upstream { provider, problem: problem.into() };
            refused::sign_in(state, visit, Refusal::of(fault)).await
        }
    }
}
