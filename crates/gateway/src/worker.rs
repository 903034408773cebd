//! One thread's whole gateway: routes, verifier, pools. Nothing in it is shared or locked.

use crate::{
    connect,
    forward::Leave,
    identity::Identities,
    metadata::Documents,
    metrics::Metrics,
    pool::Pool,
    record,
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
use portcullis_audit::Journal;
use portcullis_keyring::Verifier;
use portcullis_types::{Check, DecisionId, Denial, Entropy, Random, Stage, Timestamp, Trace};
use portcullis_verify::{Presented, Target};
use std::{cell::RefCell, rc::Rc, sync::Arc};

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
    pub(crate) matched: Option<&'a Matched<'a>>,
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

    /// One request, from its head to the head of its answer.
    pub(crate) async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<Answer> {
        if let Some(document) = self.well_known(&request) {
            return document;
        }
        let now = (self.shared.clock)();
        let id = DecisionId::fresh(now, &Random::draw(&mut **self.entropy.borrow_mut()));
        let name = HeaderValue::try_from(id.to_string());
        let name = name.unwrap_or_else(|_| HeaderValue::from_static(""));
        let mut response = self.decide(request, peer, (id, name.clone()), now).await;
        response.headers_mut().insert(DECISION_ID, name);
        response
    }

    async fn decide(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        (id, name): (DecisionId, HeaderValue),
        at: Timestamp,
    ) -> Response<Answer> {
        let mut trace = Trace::new(Stage::Access);
        let raw = peer.raw_head(&request);
        let shaped = trace.step(Check::Shape, shape::unambiguous(&request, raw.as_deref()));
        let found = shaped.and_then(|()| {
            let found = self.shared.routes.find(request.method(), request.uri().path());
            trace.step(Check::Route, found)
        });
        let matched = match found {
            Ok(matched) => matched,
            Err(denial) => {
                let decision = Decision { id, name, at, trace, matched: None };
                return self.refuse(&decision, &request, &denial, None).await;
            }
        };
        let decision = Decision { id, name, at, trace, matched: Some(&matched) };
        match matched.line.public() {
            Some(public) => self.pass(&decision, request, peer, Leave::Public(public)).await,
            None => self.guard(decision, &matched, request, peer).await,
        }
    }

    /// The checks on the credential, which leaves the request here.
    async fn guard(
        &self,
        mut decision: Decision<'_>,
        matched: &Matched<'_>,
        mut request: Request<Incoming>,
        peer: &Peer,
    ) -> Response<Answer> {
        let line = matched.line;
        let credentials = request::take_credentials(request.headers_mut(), line.dialect());
        let credentials = credentials.iter().map(HeaderValue::as_bytes);
        let presented = Presented::take(credentials, request.uri().query());
        let presented = match decision.trace.step(Check::Credential, presented) {
            Ok(presented) => presented,
            Err(denial) => return self.refuse(&decision, &request, &denial, None).await,
        };
        let target = Target {
            guarded: &line.guarded,
            needed: &line.needed,
            object_tenant: matched.tenant.as_ref(),
        };
        let verdict =
            self.verifier.admit(&presented, &target, decision.at, &mut decision.trace).await;
        self.shared.metrics.remembered(verdict.cached);
        match verdict.outcome {
            Ok(admission) => self.pass(&decision, request, peer, Leave::Admitted(&admission)).await,
            Err(denial) => {
                let facts = record::Facts::of(verdict.vouched.as_ref(), &presented);
                self.refuse(&decision, &request, &denial, Some(facts)).await
            }
        }
    }

    async fn refuse(
        &self,
        decision: &Decision<'_>,
        request: &Request<Incoming>,
        denial: &Denial,
        facts: Option<record::Facts<'_>>,
    ) -> Response<Answer> {
        let index = decision.matched.map(|matched| matched.index);
        self.shared.metrics.denied(index, denial.check());
        if self.keep(decision, request, Some(denial), facts.as_ref()).await.is_err() {
            return self.fail(Fault::Unrecorded, decision);
        }
        refuse::denied(denial, decision.matched.map(|matched| matched.line), decision.id)
    }

    pub(crate) fn fail(&self, fault: Fault, decision: &Decision<'_>) -> Response<Answer> {
        self.shared.metrics.failed(fault);
        refuse::failed(fault, decision.matched.map(|matched| matched.line), decision.id)
    }

    /// Writes the decision down. Waits while the journal is full.
    pub(crate) async fn keep(
        &self,
        decision: &Decision<'_>,
        request: &Request<Incoming>,
        denial: Option<&Denial>,
        facts: Option<&record::Facts<'_>>,
    ) -> Result<(), Fault> {
        let record = record::of(
            (decision.id, decision.at, decision.trace),
            decision.matched,
            request,
            denial,
            facts,
        );
        self.shared.journal.record(&record).await.map_err(|_| Fault::Unrecorded)
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
            _ => self.shared.documents.at(path),
        }?;
        let mut response = Response::new(Answer::full(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Some(response)
    }
}
