//! How a request ends, or where it goes on: one transaction for the whole decision. Who is signed in and
//! what they agreed to are read in it, so that the code stands for what was so when it was made.

use super::{
    answer::{self, Fields},
    consent::{self, Agreed},
    decide::{self, Asked, Before, Next, Present, SignedIn, Standing},
    error::{Back, Fault, Refusal},
    walk::Walk,
};
use crate::{
    claims,
    interaction::{self, Flow, Interaction},
    logo,
    pages::{self, AppView, ErrorView, Explained, Outside},
    server::State,
    subject,
    visit::{SESSION, Visit},
};
use axum::response::Response;
use http::{HeaderMap, StatusCode, request::Parts};
use portcullis_directory::{
    Authorization, Client, Consent, consents_in, grant, person_in, remember_consent, session_in,
    touch_session,
};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Denial, Random, Timestamp, Ttl};
use portcullis_web::{cookie::Transport, csrf::BrowserId};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;

/// How long a code is good (RFC 9700 §4.5, FAPI 2.0 §5.3.2.1).
const CODE_LIFE: Ttl = Ttl::seconds(60);

/// The interaction through which a request comes.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) flow: String,
    pub(crate) interaction: Interaction,
    pub(crate) agreed: Agreed,
}

/// What came of it.
enum Outcome {
    /// The code, which nobody has yet.
    Code(grant::Code),
    /// To be told at the app.
    Refused(Denial),
    /// The interaction was answered before, in another tab perhaps.
    Over,
    SignIn(Flow),
    Consent(Flow),
}

/// One decision on its way to an end.
pub(crate) struct Ends {
    state: Arc<State>,
    walk: Walk,
    session: Option<SecretString>,
}

impl Ends {
    pub(crate) fn begin(state: &Arc<State>, walk: Walk, parts: &Parts) -> Self {
        Self { state: state.clone(), walk, session: session_of(state, &parts.headers) }
    }

    /// Decides, writes it down, and answers.
    pub(crate) async fn decide(
        self,
        visit: &Visit,
        asked: Asked,
        through: Option<Through>,
    ) -> Response {
        let (state, id, now) = (self.state.clone(), self.walk.id, self.walk.now);
        let (client, back) = (asked.client.clone(), Back::from(&asked));
        let outcome = self.settle(visit.browser.clone(), asked, through).await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(fault) => return failed(visit, &fault, id),
        };
        let mut response = match outcome {
            Outcome::Code(code) => {
                let fields = vec![("code", code.expose().to_owned())];
                sent(&state, visit, &back, fields, now)
                    .await
                    .unwrap_or_else(|fault| failed(visit, &fault, id))
            }
            Outcome::Refused(denial) => {
                let fields = answer::refusal(&denial, id);
                sent(&state, visit, &back, fields, now)
                    .await
                    .unwrap_or_else(|fault| failed(visit, &fault, id))
            }
            Outcome::Over => pages::explained(visit, Explained::FlowOver, None),
            Outcome::SignIn(flow) => page(visit, "/sign-in?flow=", &flow),
            Outcome::Consent(flow) => page(visit, "/consent?flow=", &flow),
        };
        tracing::debug!(decision_id = %id, client_id = %client.id, "authorization answered");
        visit.introduce(&mut response);
        response
    }

    /// Writes a refusal down and tells it where it is to be told.
    pub(crate) async fn refuse(self, visit: &Visit, refusal: Refusal) -> Response {
        let Self { state, mut walk, .. } = self;
        let (id, now) = (walk.id, walk.now);
        let (denial, back) = match refusal {
            Refusal::Here(denial) => (*denial, None),
            Refusal::There(there) => {
                let (back, denial) = *there;
                (denial, Some(back))
            }
            Refusal::FlowOver => return pages::explained(visit, Explained::FlowOver, None),
            Refusal::Fault(fault) => return failed(visit, &fault, id),
        };
        let _ = walk.step(denial.check(), Err::<(), _>(denial.clone()));
        let Some(back) = back else { return refuse(&state, visit, walk, denial).await };
        let written = denial.clone();
        let written = state.store.write(move |tx| walk.append(tx, Some(&written))).await;
        if let Err(fault) = written {
            return failed(visit, &fault.into(), id);
        }
        let fields = answer::refusal(&denial, id);
        let mut response = sent(&state, visit, &back, fields, now)
            .await
            .unwrap_or_else(|fault| failed(visit, &fault, id));
        visit.introduce(&mut response);
        response
    }

    async fn settle(
        self,
        browser: BrowserId,
        asked: Asked,
        through: Option<Through>,
    ) -> Result<Outcome, Fault> {
        let Self { state, walk, session } = self;
        let store = state.store.clone();
        let job = Settling { state, asked, browser, through };
        Ok(store.write(move |tx| job.run(tx, walk, session.as_ref())).await?)
    }
}

