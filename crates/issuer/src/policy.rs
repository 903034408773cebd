//! What the policies are told where tokens are issued, and what becomes of their answers.

use crate::{server::State, token::Course};
use portcullis_directory::{Authorization, Client, KnownTenant, Person};
use portcullis_policy::{
    self as policy, Caller, ClientInput, ExchangeInput, Facts, Input, Judge, Limits, Point,
    Sighting, TenantFacts, Text, TokenInput,
};
use portcullis_types::{
    Actor, Amr, Check, Denial, Inbound, Pattern, Ruled, Ruling, Scopes, Tenant, TenantHalt, Ttl,
};
use portcullis_verify::subject::CheckedTrust;
use serde_json::{Map, Value};

/// The judge, if a policy has a say at `point`.
pub(crate) fn judge(state: &State, point: Point) -> Option<&Judge> {
    state.judge.as_ref().filter(|judge| judge.is_asked(point))
}

/// Notes how it went, if anybody was asked.
pub(crate) fn step(
    course: &mut Course,
    ruling: Result<Option<Ruling>, Denial>,
) -> Result<Option<Ruling>, Denial> {
    match ruling {
        Ok(None) => Ok(None),
        asked => course.trace.step(Check::Policy, asked),
    }
}

/// How long a token lives if the policy has a say.
pub(crate) fn shortened(ttl: Ttl, ruling: Option<&Ruling>) -> Ttl {
    let most = ruling.and_then(|ruling| ruling.obligations.max_ttl);
    most.map_or(ttl, |most| ttl.min(Ttl::seconds(most)))
}

/// What the judge says to what the course is about; kept for its record.
pub(crate) async fn rule<F: Facts>(
    judge: &Judge,
    facts: &F,
    (inbound, course): (Option<Inbound>, &mut Course),
) -> Result<Ruling, Denial> {
    let ruled = judge.rule(&Input::new(facts)).await;
    let answer = allowed(&ruled, inbound);
    course.ruled = Some(Box::new(ruled));
    answer
}

/// Whatever is not allowed in so many words is refused.
pub(crate) fn allowed(ruled: &Ruled, inbound: Option<Inbound>) -> Result<Ruling, Denial> {
    if ruled.ruling.allow {
        return Ok(ruled.ruling.clone());
    }
    Err(Denial::PolicyRefused { inbound, reasons: ruled.ruling.grounds() })
}

/// Everything a policy is told of a client.
pub(crate) fn client<'a>(state: &State, client: &'a Client) -> policy::Client<'a> {
    policy::Client {
        id: client.id.as_str().into(),
        tenant: client.tenant.as_ref().map(text),
        scopes: patterns(state, &client.scopes),
        confidential: !client.is_public(),
        agent: client.registration.agent,
        labels: client.registration.labels.iter().map(|label| label.as_str().into()).collect(),
    }
}

/// What is known of a tenant, with the limits of its contract.
pub(crate) fn tenant<'a>(state: &State, tenant: &'a KnownTenant) -> TenantFacts<'a> {
    let limits = state.directory.contract_of(tenant).map(|tier| tier.limits).unwrap_or_default();
    TenantFacts {
        id: text(&tenant.id),
        tier: tenant.record.tier.as_str().into(),
        state: match tenant.halted {
            None => policy::State::Active,
            Some((TenantHalt::Suspended, _)) => policy::State::Suspended,
            Some(_) => policy::State::Ended,
        },
        residency: tenant.record.residency.as_deref().map(Into::into),
        datasets: tenant.record.datasets.iter().map(|id| id.as_str().into()).collect(),
        limits: Limits {
            max_output_tokens: limits.max_output_tokens.map(u64::from),
            requests_per_minute: limits.requests_per_minute.map(u64::from),
            tokens_per_day: limits.tokens_per_day,
        },
    }
}

/// When and from where, as far as the course knows.
fn context<'a>(judge: &'a Judge, course: &Course) -> policy::Context<'a> {
    judge.surroundings().context(course.now, course.remote)
}

/// How a subject has behaved of late; this counts, too.
fn behaviour<'a>(
    judge: &'a Judge,
    (tenant, sub): (Option<&Tenant>, &str),
    course: &Course,
) -> policy::Behaviour<'a> {
    let country = course.remote.and_then(|ip| judge.surroundings().country(ip));
    let sighting = Sighting { ip: course.remote, country, prompt: None };
    judge.recent().saw((tenant.map(Tenant::as_str), sub), &sighting, course.now)
}

/// A client asks for rights of its own.
pub(crate) async fn of_a_client(
    state: &State,
    asker: &Client,
    (requested, audience): (&Scopes, &str),
    course: &mut Course,
) -> Result<Option<Ruling>, Denial> {
    let Some(judge) = judge(state, Point::Client) else { return Ok(None) };
    let known = asker.tenant.as_ref().and_then(|tenant| state.directory.tenant(tenant));
    let facts = ClientInput {
        client: client(state, asker),
        tenant: known.as_deref().map(|known| tenant(state, known)),
        grant: "client_credentials".into(),
        requested: words(requested),
        audience: vec![audience.into()],
        context: context(judge, course),
    };
    rule(judge, &facts, (None, course)).await.map(Some)
}

/// Whose token is exchanged, and what is known of them.
pub(crate) struct Exchanging<'a> {
    pub(crate) subject: Party<'a>,
    /// Who acts, if they showed a token of their own.
    pub(crate) actor: Option<Party<'a>>,
    pub(crate) client: &'a Client,
    pub(crate) tenant: Option<&'a KnownTenant>,
    pub(crate) trust: Option<&'a CheckedTrust>,
    pub(crate) requested: &'a Scopes,
    pub(crate) datasets: Vec<&'a str>,
    pub(crate) audience: &'a str,
    pub(crate) impersonation: Impersonation,
    pub(crate) inbound: Inbound,
}

