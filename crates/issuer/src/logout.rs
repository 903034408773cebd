//! `{issuer}/logout` (OpenID Connect RP-Initiated Logout 1.0): an app, or the person, ends the session.
//!
//! Without proof that the app means the person who sits there, the person is asked: a link elsewhere must
//! not sign anybody out. The browser goes back to registered addresses alone.

mod notice;

pub use notice::{Notified, deliver};

use crate::{
    authorize::{
        Fault, HintFault, Hinted, Hints, Parameters, Walk, failed, go, session_of, unfit,
        with_query,
    },
    pages::{self, ConfirmLogoutView, ErrorView, Explained, SignedOutView},
    server::State,
    subject,
    visit::{CSRF, SESSION, Visit},
};
use axum::{
    body::Body,
    extract::{Request, State as Shared},
    response::Response,
};
use http::{Method, StatusCode, request::Parts};
use portcullis_directory::{
    Acting, Action, Client, Deed, Person, Session, end_session, person_in, session_in,
};
use portcullis_types::{ClientId, Denial};
use portcullis_web::form;
use secrecy::ExposeSecret as _;
use std::sync::Arc;

/// What the request wants, as far as it can be believed.
struct Wish {
    client: Option<Arc<Client>>,
    hinted: Option<Hinted>,
    /// Registered by `client`.
    back: Option<String>,
    state: Option<String>,
}

impl Wish {
    /// What goes along (§3).
    fn fields(&self) -> Vec<(&'static str, String)> {
        self.state.iter().map(|state| ("state", state.clone())).collect()
    }
}

/// Why nobody is signed out.
enum Stop {
    Refused(Denial),
    Foreign,
    Fault(Fault),
}

impl<F: Into<Fault>> From<F> for Stop {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

/// `GET` and `POST {issuer}/logout` (§2).
pub(crate) async fn endpoint(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let walk = Walk::at(&state, &parts, "end_session");
    let id = walk.id;
    let mut visit = Visit::begin(&state, &parts);
    match answer(&state, &mut visit, (&parts, body), &walk).await {
        Ok(response) => response,
        Err(Stop::Foreign) => pages::explained(&visit, Explained::ForeignForm, None),
        Err(Stop::Fault(fault)) => failed(&visit, &fault, id),
        Err(Stop::Refused(denial)) => refuse(&state, &visit, walk, denial).await,
    }
}

async fn answer(
    state: &Arc<State>,
    visit: &mut Visit,
    (parts, body): (&Parts, Body),
    walk: &Walk,
) -> Result<Response, Stop> {
    let parameters = read(parts, body).await.map_err(Stop::Refused)?;
    visit.prefer(parameters.peek("ui_locales").unwrap_or_default().split(' '));
    let confirmed = confirmed(state, visit, parts, &parameters)?;
    let wish = wish(state, &parameters, walk).await?;
    let Some((session, person)) = here(state, parts, walk).await? else {
        return Ok(nobody(visit, &wish));
    };
    if !confirmed && !is_meant(state, &wish, &session) {
        return Ok(ask(visit, &wish, &person, &parameters));
    }
    end(state, &session, &wish, walk).await?;
    Ok(gone(visit, &wish))
}

async fn read(parts: &Parts, body: Body) -> Result<Parameters, Denial> {
    let malformed = |fault: form::FormFault| crate::authorize::malformed(&fault.to_string());
    let parameters = if parts.method == Method::POST {
        form::is_form(&parts.headers).map_err(malformed)?;
        Parameters::of_form(&form::bytes(&parts.headers, body).await.map_err(malformed)?)?
    } else {
        Parameters::of_form(parts.uri.query().unwrap_or_default().as_bytes())?
    };
    parameters.all_fit()?;
    Ok(parameters)
}

/// Whether this is the person's answer to our question.
fn confirmed(
    state: &State,
    visit: &Visit,
    parts: &Parts,
    parameters: &Parameters,
) -> Result<bool, Stop> {
    match parameters.peek(CSRF) {
        Some(token) if parts.method == Method::POST => {
            let sent = visit.sent_with(&parts.headers, token, &state.csrf);
            sent.map(|()| true).map_err(|_| Stop::Foreign)
        }
        _ => Ok(false),
    }
}

/// §2, §3: an app may name itself, or be named by its ID token; both must agree, and the way back be its
/// own.
async fn wish(state: &State, parameters: &Parameters, walk: &Walk) -> Result<Wish, Stop> {
    let keys = state.keys.public();
    let hints = Hints { issuer: &state.settings.issuer, keys: &keys };
    let hint = parameters.get("id_token_hint").map_err(Stop::Refused)?;
    let hinted = match hint.map(|token| hints.read(token)) {
        None | Some(Err(HintFault::UnknownKey)) => None,
        Some(Ok(hinted)) => Some(hinted),
        Some(Err(HintFault::Wrong)) => {
            return Err(Stop::Refused(unfit("id_token_hint", "is not an ID token of ours")));
        }
    };
    let named = parameters.get("client_id").map_err(Stop::Refused)?;
    let audiences = hinted.as_ref().map_or(&[][..], Hinted::audiences);
    let id = match (named, audiences) {
        (Some(named), []) => Some(named),
        (Some(named), several) if several.iter().any(|aud| aud == named) => Some(named),
        (Some(_), _) => {
            return Err(Stop::Refused(unfit("client_id", "is not the app of the id_token_hint")));
        }
        (None, [only]) => Some(only.as_str()),
        (None, _) => None,
    };
    let client = match id.map(ClientId::new) {
        None | Some(Err(_)) => None,
        Some(Ok(id)) => state.directory.find_client_for(&id, (walk.remote, walk.now)).await?,
    };
    // Nobody is sent to an app whose time is over.
    let client = client.filter(|client| client.enabled(walk.now).is_ok());
    let asked = parameters.get("post_logout_redirect_uri").map_err(Stop::Refused)?;
    let back = back(client.as_deref(), asked).map_err(Stop::Refused)?;
    let given = parameters.peek("state").map(str::to_owned);
    Ok(Wish { client, hinted, back, state: given })
}

/// §3: the very string that was registered.
fn back(client: Option<&Client>, asked: Option<&str>) -> Result<Option<String>, Denial> {
    let Some(asked) = asked else { return Ok(None) };
    let refuse = |problem| Err(unfit("post_logout_redirect_uri", problem));
    let Some(client) = client else {
        return refuse("needs a client_id or an id_token_hint of an app that is known and enabled");
    };
    let registered = &client.registration.post_logout_redirect_uris;
    if registered.iter().any(|uri| uri.as_str() == asked) {
        Ok(Some(asked.to_owned()))
    } else {
        refuse("is not registered for the app")
    }
}

/// Who is signed in, in this browser.
async fn here(
    state: &State,
    parts: &Parts,
    walk: &Walk,
) -> Result<Option<(Session, Person)>, Fault> {
    let Some(cookie) = session_of(state, &parts.headers) else { return Ok(None) };
    let now = walk.now;
    let found = state.store.read(move |tx| {
        let Some(session) = session_in(tx, cookie.expose_secret(), now)? else { return Ok(None) };
        let person = person_in(tx, &session.person)?;
        Ok(person.map(|person| (session, person)))
    });
    Ok(found.await?)
}

/// Whether the ID token is of this very session, or of this person if it names none.
fn is_meant(state: &State, wish: &Wish, session: &Session) -> bool {
    let (Some(hinted), Some(client)) = (&wish.hinted, &wish.client) else { return false };
    match &hinted.sid {
        Some(sid) => *sid == subject::session(state, client, &session.id),
        None => hinted.sub == subject::of(state, client, &session.person),
    }
}

fn ask(visit: &Visit, wish: &Wish, person: &Person, parameters: &Parameters) -> Response {
    const KEPT: [&str; 5] =
        ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];
    let fields: Vec<(&str, &str)> =
        KEPT.iter().filter_map(|name| Some((*name, parameters.peek(name)?))).collect();
    pages::confirm_logout(
        visit,
        &ConfirmLogoutView {
            login: &person.login,
            app: wish.client.as_ref().map(|client| client.name.as_str()),
            fields: &fields,
            leads_on: wish.back.is_some(),
        },
    )
}