/// What the transaction works with.
struct Settling {
    state: Arc<State>,
    asked: Asked,
    browser: BrowserId,
    through: Option<Through>,
}

impl Settling {
    fn run(
        &self,
        tx: &mut Tx<'_>,
        mut walk: Walk,
        session: Option<&SecretString>,
    ) -> Result<Outcome, StoreFault> {
        walk.asked(&self.asked.client, &self.asked.request);
        // Of two answers to one request, one is the first.
        if let Some(through) = &self.through
            && !interaction::is_there(tx, &through.interaction)?
        {
            return Ok(Outcome::Over);
        }
        let present = present(tx, &self.state, &self.asked.client, session, walk.now)?;
        if let Some(present) = &present {
            touch_session(tx, &present.session, walk.now)?;
        }
        match self.next(tx, &mut walk, present.as_ref())? {
            Err(denial) => {
                self.used_up(tx, walk.now)?;
                walk.append(tx, Some(&denial))?;
                Ok(Outcome::Refused(denial))
            }
            Ok(Next::SignIn) => Ok(Outcome::SignIn(self.wait(tx, walk.now)?)),
            Ok(Next::Consent(shown)) => {
                let flow = self.wait(tx, walk.now)?;
                interaction::show(tx, &flow, &shown)?;
                Ok(Outcome::Consent(flow))
            }
            Ok(Next::Code(authorization)) => {
                if !self.used_up(tx, walk.now)? {
                    return Ok(Outcome::Over);
                }
                if self.agreed() == Agreed::Now {
                    self.remember(tx, &authorization, walk.now)?;
                }
                let code = self.code(tx, authorization, walk.now)?;
                walk.append(tx, None)?;
                Ok(Outcome::Code(code))
            }
        }
    }

    fn next(
        &self,
        tx: &mut Tx<'_>,
        walk: &mut Walk,
        present: Option<&Present>,
    ) -> Result<Result<Next, Denial>, StoreFault> {
        let mut standing = Standing {
            signed_in: signed_in(self.through.as_ref().map(|it| &it.interaction), present),
            agreed: self.agreed(),
            now: walk.now,
        };
        let present = match decide::signed_in(walk, &self.asked, present, standing) {
            Ok(Some(present)) => present,
            Ok(None) => return Ok(self.offered_to_anybody(walk).map(|()| Next::SignIn)),
            Err(denial) => return Ok(Err(denial)),
        };
        let roles = self.state.directory.roles();
        let settings = &self.state.settings;
        let offer = match decide::granted(walk, &self.asked, (settings, &roles), present) {
            Ok(offer) => offer,
            Err(denial) => return Ok(Err(denial)),
        };
        let before = before(tx, &self.asked, present, offer.resource())?;
        // Attack: somebody else signs in, or more is asked for, under a page that is open. An answer counts
        // for what was shown and for whom.
        let shown = self.through.as_ref().and_then(|through| through.interaction.shown.as_deref());
        if standing.agreed == Agreed::Now && shown != Some(&consent::shown(&offer, present)) {
            standing.agreed = Agreed::Before;
        }
        Ok(decide::agreed(walk, &self.asked, (offer, &before), present, standing))
    }

