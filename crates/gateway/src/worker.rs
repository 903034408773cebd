//! One thread's whole gateway: routes, verifier, pools. Nothing in it is shared or locked.

use crate::{
    connect,
    identity::Identities,
    metadata::Documents,
    metrics::Metrics,
    pool::Pool,
    record,
    refuse::{self, Fault},
    relay::Answer,
    request::{self, Peer},
    routes::{Matched, Routes},
    settings::{Access, Settings},
    shape,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use portcullis_audit::Journal;
use portcullis_keyring::Verifier;
use portcullis_types::{DecisionId, Denial, Entropy, Random, Stage, Timestamp, Trace};
use portcullis_verify::{Admission, Presented, Target};
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
    shared: Arc<Shared>,
    verifier: Verifier,
    identities: Option<Identities>,
    pools: Vec<Rc<Pool>>,
    entropy: RefCell<Box<dyn Entropy>>,
}

/// A decision in the making: what is known of the request so far.
struct Decision<'a> {
    id: DecisionId,
    at: Timestamp,
    trace: Trace,
    matched: Option<&'a Matched<'a>>,
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
        let pool = |upstream: &crate::settings::Upstream| {
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
        let mut response = self.decide(request, peer, id, now).await;
        if let Ok(id) = HeaderValue::try_from(id.to_string()) {
            response.headers_mut().insert(DECISION_ID, id);
        }
        response
    }

    async fn decide(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        id: DecisionId,
        now: Timestamp,
    ) -> Response<Answer> {
        let mut trace = Trace::new(Stage::Access);
        let raw = peer.raw_head(&request);
        let shaped = trace
            .step(portcullis_types::Check::Shape, shape::unambiguous(&request, raw.as_deref()));
        let found = shaped.and_then(|()| {
            trace.step(
                portcullis_types::Check::Route,
                self.shared.routes.find(request.method(), request.uri().path()),
            )
        });
        let matched = match found {
            Ok(matched) => matched,
            Err(denial) => {
                let decision = Decision { id, at: now, trace, matched: None };
                return self.refuse(&decision, &request, denial, None).await;
            }
        };
        let decision = Decision { id, at: now, trace, matched: Some(&matched) };
        match matched.line.route.access {
            Access::Public => self.pass(decision, request, peer, None).await,
            Access::Scoped(_) => self.guard(decision, request, peer).await,
        }
    }

    /// The checks on the credential, which leaves the request here.
    async fn guard(
        &self,
        mut decision: Decision<'_>,
        mut request: Request<Incoming>,
        peer: &Peer,
    ) -> Response<Answer> {
        let Some(matched) = decision.matched else {
            return refuse::failed(Fault::Internal, None, decision.id);
        };
        let credentials = request::take_credentials(request.headers_mut(), matched.line.dialect());
        let presented =
            Presented::take(credentials.iter().map(HeaderValue::as_bytes), request.uri().query());
        let presented = match decision.trace.step(portcullis_types::Check::Credential, presented) {
            Ok(presented) => presented,
            Err(denial) => return self.refuse(&decision, &request, denial, None).await,
        };
        let target = Target {
            guarded: &matched.line.guarded,
            needed: &matched.line.needed,
            object_tenant: matched.tenant.as_ref(),
        };
        let verdict =
            self.verifier.admit(&presented, &target, decision.at, &mut decision.trace).await;
        if verdict.cached {
            self.shared.metrics.cache_hits.inc()
        } else {
            self.shared.metrics.cache_misses.inc()
        };
        match verdict.outcome {
            Ok(admission) => self.pass(decision, request, peer, Some(&admission)).await,
            Err(denial) => {
                let facts = record::Facts::of(verdict.vouched.as_ref(), &presented);
                self.refuse(&decision, &request, denial, Some(facts)).await
            }
        }
    }

    /// Recorded, then sent on. Only a public route comes here without an admission.
    async fn pass(
        &self,
        decision: Decision<'_>,
        request: Request<Incoming>,
        peer: &Peer,
        admission: Option<&Admission>,
    ) -> Response<Answer> {
        let Some(matched) = decision.matched else {
            return refuse::failed(Fault::Internal, None, decision.id);
        };
        let facts = admission.map(|admission| record::Facts::Verified(admission.vouched()));
        if self.keep(&decision, &request, None, facts.as_ref()).await.is_err() {
            return self.fail(Fault::Unrecorded, &decision);
        }
        self.shared.metrics.allowed(matched.index);
        match self.forward(&decision, request, peer, admission).await {
            Ok(response) => response,
            Err(fault) => self.fail(fault, &decision),
        }
    }

    async fn forward(
        &self,
        decision: &Decision<'_>,
        request: Request<Incoming>,
        peer: &Peer,
        admission: Option<&Admission>,
    ) -> Result<Response<Answer>, Fault> {
        let line = decision.matched.ok_or(Fault::Internal)?.line;
        let pool = self.pools.get(line.route.upstream).ok_or(Fault::Internal)?;
        let credential = self.credential(pool, admission, decision.at)?;
        let request = request::outgoing(
            request,
            &line.route,
            pool.upstream(),
            peer,
            (decision.id, credential),
        )
        .map_err(|_| Fault::Internal)?;
        let sent = pool.send(request).await;
        let answered = (self.shared.clock)().millis_since(decision.at);
        self.shared
            .metrics
            .answered(std::time::Duration::from_millis(u64::try_from(answered).unwrap_or(0)));
        let (response, lease) = sent.map_err(|fault| {
            tracing::warn!(decision_id = %decision.id, upstream = %pool.upstream().name, error = %fault, "no answer");
            match fault {
                crate::pool::SendFault::Timeout => Fault::Timeout,
                _ => Fault::BadGateway,
            }
        })?;
        let (mut head, body) = response.into_parts();
        crate::forwarded::strip_hop_by_hop(&mut head.headers);
        head.headers.remove(DECISION_ID);
        let idle = self.shared.settings.timeouts.idle.duration();
        Ok(Response::from_parts(head, Answer::relayed(body, lease, idle)))
    }

    /// What the upstream is shown: its own key, or who the caller is; never the caller's token.
    fn credential(
        &self,
        pool: &Pool,
        admission: Option<&Admission>,
        now: Timestamp,
    ) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
        use crate::settings::Credential;
        match (&pool.upstream().credential, admission) {
            (Credential::None, _) | (Credential::Identity { .. }, None) => Ok(None),
            (Credential::Header { name, value }, _) => Ok(Some((name.clone(), value.clone()))),
            (Credential::Identity { audience }, Some(admission)) => {
                let identities = self.identities.as_ref().ok_or(Fault::Internal)?;
                let bearer = identities
                    .bearer(admission, audience, now, &mut **self.entropy.borrow_mut())
                    .ok_or(Fault::Internal)?;
                let mut value = HeaderValue::try_from(&*bearer).map_err(|_| Fault::Internal)?;
                value.set_sensitive(true);
                Ok(Some((header::AUTHORIZATION, value)))
            }
        }
    }

    async fn refuse(
        &self,
        decision: &Decision<'_>,
        request: &Request<Incoming>,
        denial: Denial,
        facts: Option<record::Facts<'_>>,
    ) -> Response<Answer> {
        let index = decision.matched.map(|matched| matched.index);
        self.shared.metrics.denied(index, denial.check());
        let mut decision = Decision { trace: decision.trace, ..*decision };
        let denied = decision.trace.step::<()>(denial.check(), Err(denial.clone()));
        if denied.is_ok()
            || self.keep(&decision, request, Some(&denial), facts.as_ref()).await.is_err()
        {
            return self.fail(Fault::Unrecorded, &decision);
        }
        refuse::denied(&denial, decision.matched.map(|matched| matched.line), decision.id)
    }

    fn fail(&self, fault: Fault, decision: &Decision<'_>) -> Response<Answer> {
        self.shared.metrics.failed(fault);
        refuse::failed(fault, decision.matched.map(|matched| matched.line), decision.id)
    }

    /// Writes the decision down. Waits while the journal is full.
    async fn keep(
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
