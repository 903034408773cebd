//! One thread's whole gateway: routes, verifier, pools. Nothing in it is shared or locked.

use crate::{
    connect,
    forward::Leave,
    identity::Identities,
    metadata::Documents,
    metrics::Metrics,
    pool::Pool,
    record::{self, Facts},
    refuse::{self, Fault},
    relay::Answer,
    request::{self, Peer},
    routes::{Matched, Routes},
    settings::{Settings, Upstream},
    shape,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use portcullis_audit::{Event, Journal, JournalClosed, Offered, Record};
use portcullis_keyring::Verifier;
use portcullis_types::{Check, DecisionId, Denial, Entropy, Random, Stage, Timestamp, Trace};
use portcullis_verify::{Admission, Glance, Presented, Target, Vouched};
use smallvec::SmallVec;
use std::{borrow::Cow, cell::RefCell, rc::Rc, sync::Arc};

/// The header that names the decision, in every answer and towards every upstream.
pub(crate) const DECISION_ID: HeaderName = HeaderName::from_static("x-decision-id");

/// What all workers share. Immutable, or with its own synchronisation.
pub(crate) struct Shared {
    /// What the gateway was told to do.
    pub settings: Settings,
    /// The table of what may pass.
    pub routes: Routes,
    /// RFC 9728 documents.
    pub documents: Documents,
    /// Where decisions are recorded.
    pub journal: Journal,
    /// Numbers.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// One thread's gateway.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    verifier: Verifier,
    pub(crate) identities: Option<Identities>,
    pub(crate) pools: Vec<Rc<Pool>>,
    pub(crate) entropy: RefCell<Box<dyn Entropy>>,
}

/// A decision in the making: what is known of the request so far.
pub(crate) struct Decision<'a> {
    pub(crate) id: DecisionId,
    /// The id as a header's value.
    pub(crate) name: HeaderValue,
    pub(crate) at: Timestamp,
    pub(crate) trace: Trace,
    pub(crate) matched: Option<Matched<'a>>,
    /// Taken out of the request, so that none goes on by mistake.
    credentials: SmallVec<[HeaderValue; 1]>,
}

/// Why a request may not pass, and what was known of its token.
pub(crate) struct Refusal {
    denial: Denial,
    vouched: Option<Vouched>,
}

impl Worker {
    /// A worker with empty caches and no connections.
    pub(crate) fn new(
        shared: Arc<Shared>,
        verifier: Verifier,
        identities: Option<Identities>,
        tls: &connect::Connector,
        entropy: Box<dyn Entropy>,
    ) -> Self {
        let timeouts = shared.settings.timeouts;
        let pool = |upstream: &Upstream| {
            let (connect, answer) =
                (timeouts.connect.duration(), timeouts.response_headers.duration());
            Pool::new(upstream.clone(), tls.clone(), connect, answer)
        };
        let pools = shared.settings.upstreams.iter().map(pool).collect();
        Self { shared, verifier, identities, pools, entropy: RefCell::new(entropy) }
    }

    /// One request, from its head to the head of its answer: decided, recorded, and only then answered.
    ///
    /// What is slow and rare is boxed: this future is moved for every request, so it is kept small.
    pub(crate) async fn handle(
        &self,
        mut request: Request<Incoming>,
        peer: &Peer,
    ) -> Response<Answer> {
        if let Some(document) = self.well_known(&request) {
            return document;
        }
        let mut decision = self.begin();
        let mut verdict = self.decide(&mut decision, &mut request, peer);
        if let Err(refusal) = &verdict
            && refusal.lacks_a_key()
            && Box::pin(self.verifier.fetched_more(&refusal.denial, decision.at)).await
            && let Some(matched) = decision.matched.take()
        {
            decision.trace.retry();
            verdict = self.judge(&mut decision, &matched, &request);
            decision.matched = Some(matched);
        }
        let kept = match self.keep(&decision, &request, &verdict) {
            Ok(Offered::Taken) => Ok(()),
            Ok(Offered::Awaits(commit)) => Box::pin(commit.done()).await,
            Ok(Offered::Full) => Box::pin(self.keep_waiting(&decision, &request, &verdict)).await,
            Err(closed) => Err(closed),
        };
        let mut response = match (kept, verdict) {
            (Err(_), _) => self.fail(Fault::Unrecorded, &decision),
            (Ok(()), Err(refusal)) => self.refuse(&decision, &refusal.denial),
            (Ok(()), Ok(leave)) => self.pass(&decision, request, peer, &leave).await,
        };
        response.headers_mut().insert(DECISION_ID, decision.name);
        response
    }

    /// To be called once a second.
    pub(crate) fn tick(&self) {
        self.pools.iter().for_each(|pool| pool.tick());
    }

