//! A call of the management API: who calls, with what, and what of all that there is they can see.

use super::{
    PATH,
    refusal::{self, Outcome, Refusal},
};
use crate::{
    DpopNonce,
    dpop::{self, DPOP},
    own::{self, Door},
    remote,
    server::State,
};
use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use portcullis_audit::{self as audit, Access, Event, Record, TokenFacts};
use portcullis_directory::{Acting, Client, Fault, KnownTenant, Unproven};
use portcullis_types::{
    Check, ClientId, DecisionId, Denial, Entropy, Random, Ruled, Scope, Scopes, Stage, Tenant,
    Timestamp, Trace,
};
use portcullis_verify::{
    Admission, Claims, Demand, Guarded, Holder, Need, Presented, Scheme,
    dpop::{Header, Htu},
};
use portcullis_web::form;
use serde_json::{Map, Value};
use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

/// One call whose token was admitted.
pub(super) struct Call {
    pub(super) state: Arc<State>,
    pub(super) parts: Parts,
    /// Nobody shares it; locked it may lie in what others look at.
    body: Mutex<Body>,
    needed: Scopes,
    admission: Admission,
    scheme: Scheme,
    trace: Trace,
    id: DecisionId,
    pub(super) now: Timestamp,
    /// What the policy said.
    pub(super) ruled: Option<Ruled>,
}

/// For whom somebody calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reach<'a> {
    /// For the operator: everything.
    Everything,
    /// For one tenant: what is that tenant's, and nothing else.
    Of(&'a Tenant),
}

