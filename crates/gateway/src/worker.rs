//! One thread's whole gateway: routes, verifier, pools. Nothing in it is shared or locked.

use crate::{
    content::Content,
    decision::{DECISION_ID, Decision, Entry, Leave, Refusal, Verdict},
    forward::Passage,
    refuse::{self, Fault},
    relay::Answer,
    request::{self, Peer},
    routes::Matched,
    rules::{Notes, Question, Rules},
    shape,
    shared::Shared,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use portcullis_audit::{JournalClosed, Offered};
use portcullis_keyring::Verifier;
use portcullis_types::{Check, DecisionId, Denial, Stage, Trace};
use portcullis_verify::{Admission, Holder, Presented, Target, dpop};
use smallvec::SmallVec;
use std::sync::Arc;

/// Where the nonce for the next DPoP proof stands (RFC 9449 §8.1).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// One thread's gateway.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    verifier: Verifier,
    rules: Rules,
    passage: Passage,
}

impl Worker {
    /// A worker with empty caches and no connections.
    pub(crate) fn new(
        shared: Arc<Shared>,
        verifier: Verifier,
        rules: Rules,
        passage: Passage,
    ) -> Self {
        Self { shared, verifier, rules, passage }
    }

    /// One request, from its head to the head of its answer: decided, recorded, and only then answered.
    ///
    /// What is slow and rare is boxed: this future is moved for every request, so it is kept small.
    pub(crate) async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<Answer> {
        let mut request = request.map(Content::Streamed);
        if let Some(document) = self.well_known(&request) {
            return document;
        }
        let mut decision = self.begin(request.headers(), peer);
        let mut entry = self.decide(&mut decision, &mut request, peer);
        if let Err(refusal) = &entry
            && refusal.lacks_a_key()
            && Box::pin(self.verifier.fetched_more(&refusal.denial, decision.at)).await
            && let Some(matched) = decision.matched.take()
        {
            decision.trace.retry();
            entry = self.judge(&mut decision, &matched, &request);
            decision.matched = Some(matched);
        }
        let verdict = match entry {
            Err(refusal) => Err(refusal),
            Ok(Entry::Public(public)) => Ok(Leave::Public(public)),
            Ok(Entry::Admitted(admission)) => match self.rules.unasked(&admission) {
                Some(permit) => Ok(Leave::Admitted(admission, permit)),
                None => Box::pin(self.ask(&mut decision, &mut request, peer, admission)).await,
            },
        };
        let kept = match self.keep(&decision, &request, &verdict) {
            Ok(Offered::Taken) => Ok(()),
            Ok(Offered::Awaits(commit)) => Box::pin(commit.done()).await,
            Ok(Offered::Full) => Box::pin(self.keep_waiting(&decision, &request, &verdict)).await,
            Err(closed) => Err(closed),
        };
        let mut response = match (kept, verdict) {
            (Err(_), _) => self.fail(Fault::Unrecorded, &decision),
            (Ok(()), Err(refusal)) => self.refuse(&decision, &refusal),
            (Ok(()), Ok(leave)) => {
                let passed = self.passage.pass(&decision, request, peer, &leave).await;
                passed.unwrap_or_else(|fault| self.fail(fault, &decision))
            }
        };
        if let Some(nonce) = self.nonce(&decision) {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
        response.headers_mut().insert(DECISION_ID, decision.name);
        response
    }

    /// To be called once a second.
    pub(crate) fn tick(&self) {
        self.passage.tick();
    }

    fn begin(&self, headers: &HeaderMap, peer: &Peer) -> Decision<'_> {
        let at = (self.shared.clock)();
        let id = DecisionId::fresh(at, &self.passage.draw());
        let name = HeaderValue::try_from(id.to_string());
        Decision {
            id,
            name: name.unwrap_or_else(|_| HeaderValue::from_static("")),
            at,
            trace: Trace::new(Stage::Access),
            matched: None,
            credentials: SmallVec::new(),
            proofs: Vec::new(),
            certificate: peer.certificate(headers, self.shared.settings.client_certificate_header),
            ruled: None,
        }
    }