    /// Nobody is made to sign in for what the app may not have from anybody.
    fn offered_to_anybody(&self, walk: &mut Walk) -> Result<(), Denial> {
        let Asked { client, request } = &self.asked;
        let offer = super::Offer::to_app(&self.state.settings, client, request.wanted());
        offer.map(drop).map_err(|denial| {
            let failed = walk.step(denial.check(), Err::<(), _>(denial.clone()));
            failed.err().unwrap_or(denial)
        })
    }

    fn agreed(&self) -> Agreed {
        self.through.as_ref().map_or(Agreed::Before, |through| through.agreed)
    }

    /// The request waits for the person, as before if it does already.
    fn wait(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Flow, StoreFault> {
        if let Some(through) = &self.through {
            return Ok(Flow::again(&through.flow));
        }
        let mut entropy = (self.state.entropy)();
        interaction::begin(tx, &self.asked.request, &self.browser, now, &mut *entropy)
    }

    /// Ends the interaction and the pushed request behind it. False if one of them was used before.
    fn used_up(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, StoreFault> {
        let Asked { client, request } = &self.asked;
        let mut first = true;
        if let Some(through) = &self.through {
            first = interaction::end(tx, &through.interaction)?;
        }
        if let Some(uri) = &request.came.pushed {
            let taken = grant::take_pushed(tx, uri, &client.id, now)?.is_some();
            // An interaction has a copy of its own, which outlives the pushed request.
            first = first && (taken || self.through.is_some());
            interaction::end_pushed(tx, uri)?;
        }
        Ok(first)
    }

    fn remember(
        &self,
        tx: &mut Tx<'_>,
        authorization: &Authorization,
        now: Timestamp,
    ) -> Result<(), StoreFault> {
        let consent = Consent {
            identity: authorization.identity.or(claims::scopes_of(&authorization.claims)),
            scope: authorization.scope.clone(),
            resource: authorization.resource.clone(),
            given: now,
        };
        let (person, client_id) = (&authorization.person, &authorization.client_id);
        remember_consent(tx, person, client_id, &consent)?;
        match consent::place(&self.asked) {
            Some(place) => consent::remember_place(tx, person, client_id, (place, now)),
            None => Ok(()),
        }
    }

    fn code(
        &self,
        tx: &mut Tx<'_>,
        authorization: Authorization,
        now: Timestamp,
    ) -> Result<grant::Code, StoreFault> {
        let request = &self.asked.request;
        let way_back = &request.way_back;
        let new = grant::NewCode {
            authorization,
            redirect_uri: way_back.named.then(|| way_back.redirect_uri.clone()),
            code_challenge: request.code_challenge.clone(),
            dpop_jkt: request.dpop_jkt.clone(),
            expires: now.plus(CODE_LIFE),
        };
        grant::issue_code(tx, new, now, &Random::draw(&mut *(self.state.entropy)()))
    }
}

/// Whether the person who is there signed in for the request that waits.
pub(crate) fn signed_in(waiting: Option<&Interaction>, present: Option<&Present>) -> SignedIn {
    match (waiting, present) {
        (Some(waiting), Some(present)) if waiting.has_signed_in(&present.session) => {
            SignedIn::ForThis
        }
        _ => SignedIn::Before,
    }
}

/// Who is signed in, in this browser.
pub(crate) fn present(
    tx: &mut Tx<'_>,
    state: &State,
    client: &Client,
    cookie: Option<&SecretString>,
    now: Timestamp,
) -> Result<Option<Present>, StoreFault> {
    let Some(cookie) = cookie else { return Ok(None) };
    let Some(session) = session_in(tx, cookie.expose_secret(), now)? else { return Ok(None) };
    let Some(person) = person_in(tx, &session.person)? else { return Ok(None) };
    let sub = subject::of(state, client, &person.id);
    Ok(Some(Present { session, person, sub }))
}

/// What the person agreed to before.
pub(crate) fn before(
    tx: &mut Tx<'_>,
    asked: &Asked,
    present: &Present,
    resource: Option<&portcullis_types::Audience>,
) -> Result<Before, StoreFault> {
    let Asked { client, .. } = asked;
    if client.registration.first_party {
        return Ok(Before::default());
    }
    let person = &present.person.id;
    let consents = consents_in(tx, person, &client.id)?;
    let consent = consents.into_iter().find(|consent| consent.resource.as_ref() == resource);
    let place = match consent::place(asked) {
        Some(place) => consent::knows_place(tx, person, &client.id, place)?,
        None => true,
    };
    Ok(Before { consent, place })
}

/// The session's cookie.
pub(crate) fn session_of(state: &State, headers: &HeaderMap) -> Option<SecretString> {
    let secure = state.settings.issuer.as_str().starts_with("https:");
    let transport = if secure { Transport::Secure } else { Transport::Loopback };
    SESSION.read(headers, transport).map(SecretString::from)
}

/// As [`view_of`], with its picture, for which somebody may have to wait a moment the first time.
pub(crate) async fn pictured<'c>(
    state: &State,
    visit: &Visit,
    client: &'c Client,
    now: Timestamp,
) -> AppView<'c> {
    AppView { logo: logo::address(state, visit, client, now).await, ..view_of(client) }
}