impl Call {
    /// Who calls, with a token for this API that has the scope `needed`; or the answer to anybody else. The body stays
    /// unread.
    pub(super) async fn of(
        state: Arc<State>,
        request: Request,
        needed: &'static str,
    ) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let now = (state.clock)();
        let id = DecisionId::fresh(now, &Random::draw(&mut *(state.entropy)()));
        let needed: Scopes = needed.parse::<Scope>().into_iter().collect();
        let mut trace = Trace::new(Stage::Access);
        match admitted(&state, &parts, (&needed, now), &mut trace).await {
            Ok((admission, scheme)) => Ok(Self {
                state,
                parts,
                body: Mutex::new(body),
                needed,
                admission,
                scheme,
                trace,
                id,
                now,
                ruled: None,
            }),
            Err((refused, used)) => {
                if let Err(fault) = unproven(&state, &parts, now) {
                    return Err(refusal::response(&state, &fault.into(), (id, &needed, used)));
                }
                let token = None;
                let record = record(&parts, &state, (&needed, token));
                let record = Record {
                    id,
                    at: now,
                    trace,
                    denial: refused.denial().cloned().map(Cow::Owned),
                    ruled: None,
                    event: Event::Access(record),
                };
                let refused = match state.store.write(move |tx| audit::append(tx, &record)).await {
                    Ok(()) => refused,
                    Err(fault) => fault.into(),
                };
                Err(refusal::response(&state, &refused, (id, &needed, used)))
            }
        }
    }

    /// What the token says.
    pub(super) fn claims(&self) -> &Claims {
        self.admission.claims()
    }

    pub(super) fn reach(&self) -> Reach<'_> {
        self.claims().tenant.as_ref().map_or(Reach::Everything, Reach::Of)
    }

    /// The tenant of that name, if the caller reaches it. Nobody is told whether another one exists: what is not the
    /// caller's own is not looked up.
    pub(super) fn tenant(&mut self, name: Option<&str>) -> Result<Arc<KnownTenant>, Refusal> {
        let name = name.and_then(|name| Tenant::new(name).ok());
        let Some(name) = name else { return Err(Refusal::Hidden(None)) };
        if let Reach::Of(own) = self.reach()
            && *own != name
        {
            return Err(self.foreign(name));
        }
        self.state.directory.tenant(&name).ok_or(Refusal::Hidden(None))
    }

    /// The log is told that somebody reached for what is not theirs.
    pub(super) fn foreign(&mut self, object_tenant: Tenant) -> Refusal {
        let tenant = self.claims().tenant.clone();
        let denial = Denial::ForeignObject { tenant, object_tenant };
        let _ = self.trace.step(Check::Object, Err::<(), _>(denial.clone()));
        Refusal::Hidden(Some(Box::new(denial)))
    }

    /// A client of that tenant.
    pub(super) fn client(
        &self,
        tenant: &KnownTenant,
        name: Option<&str>,
    ) -> Result<Arc<Client>, Refusal> {
        let id = name.and_then(|name| ClientId::new(name).ok());
        let found = id.and_then(|id| self.state.directory.client(&id));
        let own = found.filter(|client| client.tenant.as_ref() == Some(&tenant.id));
        own.ok_or(Refusal::Hidden(None))
    }

    /// That the operator calls, with a token that has this privileged scope by name.
    pub(super) fn for_the_operator(&mut self, scope: &'static str) -> Result<(), Refusal> {
        if let Some(found) = self.claims().tenant.clone() {
            let denial = Denial::WrongTenant { found: Some(found), expected: None };
            let _ = self.trace.step(Check::Tenant, Err::<(), _>(denial.clone()));
            return Err(Refusal::OperatorOnly(Box::new(denial)));
        }
        let needed: Scopes = scope.parse::<Scope>().into_iter().collect();
        let missing = self.state.settings.registry.missing(&self.claims().scope, &needed);
        let covered = if missing.is_empty() {
            Ok(())
        } else {
            let found = self.claims().scope.clone();
            Err(Denial::WeakScope { found, needed: needed.clone(), missing })
        };
        self.needed = needed;
        Ok(self.trace.step(Check::Scope, covered)?)
    }

    /// Who acts, as the audit log shows it, and where ids and secrets come from.
    pub(super) fn actor(&self) -> (String, Box<dyn Entropy>) {
        let Claims { sub, client_id, .. } = self.claims();
        let actor = if sub == client_id {
            format!("api:{client_id}")
        } else {
            format!("api:{sub} by {client_id}")
        };
        (actor, (self.state.entropy)())
    }

    pub(super) fn acting<'a>(
        &self,
        (actor, entropy): &'a mut (String, Box<dyn Entropy>),
    ) -> Acting<'a> {
        Acting { actor, now: self.now, entropy: &mut **entropy }
    }

    /// The media type and the bytes of the body.
    pub(super) async fn bytes(&mut self) -> Result<(String, Vec<u8>), Refusal> {
        let media = form::media_type(&self.parts.headers).unwrap_or_default();
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        let body = std::mem::take(body);
        let bytes = axum::body::to_bytes(body, LARGEST).await.map_err(|_| {
            let detail = format!("at most {} KiB are read", LARGEST / 1024);
            Refusal::of(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large", detail)
        })?;
        Ok((media, bytes.to_vec()))
    }

    /// The body as JSON; nothing at all is an empty object.
    pub(super) async fn json(&mut self) -> Result<Map<String, Value>, Refusal> {
        let (media, bytes) = self.bytes().await?;
        if bytes.is_empty() && media.is_empty() {
            return Ok(Map::new());
        }
        if media != form::JSON {
            return Err(media_type("application/json"));
        }
        portcullis_jose::json::object(&bytes).map_err(|fault| Refusal::malformed(fault.to_string()))
    }

    /// The version that the caller means to change (RFC 9110 §13.1.1): `None` if it names none.
    pub(super) fn version(&self) -> Option<u64> {
        let mut all = self.parts.headers.get_all(header::IF_MATCH).iter();
        let (first, second) = (all.next(), all.next());
        let value = first?;
        let tag = value.to_str().ok().filter(|_| second.is_none());
        let number = tag.and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        // A tag that is none of ours names no version that there is.
        Some(number.unwrap_or(u64::MAX))
    }

    /// Writes what was decided, with the token by which it was.
    pub(super) async fn record(&self, denial: Option<&Denial>) -> Result<(), Refusal> {
        let facts = facts(&self.admission);
        let record = Record {
            id: self.id,
            at: self.now,
            trace: self.trace,
            denial: denial.cloned().map(Cow::Owned),
            ruled: self.ruled.clone().map(Cow::Owned),
            event: Event::Access(record(&self.parts, &self.state, (&self.needed, Some(facts)))),
        };
        Ok(self.state.store.write(move |tx| audit::append(tx, &record)).await?)
    }

    /// The answer, after the log has who was refused.
    pub(super) async fn answer(self, outcome: Outcome) -> Response {
        let refused = match outcome {
            Ok(mut response) => {
                refusal::headers(self.id, response.headers_mut());
                return response;
            }
            Err(refused) => refused,
        };
        let recorded = match refused.denial() {
            Some(denial) => self.record(Some(denial)).await,
            None => Ok(()),
        };
        let refused = recorded.err().unwrap_or(refused);
        refusal::response(&self.state, &refused, (self.id, &self.needed, Some(self.scheme)))
    }

    pub(super) fn demand(state: &State) -> Demand {
        let dpop_nonce = match state.settings.dpop_nonce {
            DpopNonce::Required => Need::Required,
            DpopNonce::Offered => Need::Accepted,
        };
        Demand { dpop_nonce, ..Demand::default() }
    }
}

