//! A second look at what came over the wire. hyper mends a request with two lengths without a word
//! (RFC 9112 §6.1 allows it); we refuse it, so we keep the last bytes read to see what was mended.

use http::{Method, Uri};
use memchr::memmem;
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

/// The last bytes read from a connection since the last request on it.
#[derive(Clone, Default)]
pub(crate) struct Tap(Rc<RefCell<Seen>>);

/// Two buffers in turn: bodies pass by here too, and only the latest bytes can hold a head.
#[derive(Default)]
struct Seen {
    before: Vec<u8>,
    latest: Vec<u8>,
}

impl Tap {
    /// Whether a head with this request line says `Content-Length`; `None` if there is none.
    ///
    /// A body may quote such a head. Then the answer may be true although the real one says nothing: a
    /// refusal too many, of a request that no honest client sends.
    pub(crate) fn says_length(&self, method: &Method, uri: &Uri) -> Option<bool> {
        let seen = self.0.borrow();
        let bytes = [&*seen.before, &*seen.latest].concat();
        // A fragment is cut off before we see the path, but stands in the head.
        let line = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{method} {scheme}://{authority}"),
            _ => format!("{method} {}", uri.path()),
        };
        let heads = memmem::find_iter(&bytes, line.as_bytes()).filter_map(|at| bytes.get(at..));
        heads.map(says_length).reduce(|any, says| any || says)
    }

    fn saw(&self, bytes: &[u8]) {
        let mut seen = self.0.borrow_mut();
        if seen.latest.len() + bytes.len() > KEPT {
            seen.before = std::mem::take(&mut seen.latest);
        }
        seen.latest.extend_from_slice(bytes);
    }

    /// What was seen so far is dealt with: connections that stay open should not stay heavy.
    pub(crate) fn forget(&self) {
        let mut seen = self.0.borrow_mut();
        seen.before = Vec::new();
        seen.latest.clear();
        seen.latest.shrink_to(4 * 1024);
    }
}

/// Up to the empty line, or to the end if that is missing.
fn says_length(head: &[u8]) -> bool {
    let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.take_while(|line| !line.is_empty()).any(|line| {
        let name = line.split(|byte| *byte == b':').next();
        name.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"content-length"))
    })
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
