//! A request that may pass: recorded, sent on, its answer streamed back.

use crate::{
    forwarded,
    pool::{Pool, SendFault},
    record,
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
use tokio::time::Instant;

/// Why a request may pass. Nothing reaches an upstream without it.
#[derive(Clone, Copy)]
pub(crate) enum Leave<'a> {
    /// Its token was admitted.
    Admitted(&'a Admission),
    /// Its route asks for none.
    Public(Public),
}

impl<'a> Leave<'a> {
    const fn admission(self) -> Option<&'a Admission> {
        match self {
            Self::Admitted(admission) => Some(admission),
            Self::Public(_) => None,
        }
    }
}

impl Worker {
    /// Recorded first: what cannot be recorded does not pass.
    pub(crate) async fn pass(
        &self,
        decision: &Decision<'_>,
        request: Request<Incoming>,
        peer: &Peer,
        pass: Leave<'_>,
    ) -> Response<Answer> {
        let facts = pass.admission().map(|admission| record::Facts::Verified(admission.vouched()));
        if self.keep(decision, &request, None, facts.as_ref()).await.is_err() {
            return self.fail(Fault::Unrecorded, decision);
        }
        match self.forward(decision, request, peer, pass).await {
            Ok(response) => response,
            Err(fault) => self.fail(fault, decision),
        }
    }

    async fn forward(
        &self,
        decision: &Decision<'_>,
        request: Request<Incoming>,
        peer: &Peer,
        pass: Leave<'_>,
    ) -> Result<Response<Answer>, Fault> {
        let matched = decision.matched.ok_or(Fault::Internal)?;
        self.shared.metrics.allowed(matched.index);
        let route = &matched.line.route;
        let pool = self.pools.get(route.upstream).ok_or(Fault::Internal)?;
        let credential = self.credential(pool, pass, decision.at)?;
        let said = credential.into_iter().chain([(DECISION_ID, decision.name.clone())]);
        let request = request::outgoing(request, route, pool, peer, said);

        let sent_at = Instant::now();
        let sent = pool.send(request.map_err(|_| Fault::Internal)?).await;
        self.shared.metrics.answered(sent_at.elapsed());
        let (response, lease) = sent.map_err(|fault| {
            let upstream = &pool.upstream().name;
            tracing::warn!(decision_id = %decision.id, %upstream, error = %fault, "no answer");
            match fault {
                SendFault::Timeout => Fault::Timeout,
                SendFault::Connect(_) | SendFault::Broken(_) => Fault::BadGateway,
            }
        })?;
        let (mut head, body) = response.into_parts();
        forwarded::strip_answer(&mut head.headers);
        let idle = self.shared.settings.timeouts.idle.duration();
        Ok(Response::from_parts(head, Answer::relayed(body, lease, idle)))
    }

    /// What the upstream is shown: its own key, or who the caller is; never the caller's token.
    fn credential(
        &self,
        pool: &Pool,
        pass: Leave<'_>,
        now: Timestamp,
    ) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
        match (&pool.upstream().credential, pass) {
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