    fn begin(&self) -> Decision<'_> {
        let at = (self.shared.clock)();
        let id = DecisionId::fresh(at, &Random::draw(&mut **self.entropy.borrow_mut()));
        let name = HeaderValue::try_from(id.to_string());
        Decision {
            id,
            name: name.unwrap_or_else(|_| HeaderValue::from_static("")),
            at,
            trace: Trace::new(Stage::Access),
            matched: None,
            credentials: SmallVec::new(),
        }
    }

    /// Shape, route, credential, token. The credential leaves the request here.
    fn decide<'a>(
        &'a self,
        decision: &mut Decision<'a>,
        request: &mut Request<Incoming>,
        peer: &Peer,
    ) -> Result<Leave, Box<Refusal>> {
        decision.trace.step(Check::Shape, shape::unambiguous(request, peer.wire()))?;
        let found = self.shared.routes.find(request.method(), request.uri().path());
        let matched = decision.trace.step(Check::Route, found)?;
        let line = matched.line;
        let verdict = if let Some(public) = line.public() {
            Ok(Leave::Public(public))
        } else {
            let credentials = request::take_credentials(request.headers_mut(), line.dialect());
            decision.credentials = credentials;
            self.judge(decision, &matched, request)
        };
        decision.matched = Some(matched);
        verdict
    }

    /// The checks on the credential.
    fn judge(
        &self,
        decision: &mut Decision<'_>,
        matched: &Matched<'_>,
        request: &Request<Incoming>,
    ) -> Result<Leave, Box<Refusal>> {
        let Decision { credentials, trace, at, .. } = decision;
        let values = credentials.iter().map(HeaderValue::as_bytes);
        let presented = Presented::take(values, request.uri().query());
        let presented = trace.step(Check::Credential, presented)?;
        let target = Target {
            guarded: &matched.line.guarded,
            needed: &matched.line.needed,
            object_tenant: matched.tenant.as_ref(),
        };
        let verdict = self.verifier.judge(&presented, &target, *at, trace);
        self.shared.metrics.remembered(verdict.cached);
        let vouched = verdict.vouched;
        verdict.outcome.map(Leave::Admitted).map_err(|denial| Box::new(Refusal { denial, vouched }))
    }

    fn refuse(&self, decision: &Decision<'_>, denial: &Denial) -> Response<Answer> {
        let matched = decision.matched.as_ref();
        self.shared.metrics.denied(matched.map(|matched| matched.index), denial.check());
        refuse::denied(denial, matched.map(|matched| matched.line), decision.id)
    }

    pub(crate) fn fail(&self, fault: Fault, decision: &Decision<'_>) -> Response<Answer> {
        self.shared.metrics.failed(fault);
        refuse::failed(fault, decision.matched.as_ref().map(|matched| matched.line), decision.id)
    }

    /// Writes the decision down, if there is room for it.
    fn keep(
        &self,
        decision: &Decision<'_>,
        request: &Request<Incoming>,
        verdict: &Result<Leave, Box<Refusal>>,
    ) -> Result<Offered, JournalClosed> {
        let glance = decision.glance(verdict);
        self.shared.journal.offer(&decision.record(request, verdict, glance.as_ref()))
    }

    /// Writes the decision down as soon as there is room: a full journal makes requests wait.
    async fn keep_waiting(
        &self,
        decision: &Decision<'_>,
        request: &Request<Incoming>,
        verdict: &Result<Leave, Box<Refusal>>,
    ) -> Result<(), JournalClosed> {
        let glance = decision.glance(verdict);
        self.shared.journal.record(&decision.record(request, verdict, glance.as_ref())).await
    }

    /// RFC 9728 documents, and the keys of the identities we sign.
    fn well_known(&self, request: &Request<Incoming>) -> Option<Response<Answer>> {
        let path = request.uri().path();
        if !path.starts_with("/.well-known/")
            || !matches!(*request.method(), Method::GET | Method::HEAD)
        {
            return None;
        }
        let body = match path {
            "/.well-known/jwks.json" => {
                self.identities.as_ref().map(|ours| Bytes::from(ours.jwks().as_bytes().to_vec()))
            }
            _ => self.shared.documents.at(path, host(request)),
        }?;
        let mut response = Response::new(Answer::full(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Some(response)
    }
}

/// The host that the caller meant.
fn host<B>(request: &Request<B>) -> Option<&str> {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    named.or_else(|| request.uri().authority().map(http::uri::Authority::as_str))
}

impl Decision<'_> {
    /// What a token that was not verified says of itself, for the record of its refusal.
    fn glance(&self, verdict: &Result<Leave, Box<Refusal>>) -> Option<Glance> {
        let Err(Refusal { vouched: None, .. }) = verdict.as_ref().map_err(|refusal| &**refusal)
        else {
            return None;
        };
        let values = self.credentials.iter().map(HeaderValue::as_bytes);
        Presented::take(values, None).ok().map(|presented| Glance::at(&presented))
    }

    fn record<'r>(
        &'r self,
        request: &'r Request<Incoming>,
        verdict: &'r Result<Leave, Box<Refusal>>,
        glance: Option<&'r Glance>,
    ) -> Record<'r> {
        let (denial, vouched) = match verdict {
            Ok(leave) => (None, leave.admission().map(Admission::vouched)),
            Err(refusal) => (Some(&refusal.denial), refusal.vouched.as_ref()),
        };
        let facts = vouched.map(Facts::Verified).or(glance.map(Facts::Claimed));
        Record {
            id: self.id,
            at: self.at,
            trace: self.trace,
            denial: denial.map(Cow::Borrowed),
            event: Event::Access(record::access(request, self.matched.as_ref(), facts)),
        }
    }
}

impl Refusal {
    fn lacks_a_key(&self) -> bool {
        matches!(self.denial, Denial::UnknownKey { .. } | Denial::KeysUnavailable { .. })
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self { denial, vouched: None }
    }
}

impl From<Denial> for Box<Refusal> {
    fn from(denial: Denial) -> Self {
        Box::new(denial.into())
    }
}
