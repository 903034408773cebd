//! Connections to one upstream, kept for reuse: last in, first out, so that idle ones age and close.

use crate::{
    connect::{self, Connector},
    settings::Upstream,
};
use http::{HeaderValue, Request, Response};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use std::{cell::RefCell, rc::Rc, time::Duration};

/// The most idle connections one worker keeps to one upstream.
const IDLE_LIMIT: usize = 512;

/// One worker's connections to one upstream.
pub(crate) struct Pool {
    upstream: Upstream,
    host: HeaderValue,
    connector: Connector,
    idle: RefCell<Vec<SendRequest<Incoming>>>,
    connect_within: Duration,
    answer_within: Duration,
}

/// A connection that is in use for an answer.
pub(crate) struct Lease {
    pool: Rc<Pool>,
    sender: SendRequest<Incoming>,
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
        request: Request<Incoming>,
    ) -> Result<(Response<Incoming>, Lease), SendFault> {
        let sent = tokio::time::timeout(self.answer_within, self.exchange(request));
        sent.await.map_err(|_| SendFault::Timeout)?
    }

    async fn exchange(
        self: &Rc<Self>,
        mut request: Request<Incoming>,
    ) -> Result<(Response<Incoming>, Lease), SendFault> {
        while let Some(mut sender) = self.take() {
            if sender.ready().await.is_err() {
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

    fn take(&self) -> Option<SendRequest<Incoming>> {
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop()).find(|sender| !sender.is_closed())
    }

    fn lease(self: &Rc<Self>, sender: SendRequest<Incoming>) -> Lease {
        Lease { pool: self.clone(), sender }
    }
}

impl Lease {
    /// The answer has ended: the connection may serve another request.
    pub(crate) fn give_back(self) {
        let mut idle = self.pool.idle.borrow_mut();
        if !self.sender.is_closed() && idle.len() < IDLE_LIMIT {
            idle.push(self.sender);
        }
    }
}