/// Whether the new token shall name no actor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impersonation {
    /// It names one.
    No,
    /// It names none.
    Yes,
}

/// Somebody whose token came to be exchanged.
pub(crate) struct Party<'a> {
    pub(crate) sub: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) tenant: Option<&'a Tenant>,
    pub(crate) scopes: &'a Scopes,
    pub(crate) carried: &'a Map<String, Value>,
    pub(crate) act: Option<&'a Actor>,
}

/// A subject token, verified, is about to become one of ours.
pub(crate) async fn of_an_exchange(
    state: &State,
    asked: Exchanging<'_>,
    course: &mut Course,
) -> Result<Option<Ruling>, Denial> {
    let Some(judge) = judge(state, Point::Exchange) else { return Ok(None) };
    let subject = (asked.subject.tenant, asked.subject.sub);
    let facts = ExchangeInput {
        subject: party(state, &asked.subject),
        actor: asked.actor.as_ref().map(|actor| party(state, actor)),
        client: client(state, asked.client),
        tenant: asked.tenant.map(|known| tenant(state, known)),
        trust: asked.trust.map(|one| trust(state, one)),
        requested: words(asked.requested),
        datasets: asked.datasets.into_iter().map(Into::into).collect(),
        audience: vec![asked.audience.into()],
        impersonation: asked.impersonation == Impersonation::Yes,
        context: context(judge, course),
        behaviour: behaviour(judge, subject, course),
    };
    let ruling = rule(judge, &facts, (Some(asked.inbound), course)).await;
    if ruling.is_err() {
        let (tenant, sub) = subject;
        judge.recent().refused((tenant.map(Tenant::as_str), sub), course.now);
    }
    ruling.map(Some)
}

/// A token for a person is about to be made: said before the transaction that makes it, of what was granted.
pub(crate) async fn of_a_person(
    state: &State,
    asker: &Client,
    (granted, person): (&Authorization, &Person),
    (grant, requested, course): (&str, Option<&str>, &Course),
) -> Option<Ruled> {
    let judge = judge(state, Point::Token)?;
    let known = granted.tenant.as_ref().and_then(|tenant| state.directory.tenant(tenant));
    let how = &granted.authentication;
    let facts = TokenInput {
        caller: Caller {
            sub: person.id.as_str().into(),
            client_id: asker.id.as_str().into(),
            tenant: granted.tenant.as_ref().map(text),
            roles: person.roles.iter().map(|role| role.as_str().into()).collect(),
            groups: person.groups.iter().map(|group| group.as_str().into()).collect(),
            scopes: words(&granted.scope),
            acr: Some(how.acr.name().into()),
            amr: how.amr.iter().copied().map(|amr| Amr::name(amr).into()).collect(),
            auth_time: how.auth_time(),
            act: Vec::new(),
        },
        client: client(state, asker),
        tenant: known.as_deref().map(|known| tenant(state, known)),
        grant: grant.into(),
        requested: requested
            .map(|text| text.split(' ').map(Into::into).collect())
            .unwrap_or_default(),
        audience: granted.resource.iter().map(|resource| resource.as_str().into()).collect(),
        context: context(judge, course),
        behaviour: behaviour(judge, (granted.tenant.as_ref(), person.id.as_str()), course),
    };
    Some(judge.rule(&Input::new(&facts)).await)
}

fn party<'a>(state: &State, party: &Party<'a>) -> Caller<'a> {
    let list = |name| -> Vec<Text<'a>> {
        let list = party.carried.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(Into::into).collect()
    };
    Caller {
        sub: party.sub.into(),
        client_id: party.client_id.into(),
        tenant: party.tenant.map(text),
        roles: list("roles"),
        groups: list("groups"),
        scopes: held(state, party.scopes),
        acr: party.carried.get("acr").and_then(Value::as_str).map(Into::into),
        amr: list("amr"),
        auth_time: party.carried.get("auth_time").and_then(Value::as_i64),
        act: party.act.into_iter().flat_map(Actor::chain).map(actor).collect(),
    }
}

fn trust<'a>(state: &State, trust: &'a CheckedTrust) -> policy::Trust<'a> {
    let (ceiling, _) = trust.reach();
    policy::Trust {
        id: trust.name().into(),
        issuer: trust.issuer().into(),
        scopes: held(state, ceiling),
        impersonation: trust.allows_impersonation(),
    }
}

fn actor(actor: &Actor) -> policy::Actor<'_> {
    policy::Actor {
        sub: actor.sub().into(),
        client_id: actor.client_id().map(Into::into),
        iss: actor.iss().map(Into::into),
    }
}

/// With all that they imply: a rule compares words.
pub(crate) fn held<'a>(state: &State, scopes: &Scopes) -> Vec<Text<'a>> {
    let all = state.settings.registry.closure(scopes);
    all.iter().map(|scope| scope.as_str().to_owned().into()).collect()
}

pub(crate) fn patterns<'a>(state: &State, patterns: &[Pattern]) -> Vec<Text<'a>> {
    held(state, &state.settings.registry.expand(patterns))
}

fn words(scopes: &Scopes) -> Vec<Text<'_>> {
    scopes.iter().map(|scope| scope.as_str().into()).collect()
}

fn text(tenant: &Tenant) -> Text<'_> {
    tenant.as_str().into()
}
