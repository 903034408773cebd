//! `{issuer}/device` (RFC 8628 §3.3): a person lets a device in that has no browser.
//!
//! Attack: somebody sends the person a link with a code of their own device (§5.4). So a code that came with
//! a link is shown and must be sent on by hand; who asks, from where and for what is told; and nothing is
//! remembered for the next time. Codes are short, so whoever guesses is slowed down (§5.1).

mod guess;

pub use guess::Guesses;

use crate::{
    authorize::{Fault, Offer, Walk, Wanted, failed, go, pictured, refuse, session_of},
    pages::{
        self, DeviceCodeView, DeviceConfirmView, DeviceOutcome, Explained, Permissions, Problem,
    },
    server::State,
    visit::Visit,
};
use axum::{
    extract::{Request, State as Shared},
    response::Response,
};
use http::{StatusCode, request::Parts};
use portcullis_directory::{
    Authorization, Client, GrantType, Person, Session,
    grant::{Decision, DeviceRequest, decide_device, device_by_user_code, user_code},
    person_in, session_in,
};
use portcullis_types::{AuthorizationError, Check, Denial};
use portcullis_web::form::Form;
use secrecy::ExposeSecret as _;
use std::sync::Arc;

/// Who is there, and what waits under the code that they typed.
struct Waiting {
    code: String,
    client: Arc<Client>,
    request: DeviceRequest,
    session: Session,
    person: Person,
}

/// Another answer than the one that was hoped for.
type Else = Box<Response>;

/// `GET {issuer}/device`, also with `user_code` (§3.3.1).
pub(crate) async fn show(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visit = Visit::begin(&state, &parts);
    let query = Form::parse(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let typed = query.get("user_code").and_then(user_code);
    let shown = typed.as_deref().map(spelled).unwrap_or_default();
    pages::device_code(&visit, &DeviceCodeView { user_code: &shown, problem: None })
}

/// `POST {issuer}/device`: the person typed a code, or sent on the one of the link.
pub(crate) async fn ask(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut walk = Walk::at(&state, &parts, "device_verification");
    let visit = Visit::begin(&state, &parts);
    let form = Form::read(&parts.headers, body).await;
    let asked = asked(&state, &visit, (&parts, form.ok()), &mut walk).await;
    asked.map_or_else(|other| *other, |(_, page)| page)
}

/// `POST {issuer}/device/decide`: `decision` is `approve` or `deny`.
pub(crate) async fn decide(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut walk = Walk::at(&state, &parts, "device_verification");
    let visit = Visit::begin(&state, &parts);
    let form = Form::read(&parts.headers, body).await.ok();
    let decision = form.as_ref().and_then(|form| form.get("decision")).map(str::to_owned);
    let asked = asked(&state, &visit, (&parts, form), &mut walk).await;
    let (waiting, _) = match asked {
        Ok(asked) => asked,
        Err(other) => return *other,
    };
    match decision.as_deref() {
        Some("approve") => decided(&state, &visit, walk, (waiting, DeviceOutcome::Approved)).await,
        Some("deny") => decided(&state, &visit, walk, (waiting, DeviceOutcome::Denied)).await,
        _ => pages::explained(&visit, Explained::UnreadableForm, None),
    }
}

/// From a form of ours to the question.
async fn asked(
    state: &Arc<State>,
    visit: &Visit,
    (parts, form): (&Parts, Option<Form>),
    walk: &mut Walk,
) -> Result<(Waiting, Response), Else> {
    let form = form.ok_or_else(|| pages::explained(visit, Explained::UnreadableForm, None))?;
    if visit.sent(&parts.headers, &form, &state.csrf).is_err() {
        return Err(Box::new(pages::explained(visit, Explained::ForeignForm, None)));
    }
    let typed = form.get("user_code").unwrap_or_default();
    let (session, person) = here(state, visit, parts, (typed, walk)).await?;
    let waiting = find(state, visit, (typed, session, person), walk).await?;
    let offer = offer(state, &waiting);
    let offer = match walk.step(Check::Offer, offer) {
        Ok(offer) => offer,
        Err(denial) => return Err(Box::new(refused(state, visit, walk, denial).await)),
    };
    let refused = offer.dropped.iter().map(|lost| lost.scope.clone()).collect();
    let registry = &state.settings.registry;
    let (identity, scope) = (offer.identity, &offer.scope);
    let page = pages::device_confirm(
        visit,
        &DeviceConfirmView {
            user_code: &spelled(&waiting.code),
            app: pictured(state, visit, &waiting.client, walk.now).await,
            remote: waiting.request.remote.as_deref(),
            login: &waiting.person.login,
            api: offer.api.map(|api| api.name.as_str()),
            permissions: Permissions::of(visit.words, registry, identity, scope, &refused),
        },
    );
    Ok((waiting, page))
}

/// Who is signed in. Whoever is not, signs in and comes back with the code.
async fn here(
    state: &State,
    visit: &Visit,
    parts: &Parts,
    (typed, walk): (&str, &Walk),
) -> Result<(Session, Person), Else> {
    let code = user_code(typed).map(|code| format!("-{code}")).unwrap_or_default();
    let sign_in = || go(&visit.path(&format!("/sign-in?return=device{code}")));
    let Some(cookie) = session_of(state, &parts.headers) else { return Err(Box::new(sign_in())) };
    let now = walk.now;
    let found = state.store.read(move |tx| {
        let Some(session) = session_in(tx, cookie.expose_secret(), now)? else { return Ok(None) };
        let person = person_in(tx, &session.person)?;
        Ok(person.map(|person| (session, person)))
    });
    let found = found.await.map_err(|fault| failed(visit, &fault.into(), walk.id))?;
    found.ok_or_else(|| Box::new(sign_in()))
}

/// What waits under the code, if the person may still try codes.
async fn find(
    state: &State,
    visit: &Visit,
    (typed, session, person): (&str, Session, Person),
    walk: &mut Walk,
) -> Result<Waiting, Else> {
    walk.record.grant_type = GrantType::DeviceCode.name().into();
    walk.person(&person.id, &session.id);
    let places = guess::places(&person, walk.remote);
    if let Some(wait) = state.guesses.wait(&places, walk.now) {
        let text = visit.fill("device.throttled", &pages::wait(visit.words, wait));
        let mut response = wrong(visit, typed, &text);
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        pages::retry_after(&mut response, wait);
        return Err(Box::new(response));
    }
    let id = walk.id;
    let fault = |fault: Fault| Box::new(failed(visit, &fault, id));
    let (now, code) = (walk.now, user_code(typed));
    let looked_up = code.clone().unwrap_or_default();
    let found = state.store.read(move |tx| device_by_user_code(tx, &looked_up, now)).await;
    let found = found.map_err(|store| fault(store.into()))?;
    let (Some(code), Some(request)) = (code, found) else {
        state.guesses.missed(&places, walk.now);
        return Err(Box::new(wrong(visit, typed, visit.say("device.failed"))));
    };
    walk.app(request.client_id.as_str());
    let client = state.directory.find_client(&request.client_id).await;
    let client = client.map_err(|directory| fault(directory.into()))?;
    let enabled = client
        .filter(|client| client.enabled(walk.now).is_ok() && client.may(GrantType::DeviceCode));
    let Some(client) = enabled else {
        return Err(Box::new(wrong(visit, typed, visit.say("device.failed"))));
    };
    Ok(Waiting { code, client, request, session, person })
}

/// What the app may have for this person (RFC 6749 §3.3).
fn offer<'s>(state: &'s State, waiting: &Waiting) -> Result<Offer<'s>, Denial> {
    let Waiting { client, request, person, .. } = waiting;
    let scope = format!("{} {}", request.identity, request.scope);
    let named = request.resource.as_ref().filter(|_| request.resource_named);
    let named = named.map(portcullis_types::Audience::as_str);
    let settings = &state.settings;
    let wanted = Wanted { scope: Some(scope.trim()), resource: named, claims: None };
    let offer = Offer::to_app(settings, client, wanted)?;
    let roles = state.directory.roles().scopes(&person.roles);
    offer.for_person(&roles, person, settings)
}

