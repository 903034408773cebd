//! The walk, in order. Delete a line and it does not compile.

use super::{
    CheckedTrust, ConditionRow, Examination, Replay, Step, Subject, TokenKind, audience,
    choose::{Candidates, Opened},
    claims::{self, Claims, Said},
    condition::cut,
    course::Notes,
    id_jag, kind, mapping,
    outcome::Proofs,
    principal, signed_in,
};
use crate::{IssuerKeys, header, time};
use aws_lc_rs::digest::{SHA256, digest};
use portcullis_jose::jws::Payload;
use portcullis_types::{Check, ClientId, Denial, Inbound, InboundFault, Timestamp, Trace, Ttl};

/// A token that came to be exchanged, as what, and by whom. It does not print.
#[derive(Clone, Copy)]
pub struct Offered<'a> {
    pub(super) token: &'a str,
    pub(super) inbound: Inbound,
    /// `None`: the header tells.
    pub(super) kind: Option<TokenKind>,
    pub(super) client: &'a ClientId,
}

impl<'a> Offered<'a> {
    /// The `subject_token` of an exchange, of the kind that `subject_token_type` says.
    pub const fn subject(token: &'a str, kind: TokenKind, client: &'a ClientId) -> Self {
        Self { token, inbound: Inbound::SubjectToken, kind: Some(kind), client }
    }

    /// The `actor_token` of an exchange, of the kind that `actor_token_type` says.
    pub const fn actor(token: &'a str, kind: TokenKind, client: &'a ClientId) -> Self {
        Self { token, inbound: Inbound::ActorToken, kind: Some(kind), client }
    }

    /// The `assertion` of a workload that comes without a client: a JWT that stands by itself, and no ID-JAG, which
    /// is for the client that shows it.
    pub const fn workload(token: &'a str, client: &'a ClientId) -> Self {
        Self { token, inbound: Inbound::Assertion, kind: Some(TokenKind::Jwt), client }
    }

    /// The parameter in which it came.
    pub const fn inbound(&self) -> Inbound {
        self.inbound
    }

    /// The `assertion` of the jwt-bearer grant: an ID-JAG by its header, any other JWT else.
    pub const fn assertion(token: &'a str, client: &'a ClientId) -> Self {
        Self { token, inbound: Inbound::Assertion, kind: None, client }
    }
}

/// All steps, on one trust. `keys` are those of its issuer, or why there are none and when to ask again.
pub fn admit(
    offered: &Offered<'_>,
    trust: &CheckedTrust,
    keys: &Result<IssuerKeys, (String, Ttl)>,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<Subject, Denial> {
    let mut notes = Notes::new(offered.inbound);
    let outcome = alone(offered, (trust, keys), now, &mut notes);
    traced(offered.inbound, outcome, trace)
}

/// The same, with everything that was seen on the way.
pub fn examine(
    offered: &Offered<'_>,
    trust: &CheckedTrust,
    keys: &Result<IssuerKeys, (String, Ttl)>,
    now: Timestamp,
) -> Examination {
    let mut notes = Notes::new(offered.inbound);
    let outcome = alone(offered, (trust, keys), now, &mut notes);
    let Notes { course, conditions, mapping, .. } = notes;
    Examination { course, conditions, mapping, outcome }
}

fn alone(
    offered: &Offered<'_>,
    by: (&CheckedTrust, &Result<IssuerKeys, (String, Ttl)>),
    now: Timestamp,
    notes: &mut Notes,
) -> Result<Subject, Denial> {
    let opened = Opened::open(offered.token, notes)?;
    walk(&opened, offered, by, now, notes)
}

/// Notes what a grant's checklist holds of it.
pub(super) fn traced(
    inbound: Inbound,
    outcome: Result<Subject, Denial>,
    trace: &mut Trace,
) -> Result<Subject, Denial> {
    let token = match inbound {
        Inbound::SubjectToken | Inbound::Assertion => Check::SubjectToken,
        Inbound::ActorToken => Check::ActorToken,
    };
    match outcome {
        Err(denial) if denial.check() != token => {
            trace.passed_before(&[token]);
            trace.step(denial.check(), Err(denial))
        }
        Err(denial) => trace.step(token, Err(denial)),
        Ok(subject) => {
            trace.passed_before(&[token]);
            trace.step(Check::Conditions, Ok(subject))
        }
    }
}

/// Everything after the token was taken apart.
pub(super) fn walk(
    opened: &Opened<'_>,
    offered: &Offered<'_>,
    (trust, keys): (&CheckedTrust, &Result<IssuerKeys, (String, Ttl)>),
    now: Timestamp,
    notes: &mut Notes,
) -> Result<Subject, Denial> {
    let jws = opened.jws();
    let header = notes.step(Step::Algorithm, header::acceptable(jws.header(), trust.algs()))?;
    let typed = notes.step(Step::Type, kind::typed(jws.header(), offered, trust))?;
    notes.step(Step::Issuer, named(opened, trust))?;
    let keys = notes.step(Step::Key, Candidates::select(keys, &header))?;
    let payload = notes.step(Step::Signature, opened.verify(&keys, &header))?;
    // No claim can be read before this line.
    let (said, claims) = notes.step(Step::Claims, read(&payload, typed, trust))?;

    let timely = notes.step(Step::Time, within(&claims, trust, now))?;
    let addressed = notes.step(Step::Audience, addressed(&said, &claims, (offered, trust)))?;
    let met = met(&said, trust, notes);
    let met = notes.step_as(Step::Conditions, met)?;
    let who = notes.step(Step::Subject, principal::identified(&said, &claims, trust))?;
    let signed_in = signed_in::enough(&claims, who.kind, trust, now);
    let signed_in = notes.step(Step::Subject, signed_in)?;
    let proofs = Proofs {
        _typed: typed,
        _timely: timely,
        _addressed: addressed,
        _met: met,
        _signed_in: signed_in,
    };
    let mapped = subject(&said, claims, who, (offered, trust, proofs), notes);
    notes.step_as(Step::Mapping, mapped)
}

/// A hint until the signature is verified.
fn named(opened: &Opened<'_>, trust: &CheckedTrust) -> Result<(), InboundFault> {
    if trust.may_have_issued(opened) {
        return Ok(());
    }
    let iss = opened.iss().map(cut);
    Err(InboundFault::Untrusted { iss, trusted: vec![trust.issuer().to_owned()] })
}

fn read<'p>(
    payload: &'p Payload,
    typed: kind::Typed,
    trust: &CheckedTrust,
) -> Result<(Said<'p>, Claims), InboundFault> {
    let said = Said::read(payload.as_ref())?;
    let claims = Claims::typed(&said, typed.0, trust)?;
    Ok((said, claims))
}