/// Ends the session, its grants and its record in one transaction; gateways hear of it at once.
async fn end(state: &State, session: &Session, wish: &Wish, walk: &Walk) -> Result<(), Fault> {
    let mut entropy = (state.entropy)();
    let actor = session.person.as_str();
    let mut by = Acting { actor, now: walk.now, entropy: &mut *entropy };
    let app = wish.client.as_ref().map(|client| client.id.to_string());
    let deed = Deed::new(&mut by, Action::SessionEnd)
        .with("why", "logout".to_owned())
        .with("client_id", app)
        .with("remote", walk.remote.map(|remote| remote.to_string()));
    let id = session.id.clone();
    state.store.write(move |tx| end_session(tx, &id, deed)).await?;
    state.directory.publish().await?;
    Ok(())
}

/// Nobody is signed in. Where nobody vouches for the app either, the person decides whether to go there.
///
/// Attack: whoever may introduce an app has us send people to a place of theirs (RFC 9700 §4.11.2).
fn nobody(visit: &Visit, wish: &Wish) -> Response {
    match (&wish.back, &wish.client) {
        (Some(back), Some(client)) if !client.is_vouched_for() => {
            let uri = with_query(back, &wish.fields());
            let back = Some((pages::host(back), uri));
            let mut response = pages::signed_out(visit, SignedOutView { back });
            visit.forget(&mut response, SESSION);
            response
        }
        _ => gone(visit, wish),
    }
}

/// The browser forgets the session, and goes where the app wants it, or stays.
fn gone(visit: &Visit, wish: &Wish) -> Response {
    let mut response = match &wish.back {
        Some(back) => go(&with_query(back, &wish.fields())),
        None => pages::signed_out(visit, SignedOutView::default()),
    };
    visit.forget(&mut response, SESSION);
    response
}

async fn refuse(state: &State, visit: &Visit, mut walk: Walk, denial: Denial) -> Response {
    let id = walk.id;
    walk.record.grant_type = "logout".into();
    let _ = walk.step(denial.check(), Err::<(), _>(denial.clone()));
    let written = denial.clone();
    if let Err(fault) = state.store.write(move |tx| walk.append(tx, Some(&written))).await {
        return failed(visit, &fault.into(), id);
    }
    let found = denial.found();
    pages::error(
        visit,
        &ErrorView {
            status: StatusCode::BAD_REQUEST,
            title: visit.say("logout.refused"),
            text: visit.say("logout.refused_text"),
            reason: Some(&found),
            todo: visit.say("logout.refused_todo"),
            decision: Some(id),
            link: None,
        },
    )
}
