//! RFC 8693: a token of somebody's for one of ours, with no right that one of all who have a say lacks.

mod request;
mod who;

use super::{
    Course, TokenError,
    form::TokenRequest,
    holder::Holder,
    mint::{self, Minted},
    used::Used,
};
use crate::{
    Api,
    policy::{self, Impersonation},
    server::State,
    target::{self, Subject},
};
use portcullis_directory::{self as directory, Client, GrantType, Tier, excerpt, grant::TokenUse};
use portcullis_policy::Point;
use portcullis_types::{
    Actor, ActorFault, Allows, Asked, Audience, Check, Denial, Detail, DetailType, Details,
    DetailsFault, ImpersonationFault, Inbound, InboundFault, Narrowed, PossessionFault, Rights,
    Ruling, Scopes, Side, Sides, Timestamp, Ttl,
};
use portcullis_verify::subject::{CheckedTrust, Offered, Reuse, TokenKind};
use request::{Came, ExchangeRequest};
use who::{From, Who};

const IMPERSONATE: &str = "exchange:impersonate";

/// What was exchanged: the token, and what it uses up.
pub(super) struct Exchanged {
    pub(super) minted: Minted,
    pub(super) details: Details,
    pub(super) used: Option<Used>,
}

/// Who asks, and by what right.
pub(super) struct By<'a> {
    pub(super) client: &'a Client,
    pub(super) holder: &'a Holder,
    /// For a caller that proves nothing but its token: the one trust by which that may be good.
    pub(super) through: Option<&'a CheckedTrust>,
}

/// RFC 8693 §2, and RFC 7523 §2.1: the same, for a JWT that stands by itself.
pub(super) async fn exchange(
    state: &State,
    by: &By<'_>,
    (grant, request): (GrantType, &TokenRequest),
    course: &mut Course,
) -> Result<Exchanged, TokenError> {
    let (client, holder) = (by.client, by.holder);
    let asked = course.trace.step(Check::Request, ExchangeRequest::of(grant, request))?;
    let who = who::subject(state, by, &asked, course).await?;
    in_force(state, &who, course)?;
    let acting = acting(state, by, (&asked, &who), course).await?;
    course.trace.step(Check::Possession, held(&who, client, holder))?;
    let text = request.scope.as_deref();
    let scopes = text.map(|text| target::asked(&state.settings.registry, text)).transpose();
    let scopes = course.trace.step(Check::GrantScope, scopes)?;
    // RFC 7523 has no actor that could be left out.
    let exchanges = asked.came != Came::Assertion;
    let left_out = exchanges && scopes.as_ref().is_some_and(Scopes::may_impersonate);
    let allowed = if left_out { may_impersonate(client, &who, &asked) } else { Ok(()) };
    course.trace.step(Check::Impersonation, allowed)?;
    let acting = Some(acting).filter(|_| !left_out);
    let wanted = Wanted { target: asked.target, scopes, details: &asked.details };
    issue(state, (client, holder), (who, acting), wanted, course).await
}

/// The right to leave the actor out is asked for by its name, and is used up by that: no token holds it.
fn impersonate() -> Scopes {
    IMPERSONATE.parse().unwrap_or_default()
}

/// RFC 8693 §1.1: a token without an actor is impersonation. Only where the client has the right by name, its tenant
/// is the subject's, and the tenant's trust says so.
fn may_impersonate(client: &Client, who: &Who, asked: &ExchangeRequest<'_>) -> Result<(), Denial> {
    let refuse = |fault| Denial::NoImpersonation { client_id: client.id.clone(), fault };
    let by_name = client.scopes.iter().any(|pattern| pattern.to_string() == IMPERSONATE);
    let by_trust = who.trust().is_some_and(CheckedTrust::allows_impersonation);
    if !by_name || !by_trust || asked.actor.is_some() || who.act.is_some() {
        return Err(refuse(ImpersonationFault::NotGranted));
    }
    if client.tenant.is_none() || client.tenant != who.rights.tenant {
        let (subject, client) = (who.rights.tenant.clone(), client.tenant.clone());
        return Err(refuse(ImpersonationFault::OtherTenant { subject, client }));
    }
    Ok(())
}

/// What is asked for, whichever grant asks.
struct Wanted<'r> {
    target: Option<&'r str>,
    /// `None`: all that the token allows.
    scopes: Option<Scopes>,
    details: &'r Details,
}

