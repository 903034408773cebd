//! Check 15: still in force. Revocations are known to this machine before the request; nobody is asked.

use crate::Claims;
use portcullis_types::{ClientId, Denial, Issuer, Jti, RevokedBy, Timestamp, Ttl};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};

/// What one issuer ended before its time. Immutable; replaced as a whole. Its JSON is what an issuer tells
/// gateways elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    /// Whose clients and tokens these are.
    pub issuer: Issuer,
    /// Disabled clients, and since when.
    pub disabled_clients: HashMap<ClientId, Timestamp>,
    /// Clients all of whose tokens from before a point in time are void.
    pub not_before: HashMap<ClientId, Timestamp>,
    /// Single tokens, and since when.
    pub tokens: HashMap<Jti, Timestamp>,
    /// Sign-in sessions (`sid`) that ended, and since when.
    #[serde(default)]
    pub sessions: HashMap<String, Timestamp>,
    /// Grants (`grant`) that were revoked, and since when.
    #[serde(default)]
    pub grants: HashMap<String, Timestamp>,
    /// Disabled persons (`sub`), and since when.
    #[serde(default)]
    pub disabled_persons: HashMap<String, Timestamp>,
    /// Persons (`sub`) all of whose tokens from before a point in time are void.
    #[serde(default)]
    pub persons: HashMap<String, Timestamp>,
}

impl Revocations {
    /// Nothing was revoked by that issuer.
    pub fn none_by(issuer: Issuer) -> Self {
        Self {
            issuer,
            disabled_clients: HashMap::new(),
            not_before: HashMap::new(),
            tokens: HashMap::new(),
            sessions: HashMap::new(),
            grants: HashMap::new(),
            disabled_persons: HashMap::new(),
            persons: HashMap::new(),
        }
    }
}

/// One issuer's revocations as this machine knows them, and how well.
#[derive(Clone, Debug)]
pub struct KnownRevocations {
    /// What was revoked.
    pub list: Arc<Revocations>,
    /// How old that may be.
    pub heard: Heard,
}

/// When revocations were heard of last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// As they happen: the issuer is on this machine.
    AsItHappens,
    /// From elsewhere. A list older than `max_age`, or none at all, vouches for nobody.
    Last {
        /// When the issuer was last asked and answered; `None` before the first answer.
        at: Option<Timestamp>,
        /// For how long the answer counts.
        max_age: Ttl,
    },
}

/// How soon to come again when the list is too old: it is asked for every second.
const RETRY_AFTER: Ttl = Ttl::seconds(1);

/// Proof that nothing has ended the token's life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live(());

pub(crate) fn live(
    claims: &Claims,
    revocations: &[KnownRevocations],
    now: Timestamp,
) -> Result<Live, Denial> {
    let Some(known) = revocations.iter().find(|known| known.list.issuer == claims.iss) else {
        return Ok(Live(()));
    };
    // What an old list knows is true still: only its silence says nothing.
    if let Some(by) = ended(claims, &known.list) {
        return Err(Denial::Revoked { by });
    }
    match known.heard {
        Heard::Last { at, max_age } if at.is_none_or(|at| now >= at.plus(max_age)) => {
            Err(Denial::RevocationsUnknown {
                issuer: claims.iss.clone(),
                heard_at: at,
                max_age,
                retry_after: RETRY_AFTER,
            })
        }
        Heard::Last { .. } | Heard::AsItHappens => Ok(Live(())),
    }
}

fn ended(claims: &Claims, revocations: &Revocations) -> Option<RevokedBy> {
    if let Some(since) = claims.jti.as_ref().and_then(|jti| revocations.tokens.get(jti)) {
        return Some(RevokedBy::Token { since: *since });
    }
    let client = claims.client_id.as_str();
    if let Some((client_id, since)) = revocations.disabled_clients.get_key_value(client) {
        return Some(RevokedBy::Client { client_id: client_id.clone(), since: *since });
    }
    // `iat` has whole seconds, `before` has milliseconds: a token of the same second counts as earlier.
    let earlier = |before: &Timestamp| claims.iat.is_none_or(|iat| iat < *before);
    match revocations.not_before.get_key_value(client) {
        Some((client_id, before)) if earlier(before) => {
            Some(RevokedBy::NotBefore { client_id: client_id.clone(), before: *before })
        }
        _ => ended_for_a_person(claims, revocations, earlier),
    }
}

/// What a person's sign-in, consent or account has to do with it.
fn ended_for_a_person(
    claims: &Claims,
    revocations: &Revocations,
    earlier: impl Fn(&Timestamp) -> bool,
) -> Option<RevokedBy> {
    let of = |id: &Option<String>, ended: &HashMap<String, Timestamp>| {
        id.as_ref().and_then(|id| ended.get(id)).copied()
    };
    if let Some(since) = of(&claims.sid, &revocations.sessions) {
        return Some(RevokedBy::Session { since });
    }
    if let Some(since) = of(&claims.grant, &revocations.grants) {
        return Some(RevokedBy::Grant { since });
    }
    if let Some(since) = revocations.disabled_persons.get(&claims.sub) {
        return Some(RevokedBy::Person { since: *since });
    }
    let before = revocations.persons.get(&claims.sub)?;
    earlier(before).then_some(RevokedBy::PersonNotBefore { before: *before })
}
