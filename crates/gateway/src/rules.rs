//! What is asked once a token was admitted: whether its `authorization_details` name what the request is after
//! (RFC 9396 §7), and what the policy says. Whatever cannot be told, or fails, denies.

mod known;
mod named;

use crate::{
    content::Content,
    reads::Asked,
    routes::Matched,
    settings::{Reads, Settings},
};
use bytes::Bytes;
use http::Request;
use known::Known;
use named::Named;
use portcullis_policy::{
    Behaviour, Cause, Clerk, Input, Judge, Part, Point, Recent, Ruling, Sighting, TenantFacts,
};
use portcullis_types::{
    Bar, Check, Denial, Issuer, Registry, Ruled, Scopes, Tenant, Timestamp, Trace, Ttl,
};
use portcullis_verify::{Admission, Claims, acr_at_least};
use std::{net::IpAddr, sync::Arc};

/// What is known of a tenant at this moment, where the issuer of the token says which tenant it is.
pub type Tenants = Arc<dyn Fn(&Issuer, &Tenant) -> Option<Arc<TenantFacts<'static>>> + Send + Sync>;

/// How soon a policy server that did not answer is worth another try.
const RETRY_AFTER: Ttl = Ttl::seconds(1);

/// One thread's questions.
pub(crate) struct Rules {
    bench: Option<Bench>,
}

/// Where the policy is asked.
struct Bench {
    clerk: Clerk,
    tenants: Tenants,
    known: Known,
}

/// Proof that all questions were answered. Nothing but [`Rules`] makes one.
pub(crate) struct Permit {
    /// What a policy has left of the token's scopes, if it took some.
    scopes: Option<Scopes>,
}

/// What the questions are about.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) registry: &'a Registry,
    pub(crate) matched: &'a Matched<'a>,
    pub(crate) admission: &'a Admission,
    pub(crate) from: Option<IpAddr>,
    pub(crate) now: Timestamp,
}

/// What is written down while they are asked.
pub(crate) struct Notes<'a> {
    pub(crate) trace: &'a mut Trace,
    pub(crate) ruled: &'a mut Option<Ruled>,
}

impl Permit {
    /// What a policy leaves of the token's scopes, if it has a say.
    pub(crate) const fn scopes(&self) -> Option<&Scopes> {
        self.scopes.as_ref()
    }
}

impl Rules {
    /// `judge` is asked if it has something to say about requests.
    pub(crate) fn new(judge: Option<&Judge>, tenants: Tenants, settings: &Settings) -> Self {
        let judge = judge.filter(|judge| judge.is_asked(Point::Request));
        let bench = judge.map(|judge| Bench {
            clerk: judge.clerk(),
            tenants,
            known: Known::new(settings.token_cache),
        });
        Self { bench }
    }

    /// A permit at once, where there is nothing to be asked.
    pub(crate) fn unasked(&self, admission: &Admission) -> Option<Permit> {
        let unlimited = self.bench.is_none() && admission.claims().details.is_empty();
        unlimited.then_some(Permit { scopes: None })
    }

    /// Asks. The body is read if it has to be, and changed if the answer must be shorter than it asks for.
    pub(crate) async fn ask(
        &self,
        question: Question<'_>,
        request: &mut Request<Content>,
        notes: Notes<'_>,
    ) -> Result<Permit, Denial> {
        let Notes { trace, ruled } = notes;
        let mut body = Bytes::new();
        let mut asked = None;
        if self.must_read(question, request.method()) {
            let read = self::read(question, request).await.map_err(barred);
            (body, asked) = trace.step(Check::Body, read)?;
        }
        let named = Named::of(question.matched, asked.as_ref());
        let named = trace.step(Check::Body, named.map_err(barred))?;
        let claims = question.admission.claims();
        let mut most = None;
        if !claims.details.is_empty() {
            let location = question.matched.line.guarded.audience.as_str();
            let reach = named.within(&claims.details, request.method(), location);
            most = trace.step(Check::Limits, reach)?;
        }
        let mut scopes = None;
        if let Some(bench) = &self.bench {
            let prompt = asked.as_ref().and_then(|asked| bench.prompt(&body, asked));
            let ruling = bench.rule(question, request, (&named, prompt), ruled).await;
            let ruling = trace.step(Check::Rules, ruling)?;
            most = most.into_iter().chain(ruling.obligations.max_output_tokens).min();
            scopes = ruling.scopes.as_ref().map(|left| {
                let all = |scopes| question.registry.closure(scopes);
                all(&claims.scope).intersect(&all(left)).condensed()
            });
        }
        if let (Some(most), Some(Asked::Model(prompt))) = (most, &asked) {
            let limited = prompt.limited(&body, most).map_err(barred);
            if let Some(limited) = trace.step(Check::Body, limited)? {
                request.body_mut().replace(limited);
            }
        }
        Ok(Permit { scopes })
    }

    /// Counts a refusal of somebody who is known.
    pub(crate) fn refused(&self, claims: &Claims, now: Timestamp) {
        if let Some(bench) = &self.bench {
            bench.clerk.judge().recent().refused(subject(claims), now);
        }
    }

    /// Whether the body has something to say that somebody wants to know.
    fn must_read(&self, question: Question<'_>, method: &http::Method) -> bool {
        use portcullis_types::DetailType::{AiModel, McpTool};
        let kind = match question.matched.line.route.reads {
            Reads::Nothing => return false,
            Reads::OpenAi | Reads::Anthropic => AiModel,
            Reads::Mcp { .. } => McpTool,
        };
        let has_body =
            matches!(*method, http::Method::POST | http::Method::PUT | http::Method::PATCH);
        let limits = || question.admission.claims().details.of_kind(kind).next().is_some();
        has_body && (self.bench.is_some() || limits())
    }
}