/// The tenant's contract, and how often one subject may come by its trust.
fn in_force(state: &State, who: &Who, course: &mut Course) -> Result<(), TokenError> {
    course.record.tenant = who.rights.tenant.as_ref().map(|tenant| tenant.to_string().into());
    course.record.trust = who.trust().map(|trust| trust.name().to_owned().into());
    course.record.subject = Some(excerpt(&who.sub).into());
    let active = who.tenant.as_ref().map_or(Ok(()), |tenant| tenant.active(Some(who.inbound)));
    course.trace.step(Check::TenantActive, active)?;
    let spent = match &who.from {
        From::Here { .. } => Ok(()),
        From::There { trust, .. } => state.partners.spend(trust, &who.sub, course.now),
        From::Key(_) => state.partners.spend_key(&who.sub, course.now),
    };
    spent.map_err(|retry_after| directory::Fault::TooMany { retry_after }.into())
}

/// Who acts.
struct Acting {
    actor: Actor,
    /// By the token that they showed.
    shown: Option<Who>,
}

/// RFC 8693 §1.1, §4.1, §4.4: who acts. Without an `actor_token` it is the client.
async fn acting(
    state: &State,
    by: &By<'_>,
    (asked, who): (&ExchangeRequest<'_>, &Who),
    course: &mut Course,
) -> Result<Acting, Denial> {
    let client = by.client;
    let refused = |fault| Denial::BadActor { inbound: asked.came.actor(), fault };
    let acting = match asked.actor {
        None => Actor::new(client.id.as_str())
            .and_then(|actor| actor.as_client(client.id.as_str()))
            .map(|actor| Acting { actor, shown: None })
            .map_err(refused),
        Some((token, kind)) => by_token(state, by, (token, kind), who, course).await,
    };
    let Acting { actor, shown: token } = course.trace.step(Check::ActorToken, acting)?;
    let shown = if who.is_shown_by(client, &actor) {
        Ok(())
    } else {
        let fault = InboundFault::WrongClient {
            found: match &who.from {
                From::Here { client_id, .. } => Some(client_id.clone()),
                From::There { .. } | From::Key(_) => None,
            },
            expected: client.id.clone(),
        };
        Err(Denial::BadInbound { inbound: Inbound::SubjectToken, fault })
    };
    course.trace.step(Check::ActorToken, shown)?;
    let named = who.may_act.as_ref().map_or(Ok(()), |may| may.allows(&actor, &who.issuer));
    let named = named.and_then(|()| Actor::on_behalf(actor, who.act.clone()));
    let actor = course.trace.step(Check::ActorToken, named.map_err(refused))?;
    Ok(Acting { actor, shown: token })
}

/// Of the same tenant as the subject, and acting for itself.
async fn by_token(
    state: &State,
    by: &By<'_>,
    (token, kind): (&str, TokenKind),
    who: &Who,
    course: &mut Course,
) -> Result<Acting, Denial> {
    let (inbound, client) = (Inbound::ActorToken, by.client);
    let offered = Offered::actor(token, kind, &client.id);
    let acting = who::token(state, by, (&offered, token), course).await?;
    if acting.rights.tenant != who.rights.tenant {
        let name = |who: &Who| who.rights.tenant.as_ref().map(ToString::to_string);
        let fault = InboundFault::WrongTenant { found: name(&acting), expected: name(who) };
        return Err(Denial::BadInbound { inbound, fault });
    }
    if let Some(prior) = &acting.act {
        let fault = ActorFault::Delegated { sub: prior.sub().to_owned() };
        return Err(Denial::BadActor { inbound, fault });
    }
    let actor = Actor::new(&acting.sub).and_then(|actor| match &acting.from {
        From::Here { client_id, .. } => actor.as_client(client_id),
        From::There { .. } | From::Key(_) => actor.as_client(client.id.as_str()),
    });
    let actor = actor.map_err(|fault| Denial::BadActor { inbound, fault })?;
    Ok(Acting { actor, shown: Some(acting) })
}

/// A token that is bound to a key yields one that is bound to a key: that of whoever exchanges it.
fn held(who: &Who, client: &Client, holder: &Holder) -> Result<(), Denial> {
    let Some(cnf) = who.cnf() else { return Ok(()) };
    let own = matches!(&who.from, From::Here { client_id, .. } if client_id == client.id.as_str());
    // From its own hands, or as an ID-JAG (its §4.4.1), by the very key.
    let very = own || matches!(who.from, From::There { .. });
    let shown = holder.confirmation();
    let fits = match (&shown, very) {
        (None, _) => false,
        (Some(shown), true) => shown.is_that(cnf),
        (Some(_), false) => true,
    };
    if fits {
        return Ok(());
    }
    let wanted = "the key that the token is bound to, in a DPoP proof or a client certificate";
    Err(Denial::BadPossession { fault: PossessionFault::Missing { wanted: wanted.to_owned() } })
}

/// Which API, which of the rights, and the token.
async fn issue(
    state: &State,
    (client, holder): (&Client, &Holder),
    (who, acting): (Who, Option<Acting>),
    wanted: Wanted<'_>,
    course: &mut Course,
) -> Result<Exchanged, TokenError> {
    let api = course.trace.step(Check::Resource, api(state, client, &who, wanted.target))?;
    course.record.resource = Some(api.resource.to_string().into());
    course.record.api = Some(api.name.to_string().into());
    course.record.requested_scope.clone_from(&wanted.scopes);
    let scopes = wanted.scopes.map(|asked| asked.minus(&impersonate()));
    let scopes = scopes.filter(|asked| !asked.is_empty());
    let asked = Asked {
        scopes: scopes.as_ref(),
        details: wanted.details,
        expires: course.now.plus(api.token_ttl.unwrap_or(state.settings.token_ttl)),
    };
    let by = (client, &who, api);
    let narrowed = left(state, by, (acting.as_ref(), &asked), course).await?;
    course.record.dropped = narrowed.dropped;
    let rights = narrowed.rights;
    if rights.expires <= course.now {
        return Err(Denial::NothingLeft { requested: rights.scopes, dropped: Vec::new() }.into());
    }
    let used = used(&who, course.now);
    let cnf = holder.confirmation();
    let actor = acting.as_ref().map(|acting| &acting.actor);
    let words = mint::OfAnExchange { sub: &who.sub, actor, carried: &who.carried, rights: &rights };
    course.record.actor = actor.map(|actor| excerpt(actor.sub()).into());
    let minted = mint::exchanged(state, client, (api, &words, cnf), course)?;
    Ok(Exchanged { minted, details: rights.details, used })
}

/// What is left when everybody was asked, the policy last.
async fn left(
    state: &State,
    (client, who, api): (&Client, &Who, &Api),
    (acting, asked): (Option<&Acting>, &Asked<'_>),
    course: &mut Course,
) -> Result<Narrowed, Denial> {
    let by = (client, who, api);
    let first = narrowed(state, by, asked, (None, course.now));
    if policy::judge(state, Point::Exchange).is_none() {
        return course.trace.step(Check::GrantScope, first.map_err(|denial| *denial));
    }
    // What is refused anyhow is no question for a policy.
    let first = match first {
        Ok(first) => first,
        Err(denial) => return course.trace.step(Check::GrantScope, Err(*denial)),
    };
    let question = question((client, who, api), (acting, asked), &first);
    let ruling = policy::of_an_exchange(state, question, course).await;
    let ruling = policy::step(course, ruling)?;
    let last = narrowed(state, by, asked, (ruling.as_ref(), course.now));
    course.trace.step(Check::GrantScope, last.map_err(|denial| *denial))
}

fn question<'a>(
    (client, who, api): (&'a Client, &'a Who, &'a Api),
    (acting, asked): (Option<&'a Acting>, &Asked<'a>),
    first: &'a Narrowed,
) -> policy::Exchanging<'a> {
    let datasets = first.rights.details.of_kind(DetailType::AiDataset);
    policy::Exchanging {
        subject: who.party(),
        actor: acting.and_then(|acting| acting.shown.as_ref()).map(Who::party),
        client,
        tenant: who.tenant.as_deref(),
        trust: who.trust(),
        requested: asked.scopes.unwrap_or(&first.rights.scopes),
        datasets: datasets.filter_map(Detail::identifier).collect(),
        audience: api.resource.as_str(),
        impersonation: if acting.is_none() { Impersonation::Yes } else { Impersonation::No },
        inbound: who.inbound,
    }
}

/// RFC 8693 §2.2.2: `invalid_target`. An API of a tenant's is for that tenant's tokens.
fn api<'s>(
    state: &'s State,
    client: &Client,
    who: &Who,
    named: Option<&str>,
) -> Result<&'s Api, Denial> {
    let settings = &state.settings;
    let by_name = named.and_then(|name| settings.apis.iter().find(|api| api.name.as_ref() == name));
    let named = by_name.map(|api| api.resource.as_str()).or(named);
    let of_the_jag = match &who.from {
        From::There { resources, .. } if !resources.is_empty() => Some(resources),
        _ => None,
    };
    let named = named.or_else(|| of_the_jag?.first().map(Audience::as_str));
    let found = target::target(settings, client, named, Subject::Person).ok();
    // Enterprise-managed authorization: an ID-JAG opens the MCP server that it names, and no other.
    let unnamed = matches!(&who.from, From::There { kind: TokenKind::IdJag, resources, .. } if resources.is_empty());
    if unnamed && found.is_some_and(target::is_mcp) {
        let expected = "the identifier of the MCP server that it is for".to_owned();
        let fault = InboundFault::BadClaim { claim: "resource".into(), expected };
        return Err(Denial::BadInbound { inbound: who.inbound, fault });
    }
    let fits = |api: &&Api| {
        target::is_of(api, who.rights.tenant.as_ref())
            && of_the_jag.is_none_or(|jag| jag.contains(&api.resource))
    };
    found.filter(fits).ok_or_else(|| {
        let may = settings
            .apis
            .iter()
            .filter(|api| target::may(client, api, Subject::Person) && fits(api));
        Denial::BadTarget {
            found: named.iter().map(|name| excerpt(name)).collect(),
            allowed: may.map(|api| api.resource.clone()).collect(),
        }
    })
}

