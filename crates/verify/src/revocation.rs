//! Check 15: still in force. Revocations are known to this machine before the request; nobody is asked.

mod ended;

use crate::Claims;
pub use ended::Ended;
use portcullis_types::{ClientId, Denial, Issuer, Jti, RevokedBy, TenantHalt, Timestamp, Ttl};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What kind of thing was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationKind {
    /// One token, by its `jti`.
    Token,
    /// A session, by its `sid`.
    Session,
    /// A grant, by its id.
    Grant,
    /// All tokens of a person so far, by their `sub`.
    Person,
    /// A client that was disabled.
    Client,
    /// A client that is enabled again.
    ClientEnabled,
    /// All tokens of a client from before `since`.
    ClientNotBefore,
    /// A tenant whose time has come to a halt for now.
    TenantSuspended,
    /// A tenant whose time has come to its end.
    TenantEnded,
    /// A tenant that goes on.
    TenantResumed,
    /// One that only a newer program knows: for its gateways.
    #[serde(other)]
    Unknown,
}

impl RevocationKind {
    const NAMES: [(Self, &str); 10] = [
        (Self::Token, "token"),
        (Self::Session, "session"),
        (Self::Grant, "grant"),
        (Self::Person, "person"),
        (Self::Client, "client"),
        (Self::ClientEnabled, "client_enabled"),
        (Self::ClientNotBefore, "client_not_before"),
        (Self::TenantSuspended, "tenant_suspended"),
        (Self::TenantEnded, "tenant_ended"),
        (Self::TenantResumed, "tenant_resumed"),
    ];

    /// Its name in JSON and in databases.
    pub fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, name)| name)
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Self {
        let known = Self::NAMES.into_iter().find(|(_, known)| *known == name);
        known.map_or(Self::Unknown, |(kind, _)| kind)
    }
}

/// One thing that was ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What kind of thing.
    pub kind: RevocationKind,
    /// Its name.
    pub value: String,
    /// Since when; of clients and persons, what is older.
    pub since: Timestamp,
    /// From then on no token can be alive that it is about.
    pub until: Timestamp,
}

/// A page of what an issuer tells gateways elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationPage {
    /// Whose clients and tokens these are.
    pub issuer: Issuer,
    /// In the order in which they happened.
    pub revocations: Vec<Revocation>,
    /// What to ask for next: what happened after this page.
    pub cursor: String,
    /// Whether there is nothing after this page yet.
    pub complete: bool,
}

/// What one issuer ended before its time. Immutable once it is published; a copy is cheap, since it shares what it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    /// Whose clients and tokens these are.
    pub issuer: Issuer,
    /// Disabled clients, and since when.
    pub disabled_clients: Ended,
    /// Clients all of whose tokens from before a point in time are void.
    pub not_before: Ended,
    /// Single tokens, and since when.
    pub tokens: Ended,
    /// Sign-in sessions (`sid`) that ended, and since when.
    pub sessions: Ended,
    /// Grants (`grant`) that were revoked, and since when.
    pub grants: Ended,
    /// Suspended tenants, and since when.
    pub suspended_tenants: Ended,
    /// Tenants that ended, and since when.
    pub ended_tenants: Ended,
    /// Persons (`sub`) all of whose tokens from before a point in time are void.
    pub persons: Ended,
}

impl Revocations {
    /// Nothing was revoked by that issuer.
    pub fn none_by(issuer: Issuer) -> Self {
        Self {
            issuer,
            disabled_clients: Ended::default(),
            not_before: Ended::default(),
            tokens: Ended::default(),
            sessions: Ended::default(),
            grants: Ended::default(),
            persons: Ended::default(),
            suspended_tenants: Ended::default(),
            ended_tenants: Ended::default(),
        }
    }

    /// Takes over one more. What was told before may be told again, in its order.
    pub fn add(&mut self, revocation: &Revocation) {
        // All tokens from before are void: the latest counts. Of the others, when it ended first.
        let (ended, choose): (_, fn(_, _) -> _) = match revocation.kind {
            RevocationKind::Token => (&mut self.tokens, Ord::min),
            RevocationKind::Session => (&mut self.sessions, Ord::min),
            RevocationKind::Grant => (&mut self.grants, Ord::min),
            RevocationKind::Person => (&mut self.persons, Ord::max),
            RevocationKind::Client => (&mut self.disabled_clients, Ord::min),
            RevocationKind::ClientNotBefore => (&mut self.not_before, Ord::max),
            RevocationKind::ClientEnabled => {
                return self.disabled_clients.remove(&revocation.value);
            }
            RevocationKind::TenantSuspended => (&mut self.suspended_tenants, Ord::min),
            RevocationKind::TenantEnded => (&mut self.ended_tenants, Ord::min),
            RevocationKind::TenantResumed => {
                return self.suspended_tenants.remove(&revocation.value);
            }
            RevocationKind::Unknown => return,
        };
        ended.insert(&revocation.value, (revocation.since, revocation.until), choose);
    }

    /// Forgets what no token can outlive any more.
    pub fn forget(&mut self, now: Timestamp) {
        for ended in [
            &mut self.disabled_clients,
            &mut self.not_before,
            &mut self.tokens,
            &mut self.sessions,
            &mut self.grants,
            &mut self.persons,
            &mut self.suspended_tenants,
            &mut self.ended_tenants,
        ] {
            ended.forget(now);
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
    let of = |id: Option<&str>, ended: &Ended| id.and_then(|id| ended.since(id));
    let jti = claims.jti.as_ref().map(Jti::as_str);
    if let Some(since) = of(jti, &revocations.tokens) {
        return Some(RevokedBy::Token { since });
    }
    // `iat` has whole seconds, `before` has milliseconds: a token of the same second counts as earlier.
    let earlier = |before: &Timestamp| claims.iat.is_none_or(|iat| iat < *before);
    let client = claims.client_id.as_str();
    let disabled = revocations.disabled_clients.since(client);
    let before = revocations.not_before.since(client).filter(earlier);
    // Who is in the list has an id that can be written down.
    if (disabled.is_some() || before.is_some())
        && let Ok(client_id) = ClientId::new(client)
    {
        return match (disabled, before) {
            (Some(since), _) => Some(RevokedBy::Client { client_id, since }),
            (None, before) => before.map(|before| RevokedBy::NotBefore { client_id, before }),
        };
    }
    if let Some(tenant) = &claims.tenant {
        let name = Some(tenant.as_str());
        let ended = of(name, &revocations.ended_tenants).map(|since| (TenantHalt::Ended, since));
        let suspended = || of(name, &revocations.suspended_tenants);
        let halted = ended.or_else(|| suspended().map(|since| (TenantHalt::Suspended, since)));
        if let Some((halt, since)) = halted {
            return Some(RevokedBy::Tenant { tenant: tenant.clone(), halt, since });
        }
    }
    // What a person's sign-in, consent or account has to do with it.
    if let Some(since) = of(claims.sid.as_deref(), &revocations.sessions) {
        return Some(RevokedBy::Session { since });
    }
    if let Some(since) = of(claims.grant.as_deref(), &revocations.grants) {
        return Some(RevokedBy::Grant { since });
    }
    let before = revocations.persons.since(&claims.sub).filter(earlier)?;
    Some(RevokedBy::PersonNotBefore { before })
}
