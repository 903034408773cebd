//! One call: who asks, with a token for this API, and what is in the body (§10.1).

use super::{Pdp, SCOPE, question::Malformed};
use crate::{
    DpopNonce,
    dpop::{self, DPOP},
    manage::{token_facts, unproven},
    own::{self, Door},
    server::State,
    token::Fault,
};
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use portcullis_audit::{self as audit, Access, Event, Record, TokenFacts};
use portcullis_directory as directory;
use portcullis_types::{
    Check, DecisionId, Denial, Random, Ruled, Scope, Scopes, Stage, Tenant, Timestamp, Trace, Ttl,
};
use portcullis_verify::{
    Admission, Challenge, Demand, Holder, Need, Presented, Scheme,
    dpop::{Header, Htu},
};
use portcullis_web::form;
use serde_json::{Map, Value};
use std::{borrow::Cow, time::Duration};

/// Bytes of a body, at most.
const LARGEST: usize = 1 << 20;
/// For the whole body.
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One call whose token was admitted.
pub(super) struct Call<'p> {
    pub(super) pdp: &'p Pdp,
    pub(super) now: Timestamp,
    pub(super) body: Map<String, Value>,
    path: String,
    trace: Trace,
    token: TokenFacts<'static>,
    tenant: Option<Tenant>,
}

/// Why a call is not answered: about the call, never about what was asked.
pub(super) enum Problem {
    /// 400.
    Malformed(String),
    /// 401 or 403: no token for this API, or without the scope.
    Denied(Box<Denial>, Option<Scheme>),
    /// 429: it asked more than its share.
    TooMany(Ttl),
    /// 503: a policy server or the store does not answer.
    Unavailable,
    /// A failure of ours.
    Fault(Fault),
}

impl From<Malformed> for Problem {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(what)
    }
}

impl<T: Into<Fault>> From<T> for Problem {
    fn from(fault: T) -> Self {
        Self::Fault(fault.into())
    }
}

impl<'p> Call<'p> {
    /// Who calls, and with what; the body is read only for a caller we know.
    pub(super) async fn of(pdp: &'p Pdp, request: Request) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let now = (pdp.state.clock)();
        let mut trace = Trace::new(Stage::Access);
        let admission = match admitted(pdp, &parts, (now, &mut trace)).await {
            Err(Problem::Denied(denial, used)) => {
                turned_away(pdp, &parts, (now, trace), &denial).await?;
                return Err(Problem::Denied(denial, used));
            }
            admitted => admitted?,
        };
        let body = read(&parts, body).await?;
        let (token, tenant) = (token_facts(&admission), admission.claims().tenant.clone());
        Ok(Self { pdp, now, body, path: parts.uri.path().to_owned(), trace, token, tenant })
    }

    /// The tenant that the caller asks about, and about no other; `None`: it may ask about all.
    pub(super) fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// Whether the caller may know what belongs to `tenant`; what belongs to nobody, anybody may.
    pub(super) fn sees(&self, tenant: Option<&str>) -> bool {
        self.tenant().is_none_or(|own| tenant.is_none_or(|tenant| tenant == own.as_str()))
    }

    /// The client that calls.
    pub(super) fn client_id(&self) -> &str {
        &self.token.client_id
    }

    /// Spends so many questions of what the caller may ask.
    pub(super) fn spend(&self, questions: usize) -> Result<(), Problem> {
        let caller = (&*self.token.client_id, &*self.token.sub);
        let questions = u32::try_from(questions).unwrap_or(u32::MAX);
        self.pdp.questions.spend_all(caller, questions, self.now).map_err(Problem::TooMany)
    }

    /// The name of one decision.
    pub(super) fn decision_id(&self) -> DecisionId {
        DecisionId::fresh(self.now, &Random::draw(&mut *(self.pdp.state.entropy)()))
    }

    /// Writes what was decided, all or nothing, before it is answered.
    pub(super) async fn record(
        &self,
        decided: Vec<(DecisionId, Option<Ruled>)>,
    ) -> Result<(), Problem> {
        let event = event(self.pdp, &self.path, Some(&self.token));
        let records: Vec<_> = decided
            .into_iter()
            .map(|(id, ruled)| Record {
                id,
                at: self.now,
                trace: self.trace,
                denial: None,
                ruled: ruled.map(Cow::Owned),
                event: event.clone(),
            })
            .collect();
        let write = self
            .pdp
            .state
            .store
            .write(move |tx| records.iter().try_for_each(|record| audit::append(tx, record)));
        Ok(write.await?)
    }
}

