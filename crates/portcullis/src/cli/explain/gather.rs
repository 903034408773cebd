//! What is known around a record: the issuance of its token, its client, who ended what, our keys.

use crate::cli::{CONFIG, House, Stop};
use portcullis_audit::{
    self as audit, Event, Record,
    explain::{Api, ClientNow, OurIssuer, OurKey, Surroundings},
};
use portcullis_keyring::{KeyInfo, KeyState};
use portcullis_types::{ClientId, Denial, Jti, Registry, RevokedBy, Timestamp};
use std::path::Path;

/// Owns what [`Surroundings`] borrows.
pub(super) struct Gathered {
    issuance: Option<Record<'static>>,
    ended: Option<Record<'static>>,
    client: Option<ClientNow>,
    issuer: Option<OurIssuer>,
    apis: Vec<Api>,
    registry: Registry,
    our_keys: Vec<OurKey>,
    config: Option<String>,
}

impl Gathered {
    /// Looks everything up that helps to explain `record`.
    pub(super) async fn of(house: &House, record: &Record<'static>) -> Result<Self, Stop> {
        let config = &house.config;
        let issuer = config.issuer.as_ref().map(|issuer| OurIssuer {
            issuer: issuer.url.clone(),
            token_endpoint: format!("{}/token", issuer.url.as_str().trim_end_matches('/')),
        });
        let issuance = issuance(house, record, issuer.as_ref()).await?;
        let client = match client_id(record, issuance.as_ref(), issuer.as_ref()) {
            Some(id) => client(house, &id).await?,
            None => None,
        };
        let apis = config.apis.iter().map(|api| Api {
            name: api.name.clone(),
            resource: api.resource.clone(),
            scopes: api.scopes.clone(),
        });
        let needs_keys = matches!(record.denial.as_deref(), Some(Denial::UnknownKey { .. }));
        let our_keys =
            if needs_keys && issuer.is_some() { our_keys(house).await? } else { Vec::new() };
        Ok(Self {
            ended: ended(house, record).await?,
            issuance,
            client,
            issuer,
            apis: apis.collect(),
            registry: config.registry.clone(),
            our_keys,
            config: (config.file != Path::new(CONFIG)).then(|| config.file.display().to_string()),
        })
    }

    /// The same, borrowed.
    pub(super) fn around(&self) -> Surroundings<'_> {
        Surroundings {
            issuance: self.issuance.as_ref(),
            ended: self.ended.as_ref(),
            client: self.client.as_ref(),
            issuer: self.issuer.as_ref(),
            apis: &self.apis,
            registry: Some(&self.registry),
            our_keys: &self.our_keys,
            config: self.config.as_deref(),
        }
    }
}

/// The issuance of the token that was shown, if it names our issuer and a `jti`.
async fn issuance(
    house: &House,
    record: &Record<'static>,
    ours: Option<&OurIssuer>,
) -> Result<Option<Record<'static>>, Stop> {
    let (Event::Access(access), Some(ours)) = (&record.event, ours) else { return Ok(None) };
    let Some(token) = access.token.as_ref().filter(|token| token.iss == ours.issuer.as_str())
    else {
        return Ok(None);
    };
    let Ok(jti) = Jti::new(&token.jti) else { return Ok(None) };
    house.store.read(move |tx| audit::find_issuance(tx, &jti)).await.map_err(Stop::cannot_run)
}

/// Whose client it is: as its issuance says, as our token says, or as a token request claimed.
fn client_id(
    record: &Record<'static>,
    issuance: Option<&Record<'static>>,
    ours: Option<&OurIssuer>,
) -> Option<ClientId> {
    let issued = issuance.and_then(|record| match &record.event {
        Event::Grant(grant) => grant.client_id.as_deref(),
        Event::Access(_) | Event::Admin(_) => None,
    });
    let named = match &record.event {
        Event::Access(access) => {
            let token = access.token.as_ref();
            let own =
                token.filter(|token| ours.is_some_and(|ours| token.iss == ours.issuer.as_str()));
            own.map(|token| &*token.client_id)
        }
        Event::Grant(grant) => grant.client_id.as_deref(),
        Event::Admin(_) => None,
    };
    ClientId::new(issued.or(named)?).ok()
}

async fn client(house: &House, id: &ClientId) -> Result<Option<ClientNow>, Stop> {
    let client = house.directory().await?.client(id);
    Ok(client.map(|client| ClientNow {
        id: client.id.clone(),
        scopes: client.scopes.clone(),
        resources: client.resources.clone(),
        disabled_since: client.disabled_since,
    }))
}

/// The act that ended the token or the client.
async fn ended(house: &House, record: &Record<'static>) -> Result<Option<Record<'static>>, Stop> {
    let Some((actions, target, time)) = what_ended(record) else { return Ok(None) };
    let found = house.store.read(move |tx| audit::find_act(tx, actions, &target, time)).await;
    found.map_err(Stop::cannot_run)
}

/// What may have been done, to whom, and when.
fn what_ended(record: &Record<'static>) -> Option<(&'static [&'static str], String, Timestamp)> {
    match record.denial.as_deref()? {
        Denial::ClientDisabled { client_id, since }
        | Denial::Revoked { by: RevokedBy::Client { client_id, since } } => {
            Some((&["client.disable"], client_id.to_string(), *since))
        }
        Denial::Revoked { by: RevokedBy::NotBefore { client_id, before } } => {
            Some((&["client.rotate_secret", "client.disable"], client_id.to_string(), *before))
        }
        Denial::Revoked { by: RevokedBy::Token { since } } => match &record.event {
            Event::Access(access) => {
                Some((&["token.revoke"], access.token.as_ref()?.jti.to_string(), *since))
            }
            Event::Grant(_) | Event::Admin(_) => None,
        },
        _ => None,
    }
}

async fn our_keys(house: &House) -> Result<Vec<OurKey>, Stop> {
    let keys = house.look_at_keys(house.issuer_keys()).await?;
    Ok(keys.list().into_iter().map(our_key).collect())
}

fn our_key(key: KeyInfo) -> OurKey {
    let state = match key.state {
        KeyState::Next => "next",
        KeyState::Current => "current",
        KeyState::Retiring => "retiring",
        KeyState::Retired => "retired",
    };
    OurKey { kid: key.kid, state, created: key.created, retires: key.retires }
}
