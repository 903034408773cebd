//! `GET {issuer}/sign-in/with/{provider}/callback`: back from another provider (OpenID Connect Core §3.1.2.5).
//!
//! A code counts only with the `state` of a sign-in that began in this browser, for this provider; its
//! claims only after the ID token was verified; and the person only by the subject that was linked.

use super::{
    Claims, Identity, Newcomers, Purpose,
    flow::{Errand, Pending},
    refused::{self, Refusal},
    upstreams::Upstream,
};
use crate::{
    arrival::{Arrival, Else},
    interaction,
    pages::Section,
    server::State,
    sign_in::{Destination, Entering, enter},
    step_up::{Lack, step_up},
};
use axum::{
    extract::{Path, Request, State as Shared},
    response::{IntoResponse as _, Redirect, Response},
};
use openidconnect::{Nonce, PkceCodeVerifier};
use portcullis_directory::{
    Acting, Action, LinkFault, LinkedAccount, Newcomer, Person, Provisioned, UpstreamSession,
};
use portcullis_types::{Authentication, PersonId, SignInFault, Timestamp, Ttl};
use portcullis_web::form::Form;
use serde_json::Value;
use std::sync::Arc;

/// How far a provider's clock may be from ours.
const SKEW: Ttl = Ttl::seconds(60);

/// Who came, as the provider says.
struct Arrived<'a> {
    upstream: &'a Upstream,
    identity: Identity,
    issuer: String,
    sub: String,
    /// When they signed in there.
    at: Timestamp,
}

/// Ends a sign-in elsewhere with one here.
pub(crate) async fn endpoint(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    back(&state, &name, request).await.unwrap_or_else(Else::answer)
}

async fn back(state: &State, name: &str, request: Request) -> Result<Response, Else> {
    let (mut arrival, _) = Arrival::of(state, request).await?;
    let (visit, now) = (&arrival.visit, arrival.now);
    let Some(upstream) = state.upstreams.find(name) else { return Ok(refused::unknown(visit)) };
    let answer = arrival.query();
    let shown = answer.get("state").unwrap_or_default();
    let browser = visit.browser.as_str();
    let pending = match state.directory.back_again::<Pending>(browser, shown, now).await {
        // Attack: the answer of one provider in the place of another's (RFC 9700 §4.4).
        Ok(Some(pending)) if pending.provider == name => pending,
        Ok(_) => return Ok(refused::flow_over(visit)),
        Err(fault) => return Ok(refused::fault(visit, &fault)),
    };
    let purpose = pending.errand.purpose.clone();
    if let Purpose::Flow { flow } = &purpose {
        let waiting = interaction::load(&state.store, flow, Some(&visit.browser), now).await;
        waiting.ok().flatten().inspect(|waiting| arrival.visit.prefer(waiting.ui_locales()));
    }
    let visit = &arrival.visit;
    let arrived = match arrive(state, upstream, &answer, pending, now).await {
        Ok(arrived) => arrived,
        Err(problem) => {
            let fault = SignInFault::Upstream { provider: name.to_owned(), problem };
            let refusal = Refusal::of(fault, purpose.again());
            return Ok(refused::sign_in(state, visit, refusal).await);
        }
    };
    match purpose {
        Purpose::Link { person } => Ok(link(state, &arrival, arrived, person).await),
        purpose => signed_in(state, &arrival, arrived, purpose).await,
    }
}

/// From the answer (RFC 6749 §4.1.2) to verified claims, and from those to who it is.
async fn arrive<'a>(
    state: &State,
    upstream: &'a Upstream,
    answer: &Form,
    pending: Pending,
    now: Timestamp,
) -> Result<Arrived<'a>, String> {
    let provider = &upstream.provider;
    // RFC 9207 §2.4: an answer of another provider than the one that was asked.
    if answer
        .get("iss")
        .is_some_and(|iss| !provider.serves_many_tenants() && iss != provider.issuer)
    {
        return Err("the answer comes from another issuer (iss)".into());
    }
    if let Some(error) = answer.get("error") {
        return Err(format!("it answered {}", portcullis_directory::excerpt(error)));
    }
    let code = answer.get("code").ok_or("it sent no code")?.to_owned();
    let redirect_uri = upstream.redirect_uri(&state.settings);
    let talk = upstream.talk(&state.upstreams, &redirect_uri, now);
    let verifier = PkceCodeVerifier::new(pending.code_verifier);
    let claims: Claims = talk.finish(code, &Nonce::new(pending.nonce), verifier).await?;
    let identity = Identity::of(provider, &claims)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Arrived {
        at: new_enough(identity.auth_time, &pending.errand, now)?,
        upstream,
        identity,
        issuer: text("iss").ok_or("there is no iss")?,
        sub: text("sub").ok_or("there is no sub")?,
    })
}

/// When they signed in there, which must be as late as was asked for (OpenID Connect Core §3.1.3.7, point 13).
/// That they come back now proves nothing: a session over there may be a month old.
fn new_enough(
    told: Option<Timestamp>,
    errand: &Errand,
    now: Timestamp,
) -> Result<Timestamp, String> {
    let Some(limit) = errand.max_age else {
        // The provider's clock may be a little ahead of ours.
        return Ok(told.map_or(Authentication::UNTOLD, |at| at.min(now)));
    };
    let told = told.ok_or(
        "a new sign-in was asked for, and it does not say when you signed in there (auth_time)",
    )?;
    let earliest = errand.begun.minus(limit);
    if told.plus(SKEW) < earliest {
        return Err("a new sign-in was asked for, and it answered with an old one".into());
    }
    Ok(told.max(earliest).min(now))
}