fn barred(fault: portcullis_types::BodyFault) -> Denial {
    Denial::Barred { bar: Bar::Body { fault } }
}

/// Whose behaviour it is: that of a subject of a tenant, as where tokens are exchanged. An issuer that speaks for no
/// tenant chooses its subjects as it likes, and must not speak of others'.
fn subject(claims: &Claims) -> (Option<&str>, &str) {
    let home = claims.tenant.as_ref().map_or(claims.iss.as_str(), Tenant::as_str);
    (Some(home), claims.sub.as_str())
}

async fn read(
    question: Question<'_>,
    request: &mut Request<Content>,
) -> Result<(Bytes, Option<Asked>), portcullis_types::BodyFault> {
    let Question { settings, matched, .. } = question;
    let body = request.body_mut().read(settings.body_limit, &settings.timeouts).await?;
    let path = matched.upstream_path.as_deref().unwrap_or_else(|| request.uri().path());
    let asked = Asked::read(&matched.line.route.reads, (request.headers(), path), &body)?;
    Ok((body, asked))
}

impl Bench {
    /// What a model is asked, by its hash: the same words are the same, whatever is asked beside them.
    fn prompt(&self, body: &Bytes, asked: &Asked) -> Option<u64> {
        let Asked::Model(prompt) = asked else { return None };
        let recent = self.clerk.judge().recent();
        let texts = prompt.texts.iter().filter_map(|place| body.get(place.clone()));
        Some(texts.fold(0, |mixed: u64, text| mixed.rotate_left(7) ^ recent.hash(text)))
    }

    async fn rule<'r>(
        &self,
        question: Question<'_>,
        request: &Request<Content>,
        (named, prompt): (&Named<'_>, Option<u64>),
        ruled: &'r mut Option<Ruled>,
    ) -> Result<&'r Ruling, Denial> {
        let Question { admission, from, now, .. } = question;
        let claims = admission.claims();
        let tenant = claims.tenant.as_ref().and_then(|id| (self.tenants)(&claims.iss, id));
        let judge = self.clerk.judge();
        let around = judge.surroundings();
        let country = from.and_then(|ip| around.country(ip));
        let sighting = Sighting { ip: from, country, prompt };
        let behaviour = judge.recent().saw(subject(claims), &sighting, now);
        let resource = named.key(question.matched, request, tenant.as_deref());
        let parts = [
            Some(self.known.caller(admission.vouched())),
            tenant.as_ref().map(|tenant| self.known.tenant(tenant)),
            Some(
                self.known.resource(&resource, (&question.settings.models, question.matched.line)),
            ),
            Some(Part::context(&around.context(now, from))),
            Some(Part::behaviour(&behaviour)),
        ];
        let parts: smallvec::SmallVec<[&Part; 5]> = parts.iter().flatten().collect();
        let input = Input::request(&parts);
        let ruled = ruled.insert(self.clerk.rule(&input).await);
        obeyed(&ruled.ruling, question, (named, &behaviour))?;
        Ok(&ruled.ruling)
    }
}

/// What an answer comes to. A policy can only take away: what it leaves is held against what is needed.
fn obeyed(
    ruling: &Ruling,
    question: Question<'_>,
    (named, behaviour): (&Named<'_>, &Behaviour<'_>),
) -> Result<(), Denial> {
    let claims = question.admission.claims();
    let barred = |bar| Err(Denial::Barred { bar });
    if let Cause::Unreachable(reason) = &ruling.cause {
        return barred(Bar::NoPolicy { reason: reason.clone(), retry_after: RETRY_AFTER });
    }
    if let Some(wanted) = &ruling.obligations.step_up {
        let accepted = acr_at_least([&**wanted]);
        if !claims.acr.as_ref().is_some_and(|acr| accepted.contains(acr)) {
            return Err(Denial::WeakAuthentication {
                acr: claims.acr.clone(),
                auth_time: claims.auth_time,
                wanted_acr: accepted,
                max_age: None,
                now: question.now,
            });
        }
    }
    if !ruling.allow {
        return barred(Bar::Policy { reasons: ruling.grounds() });
    }
    let seen = behaviour.requests_per_minute;
    if let Some(limit) = ruling.obligations.requests_per_minute.filter(|limit| seen > *limit) {
        return barred(Bar::Rate { limit, seen, retry_after: Recent::STEP });
    }
    if let Some(left) = &ruling.scopes {
        let line = question.matched.line;
        let here = question.matched.tenant.as_ref().or(line.guarded.tenant.as_ref());
        let here = here.or(claims.tenant.as_ref());
        let speaking = here.map_or_else(|| left.clone(), |here| left.unqualified(here));
        let missing = question.registry.missing(&speaking, &line.needed);
        if !missing.is_empty() {
            let (left, needed) = (left.clone(), line.needed.clone());
            return barred(Bar::Scopes { left, needed, missing, reasons: grounds(ruling) });
        }
    }
    match (&ruling.datasets, named.dataset) {
        (Some(left), Some(dataset)) if !left.iter().any(|left| **left == *dataset) => {
            barred(Bar::Policy { reasons: grounds(ruling) })
        }
        _ => Ok(()),
    }
}

/// The policy's own reasons. That it gave none is no reason where it allowed something.
fn grounds(ruling: &Ruling) -> Vec<String> {
    ruling.reasons.iter().map(ToString::to_string).collect()
}
