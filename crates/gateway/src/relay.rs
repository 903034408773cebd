//! The body of an answer: our own words, or the upstream's as they come. A relayed body holds its
//! connection and gives it back when it has ended; dropped before that, it closes the connection,
//! which tells the upstream to stop.

use crate::{open::Busy, pool::Lease};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// An answer's body.
pub(crate) enum Answer {
    /// All of it, at once.
    Full(Option<Bytes>),
    /// As the upstream sends it.
    Relayed(Box<Relay>),
}

/// What comes from an upstream.
pub(crate) struct Relay {
    body: Incoming,
    lease: Option<Lease>,
    /// The connection is busy for as long as this body lasts.
    busy: Option<Busy>,
    idle: Duration,
    /// Armed only while the upstream lets us wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Answer {
    /// A body of our own.
    pub(crate) const fn full(body: Bytes) -> Self {
        Self::Full(Some(body))
    }

    /// The upstream's body; `idle` is the longest silence between two parts.
    pub(crate) fn relayed(body: Incoming, lease: Lease, idle: Duration) -> Self {
        Self::Relayed(Box::new(Relay { body, lease: Some(lease), busy: None, idle, timer: None }))
    }
}

impl Answer {
    /// Keeps the connection busy until the body has ended. Words of our own are there at once.
    pub(crate) fn hold(&mut self, busy: Busy) {
        if let Self::Relayed(relay) = self {
            relay.busy = Some(busy);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Full(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Relayed(relay) => relay.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(body) => body.is_none(),
            Self::Relayed(relay) => relay.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(Some(body)) => SizeHint::with_exact(body.len() as u64),
            Self::Full(None) => SizeHint::with_exact(0),
            Self::Relayed(relay) => relay.body.size_hint(),
        }
    }
}

impl Relay {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                // Trailers are for one hop only: no `TE: trailers` was forwarded.
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {}
                Poll::Ready(Some(Ok(frame))) => {
                    self.timer = None;
                    self.busy.iter_mut().for_each(Busy::moved);
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.lease = None;
                    return Poll::Ready(Some(Err(io::Error::other(error))));
                }
                Poll::Ready(None) => {
                    self.give_back();
                    return Poll::Ready(None);
                }
                Poll::Pending => return self.poll_idle(cx),
            }
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + self.idle)));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.lease = None;
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the upstream fell silent"))))
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // With a known length the server never asks for the end of the body.
        if self.body.is_end_stream() {
            self.give_back();
        }
    }
}
