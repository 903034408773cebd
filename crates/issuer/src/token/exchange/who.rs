//! Whose token it is: one of ours, to be passed on or made smaller, or one of a tenant's provider.

use super::{
    By,
    request::{Came, ExchangeRequest},
};
use crate::{
    own,
    policy::Party,
    server::State,
    token::{Course, TokenError},
};
use portcullis_directory::{ApiKey, Client, KnownTenant};
use portcullis_jose::{json, jws::Compact};
use portcullis_types::{
    Actor, Audience, Check, Denial, Details, Inbound, InboundFault, MayAct, Rights, Tenant,
    Timestamp, Ttl,
};
use portcullis_verify::{
    Claims, Confirmation, peek,
    subject::{Candidate, CheckedTrust, Offered, Replay, Subject, TokenKind, choose},
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// For whom a token is issued, and what they may do at most.
pub(super) struct Who {
    /// `sub` of the new token.
    pub(super) sub: String,
    /// What the token that came allows. The new one never allows more.
    pub(super) rights: Rights,
    /// Whose token came: where `act` and `may_act` name no issuer, this one is meant.
    pub(super) issuer: String,
    pub(super) act: Option<Actor>,
    pub(super) may_act: Option<MayAct>,
    /// `acr`, `auth_time`, `amr`, `roles`, `groups`, `sid`, `grant`: carried on as they are, never made stronger.
    pub(super) carried: Map<String, Value>,
    pub(super) tenant: Option<Arc<KnownTenant>>,
    pub(super) from: From,
    /// When the token that came ends.
    pub(super) expires: Timestamp,
    /// In which parameter it came.
    pub(super) inbound: Inbound,
}

/// Where the token came from.
pub(super) enum From {
    /// One of ours.
    Here {
        /// What it is bound to.
        cnf: Option<Confirmation>,
        /// The client that it was issued to.
        client_id: String,
        /// The API that it is for.
        aud: Vec<String>,
    },
    /// A tenant's provider.
    There {
        trust: Box<CheckedTrust>,
        replay: Replay,
        cnf: Option<Confirmation>,
        kind: TokenKind,
        /// What an ID-JAG is for.
        resources: Vec<Audience>,
    },
    /// An API key.
    Key(Box<ApiKey>),
}

/// What is carried on from one of ours.
const CARRIED: [&str; 7] = ["acr", "auth_time", "amr", "roles", "groups", "sid", "grant"];

/// The token, or the key, in `subject_token` or `assertion`.
pub(super) async fn subject(
    state: &State,
    by: &By<'_>,
    asked: &ExchangeRequest<'_>,
    course: &mut Course,
) -> Result<Who, TokenError> {
    let id = &by.client.id;
    let proven = by.through.is_none();
    let offered = match asked.came {
        Came::ApiKey if proven => return keyed(state, by.client, asked.token, course).await,
        Came::ApiKey => Offered::subject(asked.token, TokenKind::Jwt, id),
        Came::Token(kind) => Offered::subject(asked.token, kind, id),
        Came::Assertion if proven => Offered::assertion(asked.token, id),
        Came::Assertion => Offered::workload(asked.token, id),
    };
    // What was issued here is no assertion, and whoever proves nothing does not pass on what others hold.
    let passed_on = matches!(asked.came, Came::Token(_)) && proven;
    if !passed_on && is_ours(state, asked.token) {
        let (inbound, fault) = (offered.inbound(), InboundFault::Ours);
        let denial = Denial::BadInbound { inbound, fault };
        course.trace.step(Check::SubjectToken, Err::<(), _>(denial))?;
    }
    Ok(token(state, by, (&offered, asked.token), course).await?)
}

/// A token of ours, or of a tenant's provider.
pub(super) async fn token(
    state: &State,
    by: &By<'_>,
    (offered, token): (&Offered<'_>, &str),
    course: &mut Course,
) -> Result<Who, Denial> {
    if is_ours(state, token) {
        let who = ours(state, token, offered.inbound(), course.now);
        return course.trace.step(Check::SubjectToken, who);
    }
    theirs(state, by, (offered, token), course).await
}

/// A service that has a key and no tokens. What it may have at most was said when the key was registered.
async fn keyed(
    state: &State,
    client: &Client,
    presented: &str,
    course: &mut Course,
) -> Result<Who, TokenError> {
    let now = course.now;
    let shown = state.directory.api_key(presented, (client, course.remote), now).await?;
    let key = course.trace.step(Check::SubjectToken, shown)?;
    course.record.api_key = Some(format!("{} ({})", key.id, key.name).into());
    let tenant = key.tenant.as_ref().map(|id| {
        state.directory.tenant(id).ok_or_else(|| {
            let problem = format!("{}, of tenant {id}, which is not known here", key.id);
            let fault = InboundFault::BadApiKey { problem };
            Denial::BadInbound { inbound: Inbound::SubjectToken, fault }
        })
    });
    let tenant = course.trace.step(Check::SubjectToken, tenant.transpose())?;
    let expires = key.expires.unwrap_or_else(|| now.plus(Ttl::LONGEST_ACCESS_TOKEN));
    Ok(Who {
        sub: key.sub.to_string(),
        rights: Rights {
            scopes: key.most(&state.settings.registry),
            details: Details::default(),
            expires,
            tenant: key.tenant.clone(),
        },
        issuer: state.settings.issuer.to_string(),
        act: None,
        may_act: None,
        carried: Map::new(),
        tenant,
        from: From::Key(Box::new(key)),
        expires,
        inbound: Inbound::SubjectToken,
    })
}

/// A hint, until its signature is verified.
fn is_ours(state: &State, token: &str) -> bool {
    hinted_issuer(token).as_deref() == Some(state.settings.issuer.as_str())
}

/// By which the trusts that may be meant are found: `iss` as the record has it. Google's may come without scheme,
/// and of a SPIFFE identity the trust domain is in `sub`.
fn hinted_issuer(token: &str) -> Option<String> {
    let claims = peek(Compact::parse(token).ok()?.unverified_payload());
    match claims.iss {
        Some(iss) if iss == "accounts.google.com" => Some(format!("https://{iss}")),
        Some(iss) => Some(iss),
        None => {
            let sub = claims.sub?;
            let domain = sub.strip_prefix("spiffe://")?.split('/').next()?;
            Some(format!("spiffe://{domain}"))
        }
    }
}

/// One of ours: an access token, in force.
fn ours(state: &State, token: &str, inbound: Inbound, now: Timestamp) -> Result<Who, Denial> {
    let refused = |fault: InboundFault| Denial::BadInbound { inbound, fault };
    let vouched = own::living(state, token, now).map_err(|denial| refused(denial.into()))?;
    let claims = vouched.claims();
    let object = json::object(claims.json()).map_err(|fault| {
        let expected = fault.to_string();
        refused(InboundFault::BadClaim { claim: "claims".into(), expected })
    })?;
    let actor = |fault| Denial::BadActor { inbound, fault };
    let details = object.get("authorization_details").map(Details::of).transpose();
    let details = details.map_err(|fault| Denial::BadDetails { fault })?.unwrap_or_default();
    let act = object.get("act").map(Actor::of).transpose().map_err(actor)?;
    let may_act = object.get("may_act").map(MayAct::of).transpose().map_err(actor)?;
    let tenant = claims.tenant.as_ref().and_then(|tenant| state.directory.tenant(tenant));
    let carried = object.iter().filter(|(name, _)| CARRIED.contains(&name.as_str()));
    Ok(Who {
        sub: claims.sub.clone(),
        rights: rights(claims, details),
        issuer: claims.iss.to_string(),
        act,
        may_act,
        carried: carried.map(|(name, value)| (name.clone(), value.clone())).collect(),
        tenant,
        from: From::Here {
            cnf: claims.cnf.as_deref().cloned(),
            client_id: claims.client_id.clone(),
            aud: claims.aud.clone(),
        },
        expires: claims.exp,
        inbound,
    })
}

fn rights(claims: &Claims, details: Details) -> Rights {
    Rights {
        scopes: claims.scope.clone(),
        details,
        expires: claims.exp,
        tenant: claims.tenant.clone(),
    }
}

/// One of a tenant's provider. A client of a tenant speaks for that tenant alone, and who proves nothing comes by
/// the one trust that is open to such callers.
async fn theirs(
    state: &State,
    by: &By<'_>,
    (offered, token): (&Offered<'_>, &str),
    course: &mut Course,
) -> Result<Who, Denial> {
    let now = course.now;
    let tenants = state.directory.tenants();
    let issuer = hinted_issuer(token).unwrap_or_default();
    let own = by.client.tenant.as_ref();
    let speaks = |tenant: &Tenant| own.is_none_or(|own| own == tenant);
    let leads = |trust: &CheckedTrust| {
        by.through.is_none_or(|only| (only.tenant(), only.name()) == (trust.tenant(), trust.name()))
    };
    let trusting = tenants.trusting(&issuer).iter();
    let trusts: Vec<_> =
        trusting.filter(|one| speaks(&one.tenant.id) && leads(&one.trust)).collect();
    let mut outcome = attempt(state, offered, &trusts, course).await;
    if let Err(denial) = &outcome
        && state.partners.fetched_more(denial, &trusts, now).await
    {
        course.trace.retry();
        outcome = attempt(state, offered, &trusts, course).await;
    }
    let (trust, subject) = outcome?;
    let tenant = trusts.iter().find(|one| one.tenant.id == *trust.tenant());
    let tenant = tenant.map(|one| one.tenant.clone());
    let inbound = offered.inbound();
    Ok(Who { inbound, ..who(trust, subject, tenant, now) })
}

async fn attempt(
    state: &State,
    offered: &Offered<'_>,
    trusts: &[&portcullis_directory::Candidate],
    course: &mut Course,
) -> Result<(CheckedTrust, Subject), Denial> {
    let now = course.now;
    let mut keys = Vec::with_capacity(trusts.len());
    for one in trusts {
        keys.push(state.partners.keys(&one.trust, now).await);
    }
    let candidates: Vec<_> =
        trusts.iter().zip(&keys).map(|(one, keys)| Candidate { trust: &one.trust, keys }).collect();
    let mut judged = None;
    let chosen = choose(offered, &candidates, now, (&mut course.trace, &mut judged));
    if offered.inbound() == Inbound::ActorToken {
        course.record.actor_judged = judged.map(Box::new);
    } else {
        course.record.judged = judged.map(Box::new);
    }
    let (trust, subject) = chosen?;
    Ok((trust.clone(), subject))
}

fn who(
    trust: CheckedTrust,
    subject: Subject,
    tenant: Option<Arc<KnownTenant>>,
    now: Timestamp,
) -> Who {
    let mut carried = Map::new();
    let mut carry = |name: &str, value: Value| carried.insert(name.to_owned(), value);
    if let Some(acr) = &subject.acr {
        carry("acr", acr.clone().into());
    }
    if let Some(at) = subject.auth_time {
        carry("auth_time", at.seconds().into());
    }
    for (name, list) in
        [("amr", &subject.amr), ("roles", &subject.roles), ("groups", &subject.groups)]
    {
        if !list.is_empty() {
            carry(name, list.clone().into());
        }
    }
    Who {
        sub: subject.principal.to_string(),
        rights: trust.rights(&subject, now),
        issuer: subject.iss.clone(),
        // A partner's `cli_1` is not ours of that name.
        act: subject.act.clone().map(|act| act.at_home(&subject.iss)),
        may_act: subject.may_act.clone(),
        carried,
        tenant,
        from: From::There {
            trust: Box::new(trust),
            replay: subject.replay.clone(),
            cnf: subject.cnf.clone(),
            kind: subject.token_kind,
            resources: subject.resources,
        },
        expires: subject.expires,
        inbound: Inbound::SubjectToken,
    }
}

impl Who {
    /// Whether one of ours may be exchanged by this client: it was issued to it, or came to an API that the client
    /// is the server of, or names it.
    pub(super) fn is_shown_by(&self, client: &Client, actor: &Actor) -> bool {
        match &self.from {
            From::There { .. } | From::Key(_) => true,
            From::Here { client_id, aud, .. } => {
                client_id == client.id.as_str()
                    || client
                        .registration
                        .introspects
                        .iter()
                        .any(|api| aud.iter().any(|aud| aud == api.as_str()))
                    || self.may_act.as_ref().is_some_and(|named| named.names(actor, &self.issuer))
            }
        }
    }

    /// As a policy is told of them.
    pub(super) fn party(&self) -> Party<'_> {
        Party {
            sub: &self.sub,
            client_id: match &self.from {
                From::Here { client_id, .. } => client_id,
                From::There { .. } | From::Key(_) => "",
            },
            tenant: self.rights.tenant.as_ref(),
            scopes: &self.rights.scopes,
            carried: &self.carried,
            act: self.act.as_ref(),
        }
    }

    /// What the token that came is bound to.
    pub(super) const fn cnf(&self) -> Option<&Confirmation> {
        match &self.from {
            From::Here { cnf, .. } | From::There { cnf, .. } => cnf.as_ref(),
            From::Key(_) => None,
        }
    }

    pub(super) const fn trust(&self) -> Option<&CheckedTrust> {
        match &self.from {
            From::Here { .. } | From::Key(_) => None,
            From::There { trust, .. } => Some(trust),
        }
    }
}
