//! A second look at what came over the wire. hyper mends a request with two lengths without a word
//! (RFC 9112 §6.1 allows it); we refuse it, so we keep the last bytes read to see what was mended.

use http::Uri;
use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longer than any head that is accepted.
const KEPT: usize = 64 * 1024;

/// The last bytes read from a connection.
#[derive(Clone, Default)]
pub(crate) struct Tap(Rc<RefCell<Vec<u8>>>);

impl Tap {
    /// The bytes of the last head that has this request line.
    pub(crate) fn head_of(&self, method: &str, uri: &Uri) -> Option<Vec<u8>> {
        let seen = self.0.borrow();
        let line = format!("{method} {uri} HTTP/1.");
        let start = memchr::memmem::rfind(&seen, line.as_bytes())?;
        let rest = seen.get(start..)?;
        let end =
            memchr::memmem::find(rest, b"\r\n\r\n").or_else(|| memchr::memmem::find(rest, b"\n\n"));
        Some(rest.get(..end.unwrap_or(rest.len()))?.to_vec())
    }

    fn saw(&self, bytes: &[u8]) {
        let mut seen = self.0.borrow_mut();
        // Bodies pass by here as well; only the latest bytes can belong to a head.
        let excess = (seen.len() + bytes.len()).saturating_sub(KEPT);
        let excess = excess.min(seen.len());
        seen.drain(..excess);
        seen.extend_from_slice(bytes);
    }

    /// What was seen so far is dealt with: connections that stay open should not stay heavy.
    pub(crate) fn forget(&self) {
        let mut seen = self.0.borrow_mut();
        seen.clear();
        seen.shrink_to(4 * 1024);
    }
}

/// A stream with a [`Tap`] on its reading side.
pub(crate) struct Tapped<S> {
    stream: S,
    tap: Tap,
}

impl<S> Tapped<S> {
    /// Listens in on `stream`.
    pub(crate) fn new(stream: S, tap: Tap) -> Self {
        Self { stream, tap }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(bytes) = buf.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            self.tap.saw(bytes);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
