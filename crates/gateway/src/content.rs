//! The body of a request: as it comes in, or all of it, where it had to be read before it may go on.

use crate::settings::Timeouts;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use portcullis_types::BodyFault;
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

/// A request's body.
pub(crate) enum Content {
    /// As it comes.
    Streamed(Incoming),
    /// All of it; `None` once it was sent.
    Read(Option<Bytes>),
}

impl Content {
    /// Reads all of it, up to `limit` bytes. What was read is still there to be sent.
    pub(crate) async fn read(
        &mut self,
        limit: u64,
        timeouts: &Timeouts,
    ) -> Result<Bytes, BodyFault> {
        let body = match self {
            Self::Read(bytes) => return Ok(bytes.clone().unwrap_or_default()),
            Self::Streamed(body) => body,
        };
        if body.size_hint().lower() > limit {
            return Err(BodyFault::TooLarge { limit });
        }
        let within = timeouts.idle.duration();
        let read = tokio::time::timeout(within, collect(body, limit)).await;
        let bytes = read.map_err(|_| BodyFault::Stalled)??;
        *self = Self::Read(Some(bytes.clone()));
        Ok(bytes)
    }

    /// Sends this instead of what was read.
    pub(crate) fn replace(&mut self, bytes: Bytes) {
        *self = Self::Read(Some(bytes));
    }

    /// How long it is, if it was read.
    pub(crate) fn length(&self) -> Option<usize> {
        match self {
            Self::Read(bytes) => Some(bytes.as_ref().map_or(0, Bytes::len)),
            Self::Streamed(_) => None,
        }
    }
}

/// Most bodies are one part, which is not copied.
async fn collect(body: &mut Incoming, limit: u64) -> Result<Bytes, BodyFault> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| BodyFault::BrokenOff)?;
        let Ok(part) = frame.into_data() else { continue };
        if (first.len() + all.len() + part.len()) as u64 > limit {
            return Err(BodyFault::TooLarge { limit });
        }
        if first.is_empty() && all.is_empty() {
            first = part;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&part);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

impl Body for Content {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Streamed(body) => Pin::new(body).poll_frame(cx),
            Self::Read(bytes) => {
                let rest = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(rest.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Streamed(body) => body.is_end_stream(),
            Self::Read(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Streamed(body) => body.size_hint(),
            Self::Read(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}
