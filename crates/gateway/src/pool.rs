//! Connections to one upstream, kept for reuse: last in, first out, so that idle ones age and close.

use crate::{
    connect::{self, Connector},
    content::Content,
    settings::Upstream,
    upload::{Late, Upload},
};
use http::{HeaderValue, Request, Response};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

/// The most idle connections one worker keeps to one upstream.
const IDLE_LIMIT: usize = 512;

/// How long one may be idle.
const IDLE_SECONDS: u64 = 60;

/// A connection whose last answer has ended is ready at once, or as soon as its own task has run. One that
/// still sends a body is not: nobody waits for a stranger's upload.
async fn soon_ready(sender: &mut SendRequest<Upload>) -> bool {
    let ready = tokio::time::timeout(Duration::from_millis(20), sender.ready());
    matches!(ready.await, Ok(Ok(())))
}

/// One worker's connections to one upstream.
pub(crate) struct Pool {
    upstream: Upstream,
    host: HeaderValue,
    connector: Connector,
    /// Each with the second in which it was put there.
    idle: RefCell<Vec<(SendRequest<Upload>, u64)>>,
    second: Cell<u64>,
    connect_within: Duration,
    answer_within: Duration,
}

/// A connection that is in use for an answer.
pub(crate) struct Lease {
    pool: Rc<Pool>,
    sender: SendRequest<Upload>,
}

/// Why an upstream gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendFault {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(#[from] connect::ConnectFault),
    /// The connection broke before the answer came.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The caller stopped sending its request.
    #[error("the caller stopped sending")]
    Stalled,
}

impl From<Late> for SendFault {
    fn from(late: Late) -> Self {
        match late {
            Late::Answer => Self::Timeout,
            Late::Body => Self::Stalled,
        }
    }
}

impl Pool {
    /// No connection is made yet.
    pub(crate) fn new(
        upstream: Upstream,
        connector: Connector,
        connect_within: Duration,
        answer_within: Duration,
    ) -> Rc<Self> {
        // An authority has no character that a header may not have.
        let host = HeaderValue::try_from(upstream.authority.as_str());
        let host = host.unwrap_or_else(|_| HeaderValue::from_static(""));
        Rc::new(Self {
            upstream,
            host,
            connector,
            idle: RefCell::default(),
            second: Cell::new(0),
            connect_within,
            answer_within,
        })
    }

    /// Whom it leads to.
    pub(crate) const fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Its `Host`.
    pub(crate) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Sends a request and waits for the head of the answer. A kept connection that turns out to be
    /// closed before anything was written is replaced; a request that may have arrived is not repeated.
    pub(crate) async fn send(
        self: &Rc<Self>,
        request: Request<Content>,
    ) -> Result<(Response<Incoming>, Lease), SendFault> {
        let (head, body) = request.into_parts();
        let (body, progress) = Upload::new(body);
        let exchange = self.exchange(Request::from_parts(head, body));
        match progress {
            None => tokio::time::timeout(self.answer_within, exchange)
                .await
                .map_err(|_| SendFault::Timeout)?,
            Some(progress) => {
                let answer = progress.patient(exchange, self.answer_within);
                Box::pin(answer).await.unwrap_or_else(|late| Err(late.into()))
            }
        }
    }

    async fn exchange(
        self: &Rc<Self>,
        mut request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Lease), SendFault> {
        while let Some(mut sender) = self.take() {
            if !sender.is_ready() && !Box::pin(soon_ready(&mut sender)).await {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, self.lease(sender))),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let sender = connect::open(&self.upstream, &self.connector, self.connect_within);
        // Rare and large: boxed, so that the future of a request stays small.
        let mut sender = Box::pin(sender).await?;
        match sender.try_send_request(request).await {
            Ok(response) => Ok((response, self.lease(sender))),
            Err(error) => Err(error.into_error().into()),
        }
    }

    fn take(&self) -> Option<SendRequest<Upload>> {
        let mut idle = self.idle.borrow_mut();
        let senders = std::iter::from_fn(|| idle.pop()).map(|(sender, _)| sender);
        senders.into_iter().find(|sender| !sender.is_closed())
    }

    /// To be called once a second. A connection that was idle for long may be dead without a sign: behind a
    /// router that forgets, the next request on it would wait for nothing.
    pub(crate) fn tick(&self) {
        let second = self.second.get() + 1;
        self.second.set(second);
        self.idle
            .borrow_mut()
            .retain(|(sender, since)| !sender.is_closed() && second < since + IDLE_SECONDS);
    }

    fn lease(self: &Rc<Self>, sender: SendRequest<Upload>) -> Lease {
        Lease { pool: self.clone(), sender }
    }
}

impl Lease {
    /// The answer has ended: the connection may serve another request.
    pub(crate) fn give_back(self) {
        let mut idle = self.pool.idle.borrow_mut();
        if !self.sender.is_closed() && idle.len() < IDLE_LIMIT {
            idle.push((self.sender, self.pool.second.get()));
        }
    }
}