    /// Shape, route, credential, token. The credential leaves the request here.
    fn decide<'a>(
        &'a self,
        decision: &mut Decision<'a>,
        request: &mut Request<Content>,
        peer: &Peer,
    ) -> Result<Entry, Box<Refusal>> {
        decision.trace.step(Check::Shape, shape::unambiguous(request, peer.wire()))?;
        let found = self.shared.routes.find(request.method(), request.uri().path());
        let matched = decision.trace.step(Check::Route, found)?;
        let line = matched.line;
        let verdict = if let Some(public) = line.public() {
            Ok(Entry::Public(public))
        } else {
            let credentials = request::take_credentials(request.headers_mut(), line.dialect());
            decision.credentials = credentials;
            decision.proofs = request::take_proofs(request.headers_mut());
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
        request: &Request<Content>,
    ) -> Result<Entry, Box<Refusal>> {
        let Decision { credentials, proofs, certificate, trace, at, .. } = decision;
        let values = credentials.iter().map(HeaderValue::as_bytes);
        let presented = Presented::take(values, request.uri().query());
        let presented = trace.step(Check::Credential, presented)?.by(Holder {
            dpop: dpop::Header::of(proofs.iter().map(HeaderValue::as_bytes)),
            htm: request.method().as_str(),
            htu: dpop::Htu::below(&matched.line.bases, request.uri().path()),
            client_certificate: certificate.as_ref(),
        });
        let target = Target {
            guarded: &matched.line.guarded,
            needed: &matched.line.needed,
            demand: &matched.line.demand,
            object_tenant: matched.tenant.as_ref(),
        };
        let verdict = self.verifier.judge(&presented, &target, *at, trace);
        self.shared.metrics.remembered(verdict.cached);
        let vouched = verdict.vouched;
        verdict.outcome.map(Entry::Admitted).map_err(|denial| Box::new(Refusal { denial, vouched }))
    }

    /// The questions that only an admitted token is worth.
    async fn ask(
        &self,
        decision: &mut Decision<'_>,
        request: &mut Request<Content>,
        peer: &Peer,
        admission: Admission,
    ) -> Verdict {
        let Decision { matched, trace, ruled, at, .. } = decision;
        let settings = &self.shared.settings;
        // Nobody is admitted but on a route.
        let Some(matched) = matched.as_ref() else {
            let (method, path, allowed) = (String::new(), String::new(), Vec::new());
            return Err(Denial::Unmapped { method, path, allowed }.into());
        };
        let question = Question {
            settings,
            registry: &self.verifier.circle().registry,
            matched,
            admission: &admission,
            from: peer.remote(request.headers(), &settings.trusted_proxies),
            now: *at,
        };
        match self.rules.ask(question, request, Notes { trace, ruled }).await {
            Ok(permit) => Ok(Leave::Admitted(admission, permit)),
            Err(denial) => {
                let vouched = Some(admission.vouched().clone());
                Err(Box::new(Refusal { denial, vouched }))
            }
        }
    }

    /// The nonce for the next proof, on routes that want one: also with an answer that is no refusal, so
    /// that a client seldom has to ask twice.
    fn nonce(&self, decision: &Decision<'_>) -> Option<HeaderValue> {
        let wanted = decision.matched.as_ref()?.line.demand.dpop_nonce.is_required();
        let nonces = &self.verifier.circle().possession.nonces;
        wanted.then(|| HeaderValue::try_from(nonces.current(decision.at)).ok())?
    }

    fn refuse(&self, decision: &Decision<'_>, refusal: &Refusal) -> Response<Answer> {
        let denial = &refusal.denial;
        if let Some(vouched) = refusal.vouched.as_ref().filter(|_| refusal.counts()) {
            self.rules.refused(vouched.claims(), decision.at);
        }
        let matched = decision.matched.as_ref();
        self.shared.metrics.denied(matched.map(|matched| matched.index), denial.check());
        let line = matched.map(|matched| matched.line);
        refuse::denied((denial, decision.scheme()), line, decision.id)
    }

    fn fail(&self, fault: Fault, decision: &Decision<'_>) -> Response<Answer> {
        self.shared.metrics.failed(fault);
        refuse::failed(fault, decision.matched.as_ref().map(|matched| matched.line), decision.id)
    }

    /// Writes the decision down, if there is room for it.
    fn keep(
        &self,
        decision: &Decision<'_>,
        request: &Request<Content>,
        verdict: &Verdict,
    ) -> Result<Offered, JournalClosed> {
        let glance = decision.glance(verdict);
        self.shared.journal.offer(&decision.record(request, verdict, glance.as_ref()))
    }

    /// Writes the decision down as soon as there is room: a full journal makes requests wait.
    async fn keep_waiting(
        &self,
        decision: &Decision<'_>,
        request: &Request<Content>,
        verdict: &Verdict,
    ) -> Result<(), JournalClosed> {
        let glance = decision.glance(verdict);
        self.shared.journal.record(&decision.record(request, verdict, glance.as_ref())).await
    }

    /// RFC 9728 documents, and the keys of the identities we sign.
    fn well_known(&self, request: &Request<Content>) -> Option<Response<Answer>> {
        let path = request.uri().path();
        if !path.starts_with("/.well-known/") {
            return None;
        }
        let preflight = match *request.method() {
            Method::GET | Method::HEAD => false,
            Method::OPTIONS => true,
            _ => return None,
        };
        let body = match path {
            "/.well-known/jwks.json" => {
                self.passage.jwks().map(|set| Bytes::from(set.as_bytes().to_vec()))
            }
            _ => self.shared.documents.at(path, host(request)),
        }?;
        let mut response = Response::new(Answer::full(body));
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if preflight {
            // Browsers ask first when a client sends headers of its own, as MCP clients do.
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
            *response.body_mut() = Answer::full(Bytes::new());
            *response.status_mut() = StatusCode::NO_CONTENT;
            return Some(response);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
        Some(response)
    }
}

/// The host that the caller meant.
fn host<B>(request: &Request<B>) -> Option<&str> {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    named.or_else(|| request.uri().authority().map(http::uri::Authority::as_str))
}