/// More than any record of a tenant has, in bytes.
const LARGEST: usize = 256 * 1024;

pub(super) fn media_type(wanted: &str) -> Refusal {
    let detail = format!("the body must be {wanted}");
    let title = "The body is of another type";
    Refusal::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", title, detail)
}

/// JSON, with the tag of its version if it has one.
pub(super) fn answer(status: StatusCode, version: Option<u64>, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let mut response = (status, kind, body.to_string()).into_response();
    if let Some(Ok(tag)) = version.map(|version| HeaderValue::try_from(format!("\"{version}\""))) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

type NotAdmitted = (Refusal, Option<Scheme>);

/// Every check of an access token, at this API.
async fn admitted(
    state: &State,
    parts: &Parts,
    (needed, now): (&Scopes, Timestamp),
    trace: &mut Trace,
) -> Result<(Admission, Scheme), NotAdmitted> {
    // Without it there are no routes either.
    let api = state.settings.management().ok_or((Refusal::Hidden(None), None))?;
    let headers = parts.headers.get_all(header::AUTHORIZATION).into_iter();
    let presented = Presented::take(headers.map(HeaderValue::as_bytes), parts.uri.query());
    let presented = trace.step(Check::Credential, presented);
    let presented = presented.map_err(|denial| (denial.into(), None))?;
    let scheme = presented.scheme();
    let bases = dpop::bases(&state.settings);
    let shown = crate::certificate::peer_certificate(parts, &state.settings);
    let hash = shown.map(|shown| shown.thumbprint());
    let endpoint = endpoint(state, parts);
    let presented = presented.by(Holder {
        dpop: Header::of(parts.headers.get_all(DPOP).into_iter().map(HeaderValue::as_bytes)),
        htm: parts.method.as_str(),
        htu: Htu::below(&bases, endpoint),
        client_certificate: hash.as_ref(),
    });
    let guarded = Guarded { api: api.name.clone(), audience: api.resource.clone(), tenant: None };
    let door = Door { guarded: &guarded, demand: &Call::demand(state), needed };
    let refused = |denial: Denial| (denial.into(), Some(scheme));
    let admission = own::admitted(state, &presented, &door, (now, trace)).map_err(refused)?;
    if scheme == Scheme::Dpop {
        let spent = dpop::spent_by_holder(state, parts, (&admission, now)).await;
        let spent = spent.map_err(|fault| (fault.into(), Some(scheme)))?;
        trace.step(Check::Binding, spent).map_err(refused)?;
    }
    Ok((admission, scheme))
}

/// Whether one more refusal is recorded for that address: whoever proves nothing has only so much recorded.
pub(crate) fn unproven(state: &State, parts: &Parts, now: Timestamp) -> Result<(), Fault> {
    let proxies = &state.settings.trusted_proxies;
    let remote = remote::address(&parts.extensions, &parts.headers, proxies);
    state.directory.unproven(Unproven::Request, remote, now)
}

/// The path below the issuer.
fn endpoint<'p>(state: &State, parts: &'p Parts) -> &'p str {
    let path = parts.uri.path();
    path.strip_prefix(&state.settings.path()).unwrap_or(path)
}

fn record(
    parts: &Parts,
    state: &State,
    (needed, token): (&Scopes, Option<TokenFacts<'static>>),
) -> Access<'static> {
    let api = state.settings.management();
    Access {
        method: parts.method.as_str().to_owned().into(),
        path: parts.uri.path().to_owned().into(),
        route: Some(PATH.into()),
        api: api.map(|api| api.name.to_string().into()),
        resource: api.map(|api| api.resource.to_string().into()),
        needed: Some(Cow::Owned(needed.clone())),
        token,
    }
}

/// What records keep of a token of ours.
pub(crate) fn facts(admission: &Admission) -> TokenFacts<'static> {
    let (claims, vouched) = (admission.claims(), admission.vouched());
    let own = |text: &str| Cow::Owned(text.to_owned());
    TokenFacts {
        verified: true,
        iss: own(claims.iss.as_str()),
        sub: own(&claims.sub),
        client_id: own(&claims.client_id),
        aud: own(&claims.aud.join(" ")),
        jti: own(claims.jti.as_ref().map_or("", |jti| jti.as_str())),
        scope: own(&claims.scope.to_string()),
        exp: claims.exp.seconds(),
        iat: claims.iat.map_or(0, Timestamp::seconds),
        kid: vouched.kid().map(|kid| own(kid.as_str())),
        alg: own(vouched.alg().name()),
        tenant: claims.tenant.as_ref().map(|tenant| own(tenant.as_str())),
    }
}
