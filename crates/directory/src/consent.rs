//! What a person agreed that an app may do, remembered so that nobody is asked twice.

use crate::{Directory, Fault};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{Audience, ClientId, IdentityScopes, PersonId, Scopes, Timestamp};

/// One person's consent to one app, for one API or for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// What the app may learn.
    pub identity: IdentityScopes,
    /// What it may do at `resource`.
    pub scope: Scopes,
    /// The API; `None`: it only signs people in.
    pub resource: Option<Audience>,
    /// When it was given, last.
    pub given: Timestamp,
}

impl Consent {
    /// Whether all of that was agreed to.
    pub fn covers(&self, identity: IdentityScopes, scope: &Scopes) -> bool {
        identity.without(self.identity).is_empty() && scope.lies_within(&self.scope)
    }
}

/// What the person agreed to for the app, API by API. What cannot be read counts as nothing: they are asked again.
pub fn consents_in(
    tx: &mut Tx<'_>,
    person: &PersonId,
    client_id: &ClientId,
) -> Result<Vec<Consent>, StoreFault> {
    let sql = "SELECT identity, scope, resource, given FROM consent \
         WHERE person = $1 AND client_id = $2 ORDER BY resource";
    let rows = tx.query(sql, &[person.as_str().into(), client_id.as_str().into()])?;
    rows.iter().filter_map(|row| consent(row).transpose()).collect()
}

/// Remembers a consent: what was agreed to before stays agreed to, for as long as all of it together is a list that
/// can be read again; otherwise what is agreed to now takes its place. Its record is that of the decision.
pub fn remember_consent(
    tx: &mut Tx<'_>,
    person: &PersonId,
    client_id: &ClientId,
    consent: &Consent,
) -> Result<(), StoreFault> {
    let before = consents_in(tx, person, client_id)?;
    let before = before.iter().find(|before| before.resource == consent.resource);
    let (identity, scope) = match before {
        Some(before) => {
            (before.identity.or(consent.identity), joined(&before.scope, &consent.scope))
        }
        None => (consent.identity, consent.scope.clone()),
    };
    let resource = consent.resource.as_ref().map_or("", Audience::as_str);
    tx.execute(
        "INSERT INTO consent (person, client_id, resource, identity, scope, given) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (person, client_id, resource) DO UPDATE SET \
         identity = excluded.identity, scope = excluded.scope, given = excluded.given",
        &[
            person.as_str().into(),
            client_id.as_str().into(),
            resource.into(),
            identity.to_string().into(),
            scope.to_string().into(),
            consent.given.into(),
        ],
    )?;
    Ok(())
}

/// Forgets all that the person agreed to for the app. Its record, and the end of its grants, are the caller's.
pub fn forget_consent(
    tx: &mut Tx<'_>,
    person: &PersonId,
    client_id: &ClientId,
) -> Result<(), StoreFault> {
    let sql = "DELETE FROM consent WHERE person = $1 AND client_id = $2";
    tx.execute(sql, &[person.as_str().into(), client_id.as_str().into()])?;
    Ok(())
}

/// Attack: an app has ever more scopes agreed to, one by one, until the list is too long to be read.
fn joined(before: &Scopes, now: &Scopes) -> Scopes {
    let both = before.union(now).condensed();
    if both.within_limits().is_ok() { both } else { now.clone() }
}

/// `None` if it cannot be read.
fn consent(row: &Row) -> Result<Option<Consent>, StoreFault> {
    let ((identity, unknown), scope) =
        (IdentityScopes::part(row.text(0)?), Scopes::parse(row.text(1)?));
    let resource = Some(row.text(2)?).filter(|resource| !resource.is_empty());
    let resource = resource.map(Audience::new).transpose();
    let given = row.time(3)?;
    Ok(match (scope, resource) {
        (Ok(scope), Ok(resource)) if unknown.is_empty() => {
            Some(Consent { identity, scope, resource, given })
        }
        _ => None,
    })
}

impl Directory {
    /// What the person agreed to for the app at that API, or, without one, for signing in alone.
    pub async fn consent(
        &self,
        person: &PersonId,
        client_id: &ClientId,
        resource: Option<&Audience>,
    ) -> Result<Option<Consent>, Fault> {
        let (person, client_id, resource) = (person.clone(), client_id.clone(), resource.cloned());
        let all = move |tx: &mut Tx<'_>| consents_in(tx, &person, &client_id);
        let all = self.inner().store.read(all).await?;
        Ok(all.into_iter().find(|consent| consent.resource == resource))
    }
}
