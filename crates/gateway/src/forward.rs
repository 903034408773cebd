//! A request that may pass: sent on, its answer streamed back.

use crate::{
    connect::Connector,
    content::Content,
    decision::{DECISION_ID, Decision, Leave},
    forwarded,
    identity::Identities,
    pool::{Pool, SendFault},
    refuse::Fault,
    relay::Answer,
    request::{self, Peer},
    settings::{Credential, Upstream},
    shared::Shared,
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use portcullis_types::{Entropy, Random, Timestamp};
use std::{cell::RefCell, rc::Rc, sync::Arc};
use tokio::time::Instant;

/// One thread's way to the upstreams.
pub(crate) struct Passage {
    shared: Arc<Shared>,
    identities: Option<Identities>,
    pools: Vec<Rc<Pool>>,
    entropy: RefCell<Box<dyn Entropy>>,
}

impl Passage {
    /// No connection is made yet.
    pub(crate) fn new(
        shared: Arc<Shared>,
        identities: Option<Identities>,
        connectors: &[Connector],
        entropy: Box<dyn Entropy>,
    ) -> Self {
        let timeouts = shared.settings.timeouts;
        let pool = |(upstream, connector): (&Upstream, &Connector)| {
            let connect = timeouts.connect.duration();
            let answer = timeouts.response_headers.duration();
            Pool::new(upstream.clone(), connector.clone(), connect, answer)
        };
        let pools = shared.settings.upstreams.iter().zip(connectors).map(pool).collect();
        Self { shared, identities, pools, entropy: RefCell::new(entropy) }
    }

    /// To be called once a second.
    pub(crate) fn tick(&self) {
        self.pools.iter().for_each(|pool| pool.tick());
    }

    /// Random bytes for an id.
    pub(crate) fn draw(&self) -> Random<10> {
        Random::draw(&mut **self.entropy.borrow_mut())
    }

    /// The keys of the identities that upstreams are shown.
    pub(crate) fn jwks(&self) -> Option<Arc<str>> {
        self.identities.as_ref().map(Identities::jwks)
    }

    /// Sends a request on that was decided and recorded, and hands the answer's stream back.
    pub(crate) async fn pass(
        &self,
        decision: &Decision<'_>,
        request: Request<Content>,
        peer: &Peer,
        leave: &Leave,
    ) -> Result<Response<Answer>, Fault> {
        let pool = self.pool_of(decision).ok_or(Fault::Internal)?;
        let outgoing = self.outgoing(decision, request, peer, (pool, leave))?;
        let sent_at = Instant::now();
        let sent = pool.send(outgoing).await;
        self.shared.metrics.answered(sent_at.elapsed());
        let (response, connection) = sent.map_err(|fault| {
            let upstream = &pool.upstream().name;
            tracing::warn!(decision_id = %decision.id, %upstream, error = %fault, "no answer");
            match fault {
                SendFault::Timeout => Fault::Timeout,
                SendFault::Stalled => Fault::StalledBody,
                // hyper calls what came from our side "user": here that is the caller's body.
                SendFault::Broken(error) if error.is_user() => Fault::BrokenBody,
                SendFault::Connect(_) | SendFault::Broken(_) => Fault::BadGateway,
            }
        })?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            // Nobody asked for it: `Upgrade` goes no further than here.
            return Err(Fault::BadGateway);
        }
        let (mut head, body) = response.into_parts();
        forwarded::strip_answer(&mut head.headers);
        let idle = self.shared.settings.timeouts.idle.duration();
        Ok(Response::from_parts(head, Answer::relayed(body, connection, idle)))
    }

    fn pool_of(&self, decision: &Decision<'_>) -> Option<&Rc<Pool>> {
        self.pools.get(decision.matched.as_ref()?.line.route.upstream)
    }

    fn outgoing(
        &self,
        decision: &Decision<'_>,
        mut request: Request<Content>,
        peer: &Peer,
        (pool, leave): (&Pool, &Leave),
    ) -> Result<Request<Content>, Fault> {
        if let Some(length) = request.body().length() {
            // What was read, and perhaps changed, is sent in one piece.
            request.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
        let matched = decision.matched.as_ref().ok_or(Fault::Internal)?;
        self.shared.metrics.allowed(matched.index);
        let credential = self.credential(pool, leave, decision.at)?;
        let said = credential.into_iter().chain([(DECISION_ID, decision.name.clone())]);
        request::outgoing(request, matched, pool, peer, said).map_err(|_| Fault::Internal)
    }

    /// What the upstream is shown: its own key, or who the caller is; never the caller's token.
    fn credential(
        &self,
        pool: &Pool,
        leave: &Leave,
        now: Timestamp,
    ) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
        match (&pool.upstream().credential, leave) {
            (Credential::None, _) | (Credential::Identity { .. }, Leave::Public(_)) => Ok(None),
            (Credential::Header { name, value }, _) => Ok(Some((name.clone(), value.clone()))),
            (Credential::Identity { audience }, Leave::Admitted(admission, permit)) => {
                let identities = self.identities.as_ref().ok_or(Fault::Internal)?;
                let mut entropy = self.entropy.borrow_mut();
                let bearer = identities.bearer((admission, permit), audience, now, &mut **entropy);
                let mut value = HeaderValue::try_from(&*bearer.ok_or(Fault::Internal)?)
                    .map_err(|_| Fault::Internal)?;
                value.set_sensitive(true);
                Ok(Some((header::AUTHORIZATION, value)))
            }
        }
    }
}