/// What everybody allows; without a ruling, all but the policy.
fn narrowed(
    state: &State,
    (client, who, api): (&Client, &Who, &Api),
    asked: &Asked<'_>,
    (ruling, now): (Option<&Ruling>, Timestamp),
) -> Result<Narrowed, Box<Denial>> {
    let nothing = Details::default();
    let own = |allows| Side { allows, details: &nothing, expires: asked.expires };
    let contract = who.tenant.as_ref().map(|tenant| state.directory.contract_of(tenant));
    let contract = contract.transpose().map_err(|fault| Box::new(Denial::BadDetails { fault }))?;
    let tenant = match &contract {
        Some(tier) => {
            let allows = Allows::Patterns(&tier.scopes);
            Side { allows, details: &tier.details, expires: asked.expires }
        }
        // Of nobody's tenant: what the operator's own people may have is in the token.
        None => own(Allows::Scopes(&who.rights.scopes)),
    };
    let by_policy = ruling.and_then(|ruling| ruling.scopes.as_ref()).unwrap_or(&api.scopes);
    let reason = ruling.map(Ruling::words).unwrap_or_default();
    let most = ruling.and_then(|ruling| ruling.obligations.max_ttl).map(Ttl::seconds);
    let expires = most.map_or(asked.expires, |most| now.plus(most).min(asked.expires));
    let sides = Sides {
        subject: &who.rights,
        client: own(Allows::Patterns(&client.scopes)),
        tenant,
        api: own(Allows::Scopes(&api.scopes)),
        policy: Side { expires, ..own(Allows::Scopes(by_policy)) },
        reason: &reason,
        crossings: who.tenant.as_ref().map_or(&[], |tenant| tenant.crossings.as_slice()),
    };
    let mut narrowed = Rights::narrow(asked, &sides, &state.settings.registry)?;
    narrowed.rights.details = datasets(&narrowed.rights.details, contract.as_ref(), ruling)
        .map_err(|fault| Box::new(Denial::BadDetails { fault }))?;
    Ok(narrowed)
}

