//! When a person is asked to agree (OpenID Connect Core §3.1.2.4, RFC 8252 §8.6, RFC 9700 §4.14.2).

use super::{
    decide::{Asked, Before, Present},
    offer::Offer,
    prompt::Prompt,
};
use crate::interaction::sha256;
use portcullis_jose::b64;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{ClientId, PersonId, Place, Timestamp};

/// Whether the person agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreed {
    /// They pressed the button, on the page made for this very request.
    Now,
    /// As far as they did before.
    Before,
    /// They said no.
    No,
}

/// Whether the person must be asked.
pub(crate) fn is_needed(asked: &Asked, offer: &Offer<'_>, before: &Before) -> bool {
    if asked.request.prompt.has(Prompt::Consent) || is_anybody(asked) {
        return true;
    }
    if asked.client.registration.first_party {
        return false;
    }
    let covered =
        before.consent.as_ref().is_some_and(|consent| consent.covers(offer.told(), &offer.scope));
    !covered || (place(asked).is_some() && !before.place)
}

/// Whether any program could be the app: it proves nothing, and the answer goes to this machine or to whatever claims
/// a scheme.
///
/// Attack: another program asks in the app's name, and gets a code silently on the ground of the consent to the app
/// (RFC 8252 §8.6). So the person must have begun it, each time.
fn is_anybody(asked: &Asked) -> bool {
    let registered = asked.request.way_back.registered(&asked.client);
    let is_site = registered.is_some_and(|uri| matches!(uri.place(), Place::Site(_)));
    asked.client.is_public() && !is_site
}

/// What the person is asked, in one line.
pub(crate) fn shown(offer: &Offer<'_>, present: &Present) -> String {
    let resource = offer.resource().map_or("", |resource| resource.as_str());
    format!("{} | {} | {} | {resource}", present.person.id, offer.told(), offer.scope)
}

/// What stands for that line in the form of its page, in that flow alone.
pub(crate) fn seal(flow: &str, shown: &str) -> String {
    b64::encode(sha256(format!("{flow} {shown}").as_bytes()).as_ref())
}

/// The way back, if it must be agreed to by itself: an app chose it that nobody vouches for.
pub(crate) fn place(asked: &Asked) -> Option<&str> {
    let registered = asked.request.way_back.registered(&asked.client)?;
    (!asked.client.is_vouched_for()).then(|| registered.as_str())
}

/// Whether the person agreed to that way back before.
pub(crate) fn knows_place(
    tx: &mut Tx<'_>,
    person: &PersonId,
    client_id: &ClientId,
    place: &str,
) -> Result<bool, StoreFault> {
    let row = tx.query_row(
        "SELECT 1 FROM consent_place WHERE person = $1 AND client_id = $2 AND place = $3",
        &[person.as_str().into(), client_id.as_str().into(), place.into()],
    )?;
    Ok(row.is_some())
}

/// The person agreed to that way back.
pub(crate) fn remember_place(
    tx: &mut Tx<'_>,
    person: &PersonId,
    client_id: &ClientId,
    (place, now): (&str, Timestamp),
) -> Result<(), StoreFault> {
    tx.execute(
        "INSERT INTO consent_place (person, client_id, place, given) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
        &[person.as_str().into(), client_id.as_str().into(), place.into(), now.into()],
    )?;
    Ok(())
}