/// Notes the decision and its record in one transaction.
async fn decided(
    state: &Arc<State>,
    visit: &Visit,
    mut walk: Walk,
    (waiting, outcome): (Waiting, DeviceOutcome),
) -> Response {
    let id = walk.id;
    walk.trace.passed_before(&[Check::Asked, Check::App, Check::SignedIn]);
    let (decision, denial) = match outcome {
        DeviceOutcome::Denied => {
            let (error, parameter) = (AuthorizationError::AccessDenied, None);
            let problem = "the person said no".to_owned();
            let denial = Denial::BadAuthorization { error, parameter, problem };
            let _ = walk.step(Check::Consent, Err::<(), _>(denial.clone()));
            (Decision::Deny, Some(denial))
        }
        DeviceOutcome::Approved => match offer(state, &waiting) {
            Ok(offer) => {
                walk.offered(&offer);
                let authorization = authorization(&waiting, &offer);
                walk.granted(&authorization);
                let _ = walk.step(Check::Consent, Ok(()));
                (Decision::Approve(Box::new(authorization)), None)
            }
            Err(denial) => return refused(state, visit, &mut walk, denial).await,
        },
    };
    let (code, now) = (waiting.code, walk.now);
    let written = state.store.write(move |tx| {
        let first = decide_device(tx, &code, &decision, now)?;
        if first {
            walk.append(tx, denial.as_ref())?;
        }
        Ok(first)
    });
    match written.await {
        Ok(true) => pages::device_done(visit, outcome),
        Ok(false) => wrong(visit, "", visit.say("device.failed")),
        Err(fault) => failed(visit, &fault.into(), id),
    }
}

fn authorization(waiting: &Waiting, offer: &Offer<'_>) -> Authorization {
    Authorization {
        client_id: waiting.client.id.clone(),
        person: waiting.person.id.clone(),
        session: Some(waiting.session.id.clone()),
        authentication: waiting.session.authentication.clone(),
        identity: offer.identity,
        scope: offer.scope.clone(),
        resource: offer.resource().cloned(),
        resource_named: offer.named,
        tenant: offer.tenant.clone(),
        nonce: None,
        claims: offer.claims.clone(),
    }
}

async fn refused(state: &State, visit: &Visit, walk: &mut Walk, denial: Denial) -> Response {
    let _ = walk.step(denial.check(), Err::<(), _>(denial.clone()));
    refuse(state, visit, walk.clone(), denial).await
}

fn wrong(visit: &Visit, typed: &str, text: &str) -> Response {
    let problem = Some(Problem { field: "user_code", text });
    let shown = user_code(typed).as_deref().map(spelled).unwrap_or_default();
    pages::device_code(visit, &DeviceCodeView { user_code: &shown, problem })
}

/// As devices show it: two halves.
fn spelled(code: &str) -> String {
    match code.split_at_checked(4) {
        Some((first, second)) => format!("{first}-{second}"),
        None => code.to_owned(),
    }
}