/// An app as people see it.
fn view_of(client: &Client) -> AppView<'_> {
    let host = |url: &str| url::Url::parse(url).ok()?.host_str().map(str::to_owned);
    let id = client.id.as_str();
    AppView {
        name: &client.name,
        id,
        site: client.registration.client_uri.as_deref().and_then(host),
        logo: None,
        policy: client.registration.policy_uri.as_deref().and_then(Outside::of),
        terms: client.registration.tos_uri.as_deref().and_then(Outside::of),
        document: Some(id).filter(|id| id.starts_with("https://")).and_then(host),
        unchecked: !client.is_vouched_for(),
    }
}

async fn sent(
    state: &State,
    visit: &Visit,
    back: &Back,
    fields: Fields,
    now: Timestamp,
) -> Result<Response, Fault> {
    answer::send((state, visit), &back.client, &back.way_back, fields, now).await
}

/// A page of ours, by 303: whatever was posted is not posted there again.
fn page(visit: &Visit, below: &str, flow: &Flow) -> Response {
    answer::go(&format!("{}{}", visit.path(below), flow.expose()))
}

/// Writes a refusal down, and shows it to the person.
pub(crate) async fn refuse(state: &State, visit: &Visit, walk: Walk, denial: Denial) -> Response {
    let id = walk.id;
    let written = denial.clone();
    match state.store.write(move |tx| walk.append(tx, Some(&written))).await {
        Ok(()) => shown(visit, &denial, id),
        Err(fault) => failed(visit, &fault.into(), id),
    }
}

/// A refusal that no app is told.
fn shown(visit: &Visit, denial: &Denial, id: portcullis_types::DecisionId) -> Response {
    let code = denial.code();
    let (found, remedy) = (denial.found(), denial.remedy().change);
    pages::error(
        visit,
        &ErrorView {
            status: StatusCode::from_u16(code.status).unwrap_or(StatusCode::BAD_REQUEST),
            title: code.description,
            text: &found,
            todo: &remedy,
            decision: Some(id),
            link: None,
        },
    )
}

/// A failure of ours.
pub(crate) fn failed(visit: &Visit, fault: &Fault, id: portcullis_types::DecisionId) -> Response {
    tracing::error!(decision_id = %id, %fault, "nobody was authorized: a failure of ours");
    pages::explained(visit, Explained::Fault, Some(id))
}