/// The person that the account is linked to gets a session; somebody new becomes a person, if that is
/// allowed.
async fn signed_in(
    state: &State,
    arrival: &Arrival,
    arrived: Arrived<'_>,
    purpose: Purpose,
) -> Result<Response, Else> {
    let visit = &arrival.visit;
    let person = match known(state, &arrived, arrival.now).await {
        Ok(person) => person,
        Err(LinkFault::Fault(fault)) => return Ok(refused::fault(visit, &fault)),
        Err(fault) => {
            let refusal = not_linked(&arrived, fault, purpose.again());
            return Ok(refused::sign_in(state, visit, refusal).await);
        }
    };
    if let Some(since) = person.disabled_since {
        let fault = SignInFault::Disabled { person: person.id, since };
        return Ok(refused::sign_in(state, visit, Refusal::of(fault, purpose.again())).await);
    }
    let next = match &purpose {
        Purpose::Flow { flow } => format!("/authorize/continue?flow={flow}"),
        Purpose::Page { name } => Destination::named(name.as_deref()).below(),
        Purpose::Link { .. } => Section::Overview.path().to_owned(),
    };
    let response = Redirect::to(&visit.path(&next)).into_response();
    let (session, response) = enter(state, arrival, entering(arrived, person), response).await?;
    if let Purpose::Flow { flow } = purpose {
        let marked = state.store.write(move |tx| interaction::signed_in(tx, &flow, &session.id));
        marked.await.map_err(|fault| Else::from(arrival.failed(&fault.into())))?;
    }
    Ok(response)
}

fn not_linked(arrived: &Arrived<'_>, fault: LinkFault, again: String) -> Refusal {
    let provider = arrived.upstream.provider.name.clone();
    let LinkFault::Taken { login } = fault else {
        return Refusal::of(SignInFault::NotLinked { provider }, again);
    };
    let problem = "somebody here has this login already; sign in as usual, then link the account on the \
                   account page";
    let fault = SignInFault::Upstream { provider, problem: problem.to_owned() };
    Refusal { login: Some(login), said: "upstream.taken", ..Refusal::of(fault, again) }
}

/// The person behind an account. What the provider says about them is brought up to date.
async fn known(state: &State, arrived: &Arrived<'_>, now: Timestamp) -> Result<Person, LinkFault> {
    let (provider, identity) = (&arrived.upstream.provider, &arrived.identity);
    let account = account(arrived);
    let mut entropy = (state.entropy)();
    if let (Some(same), Some(external_id)) = (&provider.directory, &identity.external_id) {
        let by = Acting { actor: &provider.name, now, entropy: &mut *entropy };
        let (directory, external_id) = (same.directory.clone(), external_id.clone());
        let provisioned = Provisioned { directory, external_id };
        let found =
            state.directory.person_of_or_provisioned(by, account.clone(), provisioned).await;
        if !matches!(found, Err(LinkFault::Unknown)) {
            return found;
        }
    }
    let by = Acting { actor: &provider.name, now, entropy: &mut *entropy };
    match provider.newcomers {
        Newcomers::Refused => state.directory.person_of(by, account).await,
        Newcomers::Join => {
            let newcomer = Newcomer {
                profile: identity.profile.clone(),
                tenant: provider.tenant.clone(),
                login: identity.login.clone(),
            };
            state.directory.person_of_or_join(by, account, newcomer).await
        }
    }
}

fn account(arrived: &Arrived<'_>) -> LinkedAccount {
    LinkedAccount {
        provider: arrived.upstream.provider.name.clone(),
        issuer: arrived.issuer.clone(),
        subject: arrived.identity.subject.clone(),
        groups: arrived.identity.groups.clone(),
    }
}

fn entering(arrived: Arrived<'_>, person: Person) -> Entering {
    let Arrived { upstream, identity, issuer, sub, at } = arrived;
    Entering {
        person,
        authentication: Authentication { at, acr: identity.acr, amr: identity.amr },
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
    arrival: &Arrival,
    arrived: Arrived<'_>,
    person: PersonId,
) -> Response {
    let visit = &arrival.visit;
    // Attack: a link begun by somebody who had the browser, or the password, comes back after the owner put an
    // end to that.
    let session = arrival.session.as_ref().filter(|session| session.person == person);
    let owner = match state.directory.person(&person).await {
        Ok(owner) => owner,
        Err(fault) => return refused::fault(visit, &fault),
    };
    let session = session.filter(|session| {
        owner.as_ref().is_some_and(|owner| Lack::of(session, owner, arrival.now).is_none())
    });
    let Some(session) = session else { return arrival.go(&step_up(Section::Overview)) };
    let mut entropy = (state.entropy)();
    let by = arrival.acting(person.as_str(), &mut *entropy);
    match state.directory.link_account(by, session, account(&arrived)).await {
        Ok(()) => {
            if let Some(owner) = &owner {
                state.mail.changed(owner, Action::AccountLink);
            }
            Redirect::to(&visit.path("/account")).into_response()
        }
        Err(LinkFault::Fault(fault)) => refused::fault(visit, &fault),
        Err(_) => {
            let problem = "this account is linked to somebody else".to_owned();
            let provider = arrived.upstream.provider.name.clone();
            let fault = SignInFault::Upstream { provider, problem };
            let again = Section::Overview.path().to_owned();
            let refusal = Refusal { said: "upstream.elsewhere", ..Refusal::of(fault, again) };
            refused::sign_in(state, visit, refusal).await
        }
    }
}
