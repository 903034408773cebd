//! A request that may pass: recorded, sent on, its answer streamed back.

use crate::{
    forwarded,
    pool::{Pool, SendFault},
    refuse::Fault,
    relay::Answer,
    request::{self, Peer},
    routes::Public,
    settings::Credential,
    worker::{DECISION_ID, Decision, Worker},
};
use http::{HeaderName, HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use portcullis_types::Timestamp;
use portcullis_verify::Admission;
use std::rc::Rc;
use tokio::time::Instant;

/// Why a request may pass. Nothing reaches an upstream without it.
pub(crate) enum Leave {
    /// Its token was admitted.
    Admitted(Admission),
    /// Its route asks for none.
    Public(Public),
}

impl Leave {
    pub(crate) const fn admission(&self) -> Option<&Admission> {
        match self {
            Self::Admitted(admission) => Some(admission),
            Self::Public(_) => None,
        }
    }
}

impl Worker {
    /// Sends a request on that was decided and recorded, and hands the answer's stream back.
    pub(crate) async fn pass(
        &self,
        decision: &Decision<'_>,
        request: Request<Incoming>,
        peer: &Peer,
        leave: &Leave,
    ) -> Response<Answer> {
        let Some(pool) = self.pool_of(decision) else {
            return self.fail(Fault::Internal, decision);
        };
        let outgoing = match self.outgoing(decision, request, peer, (pool, leave)) {
            Ok(outgoing) => outgoing,
            Err(fault) => return self.fail(fault, decision),
        };
        let sent_at = Instant::now();
        let sent = pool.send(outgoing).await;
        self.shared.metrics.answered(sent_at.elapsed());
        match sent {
            Ok((response, connection)) => {
                let (mut head, body) = response.into_parts();
                forwarded::strip_answer(&mut head.headers);
                let idle = self.shared.settings.timeouts.idle.duration();
                Response::from_parts(head, Answer::relayed(body, connection, idle))
            }
            Err(fault) => {
                let upstream = &pool.upstream().name;
                tracing::warn!(decision_id = %decision.id, %upstream, error = %fault, "no answer");
                let fault = match fault {
                    SendFault::Timeout => Fault::Timeout,
                    SendFault::Connect(_) | SendFault::Broken(_) => Fault::BadGateway,
                };
                self.fail(fault, decision)
            }
        }
    }

    fn pool_of(&self, decision: &Decision<'_>) -> Option<&Rc<Pool>> {
        self.pools.get(decision.matched.as_ref()?.line.route.upstream)
    }

    fn outgoing(
        &self,
        decision: &Decision<'_>,
        request: Request<Incoming>,
        peer: &Peer,
        (pool, leave): (&Pool, &Leave),
    ) -> Result<Request<Incoming>, Fault> {
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
            (Credential::Identity { audience }, Leave::Admitted(admission)) => {
                let identities = self.identities.as_ref().ok_or(Fault::Internal)?;
                let mut entropy = self.entropy.borrow_mut();
                let bearer = identities.bearer(admission, audience, now, &mut **entropy);
                let mut value = HeaderValue::try_from(&*bearer.ok_or(Fault::Internal)?)
                    .map_err(|_| Fault::Internal)?;
                value.set_sensitive(true);
                Ok(Some((header::AUTHORIZATION, value)))
            }
        }
    }
}