fn within(
    claims: &Claims,
    trust: &CheckedTrust,
    now: Timestamp,
) -> Result<time::Timely, InboundFault> {
    let limits = trust.limits();
    let timely = time::agreed(&claims.dates, &limits, now)?;
    if let (Some(iat), Some(limit)) = (claims.dates.iat, trust.max_age(claims.kind))
        && now > iat.plus(limit).plus(limits.leeway)
    {
        return Err(InboundFault::TooOld { iat, now, limit });
    }
    Ok(timely)
}

fn addressed(
    said: &Said<'_>,
    claims: &Claims,
    (offered, trust): (&Offered<'_>, &CheckedTrust),
) -> Result<audience::Addressed, InboundFault> {
    match claims.kind {
        TokenKind::IdJag => audience::alone(said, offered, trust),
        _ => audience::names(claims, trust),
    }
}

/// Proof that every condition holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met(());

/// Every condition is looked at, also past one that does not hold: people mend them in one go.
fn met(said: &Said<'_>, trust: &CheckedTrust, notes: &mut Notes) -> Result<Met, Denial> {
    notes.conditions = trust.conditions().iter().map(|one| one.judge(said)).collect();
    let Some(failed) = notes.conditions.iter().find(|row| !row.held) else { return Ok(Met(())) };
    let ConditionRow { claim, wanted, found, .. } = failed.clone();
    Err(Denial::ConditionNotMet { inbound: notes.inbound, claim, found, expected: wanted })
}

fn subject(
    said: &Said<'_>,
    claims: Claims,
    who: principal::Identified,
    (offered, trust, proofs): (&Offered<'_>, &CheckedTrust, Proofs),
    notes: &mut Notes,
) -> Result<Subject, Denial> {
    let inbound = offered.inbound;
    let refused = |fault: InboundFault| Denial::BadInbound { inbound, fault };
    let member = mapping::membership(said, trust).map_err(refused)?;
    let by = (&claims, who.kind);
    let mapped = mapping::mapped(said, by, &member, (trust, inbound), &mut notes.mapping)?;
    let own = id_jag::details(said, claims.kind).map_err(refused)?;
    let details = own.meet(&mapped.details).map_err(|fault| Denial::BadDetails { fault })?;
    let (act, may_act) =
        claims::actors(said).map_err(|fault| Denial::BadActor { inbound, fault })?;
    Ok(Subject {
        principal: who.principal,
        kind: who.kind,
        token_kind: claims.kind,
        iss: trust.issuer().to_owned(),
        idp_tenant: who.idp_tenant,
        sub: who.sub,
        roles: member.roles,
        groups: member.groups,
        scopes: mapped.scopes,
        details,
        expires: claims.dates.exp,
        replay: replay(offered, &claims, trust),
        email: email(said).map_err(refused)?,
        display_name: display_name(said, trust),
        may_act,
        act,
        resources: id_jag::resources(said, claims.kind).map_err(refused)?,
        acr: claims.acr,
        amr: claims.amr,
        auth_time: claims.auth_time,
        cnf: claims.cnf.map(|cnf| *cnf),
        client: claims.client,
        _proofs: proofs,
    })
}

fn replay(offered: &Offered<'_>, claims: &Claims, trust: &CheckedTrust) -> Replay {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, offered.token.as_bytes()).as_ref());
    Replay { jti: claims.jti.clone(), digest: hash, reuse: trust.reuse(claims.kind) }
}

/// `true` alone is verified: not `"true"`, not `1`.
fn email(said: &Said<'_>) -> Result<Option<String>, InboundFault> {
    match said.raw("email_verified") {
        Some("true") => Ok(said.text("email")?),
        _ => Ok(None),
    }
}

/// A name decides nothing, so what is odd reads as absent.
fn display_name(said: &Said<'_>, trust: &CheckedTrust) -> Option<String> {
    let name = said.at(trust.display_name_path()?)?;
    let safe = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    name.as_str().map(|name| name.chars().take(128).map(safe).collect())
}