/// What records say of the call itself.
fn event(pdp: &Pdp, path: &str, token: Option<&TokenFacts<'static>>) -> Event<'static> {
    Event::Access(Access {
        method: "POST".into(),
        path: path.to_owned().into(),
        route: Some(path.to_owned().into()),
        api: Some(pdp.guarded.api.as_str().to_owned().into()),
        resource: Some(pdp.guarded.audience.as_str().to_owned().into()),
        needed: Some(Cow::Owned(needed())),
        token: token.cloned(),
    })
}

/// The log is told who was not let in; from one address only so often.
async fn turned_away(
    pdp: &Pdp,
    parts: &Parts,
    (now, trace): (Timestamp, Trace),
    denial: &Denial,
) -> Result<(), Problem> {
    let state = &*pdp.state;
    match unproven(state, parts, now) {
        Err(directory::Fault::TooMany { retry_after }) => {
            return Err(Problem::TooMany(retry_after));
        }
        counted => counted?,
    }
    let record = Record {
        id: DecisionId::fresh(now, &Random::draw(&mut *(state.entropy)())),
        at: now,
        trace,
        denial: Some(Cow::Owned(denial.clone())),
        ruled: None,
        event: event(pdp, parts.uri.path(), None),
    };
    Ok(state.store.write(move |tx| audit::append(tx, &record)).await?)
}

fn needed() -> Scopes {
    SCOPE.parse::<Scope>().into_iter().collect()
}

/// The token, as every API of ours judges it.
async fn admitted(
    pdp: &Pdp,
    parts: &Parts,
    (now, trace): (Timestamp, &mut Trace),
) -> Result<Admission, Problem> {
    let state = &*pdp.state;
    let headers = parts.headers.get_all(header::AUTHORIZATION).into_iter();
    let presented = Presented::take(headers.map(HeaderValue::as_bytes), parts.uri.query());
    let presented = trace.step(Check::Credential, presented);
    let presented = presented.map_err(|denial| Problem::Denied(denial.into(), None))?;
    let scheme = presented.scheme();
    let denied = |denial: Denial| Problem::Denied(denial.into(), Some(scheme));
    let bases = dpop::bases(&state.settings);
    let shown = crate::certificate::peer_certificate(parts, &state.settings);
    let hash = shown.map(|shown| shown.thumbprint());
    let path = parts.uri.path();
    let below = path.strip_prefix(&state.settings.path()).unwrap_or(path);
    let presented = presented.by(Holder {
        dpop: Header::of(parts.headers.get_all(DPOP).into_iter().map(HeaderValue::as_bytes)),
        htm: parts.method.as_str(),
        htu: Htu::below(&bases, below),
        client_certificate: hash.as_ref(),
    });
    let (demand, needed) = (demand(state), needed());
    let door = Door { guarded: &pdp.guarded, demand: &demand, needed: &needed };
    let admission = own::admitted(state, &presented, &door, (now, trace)).map_err(denied)?;
    if scheme == Scheme::Dpop {
        let spent = dpop::spent_by_holder(state, parts, (&admission, now)).await?;
        trace.step(Check::Binding, spent).map_err(denied)?;
    }
    Ok(admission)
}

fn demand(state: &State) -> Demand {
    let dpop_nonce = match state.settings.dpop_nonce {
        DpopNonce::Required => Need::Required,
        DpopNonce::Offered => Need::Accepted,
    };
    Demand { dpop_nonce, ..Demand::default() }
}

/// §10.1: one JSON object, and said to be JSON.
async fn read(parts: &Parts, body: Body) -> Result<Map<String, Value>, Problem> {
    let malformed = |what: String| Problem::Malformed(what);
    if !form::is_json(&parts.headers) {
        return Err(malformed("the Content-Type must be application/json".to_owned()));
    }
    let read = tokio::time::timeout(PATIENCE, to_bytes(body, LARGEST)).await;
    let Ok(Ok(bytes)) = read else {
        return Err(malformed(format!("the body is larger than {LARGEST} bytes, or was cut off")));
    };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Err(malformed("the body must be a JSON object".to_owned())),
        Err(_) if bytes.is_empty() => Err(malformed("the body is empty".to_owned())),
        Err(fault) => Err(malformed(format!("the body is not JSON: {fault}"))),
    }
}

/// §10.1.3: what the caller calls its request. Every answer has it.
pub(super) struct RequestId(Option<HeaderValue>);

impl RequestId {
    pub(super) fn of(request: &Request) -> Self {
        Self(request.headers().get(&REQUEST_ID).cloned())
    }
}

/// The answer to a call.
pub(super) fn answer(pdp: &Pdp, outcome: Result<Value, Problem>, id: RequestId) -> Response {
    let mut response = match outcome {
        Ok(value) => {
            ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
        }
        Err(problem) => refused(pdp, &problem),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let RequestId(Some(id)) = id {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// §10.1.2: a status, and a sentence.
fn refused(pdp: &Pdp, problem: &Problem) -> Response {
    let state = &*pdp.state;
    let (status, text, challenge) = match problem {
        Problem::Malformed(what) => (400, what.clone(), None),
        Problem::TooMany(_) => (429, "too many at once; ask again later".to_owned(), None),
        Problem::Unavailable => {
            (503, "the policies cannot be asked now; try again".to_owned(), None)
        }
        Problem::Fault(fault) => {
            tracing::error!(%fault, "an evaluation was not answered: a failure of ours");
            (503, "the server cannot answer now; try again".to_owned(), None)
        }
        Problem::Denied(denial, used) => {
            let code = denial.code();
            let (needed, demand) = (needed(), demand(state));
            let challenge = Challenge {
                realm: &pdp.guarded.api,
                needed: &needed,
                demand: &demand,
                resource_metadata: None,
                used: *used,
            };
            (code.status, code.description.to_owned(), challenge.to(denial))
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    let mut response = (status, kind, text).into_response();
    let headers = response.headers_mut();
    if let Problem::TooMany(wait) = problem {
        headers.insert(header::RETRY_AFTER, wait.as_seconds().max(1).into());
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let Some(Ok(challenge)) = challenge.map(HeaderValue::try_from) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Problem::Denied(denial, _) = problem
        && let Denial::BadProof { fault } = &**denial
        && fault.wants_nonce()
        && let Ok(nonce) = HeaderValue::try_from(state.possession.nonces.current((state.clock)()))
    {
        headers.insert(dpop::DPOP_NONCE, nonce);
    }
    response
}
