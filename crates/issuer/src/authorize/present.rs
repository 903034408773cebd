//! Who is there, and what they agreed to before.

use super::{
    consent,
    decide::{Asked, Before, Present, SignedIn},
    settle::Presence,
};
use crate::{
    interaction::Interaction,
    logo,
    pages::AppView,
    server::State,
    subject,
    visit::{SESSION, Visit},
};
use http::HeaderMap;
use portcullis_directory::{Client, consents_in, person_in, session_in};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Audience, Timestamp};
use portcullis_web::cookie::Transport;
use secrecy::{ExposeSecret as _, SecretString};

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

/// Whether somebody is signed in, in this browser.
pub(super) fn presence(
    tx: &mut Tx<'_>,
    cookie: Option<&SecretString>,
    now: Timestamp,
) -> Result<Presence, StoreFault> {
    let Some(cookie) = cookie else { return Ok(Presence::Nobody) };
    Ok(Presence::from(&session_in(tx, cookie.expose_secret(), now)?))
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

/// What the person agreed to before.
pub(crate) fn before(
    tx: &mut Tx<'_>,
    asked: &Asked,
    present: &Present,
    resource: Option<&Audience>,
) -> Result<Before, StoreFault> {
    let Asked { client, .. } = asked;
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

/// An app as people see it, with its picture, for which somebody may have to wait a moment the first time.
pub(crate) async fn pictured<'c>(
    state: &State,
    visit: &Visit,
    client: &'c Client,
    now: Timestamp,
) -> AppView<'c> {
    AppView { logo: logo::address(state, visit, client, now).await, ..AppView::of(client) }
}