/// A tenant without datasets names none, and the policy leaves what it says.
fn datasets(
    details: &Details,
    contract: Option<&Tier>,
    ruling: Option<&Ruling>,
) -> Result<Details, DetailsFault> {
    const DATASET: DetailType = DetailType::AiDataset;
    let has_none = contract.is_some_and(|tier| tier.details.of_kind(DATASET).next().is_none());
    let details = details.only(DATASET, |_| !has_none)?;
    match ruling.and_then(|ruling| ruling.datasets.as_ref()) {
        None => Ok(details),
        Some(most) => details.only(DATASET, |id| most.iter().any(|one| **one == *id)),
    }
}

/// How the use of the token is remembered.
fn used(who: &Who, now: Timestamp) -> Option<Used> {
    let (trust, replay) = match &who.from {
        From::Here { .. } => return None,
        From::Key(key) => return Some(Used::ApiKey { id: key.id.clone(), at: now }),
        From::There { trust, replay, .. } => (trust, replay),
    };
    Some(Used::Token(TokenUse {
        tenant: trust.tenant().clone(),
        trust: trust.name().to_owned(),
        digest: replay.digest,
        inbound: who.inbound,
        times: match replay.reuse {
            Reuse::Once => Some(1),
            Reuse::Counted => Some(trust.max_uses()),
            Reuse::Free => None,
        },
        expires: who.expires.plus(Ttl::seconds(120)),
        jti: replay.jti.clone(),
    }))
}
