//! A request's body on its way to an upstream. It notes when it moved, because an upstream cannot be late
//! with its answer while it is still being asked.

use crate::content::Content;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// The body, and who watches it.
pub(crate) struct Upload {
    body: Content,
    progress: Option<Rc<Progress>>,
}

/// How a body moves.
pub(crate) struct Progress {
    last: Cell<Instant>,
    ended: Cell<bool>,
}

/// Who kept whom waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// The upstream, with its answer.
    Answer,
    /// The caller, with the next part of the body.
    Body,
}

impl Upload {
    /// Watches the body, unless there is none.
    pub(crate) fn new(body: Content) -> (Self, Option<Rc<Progress>>) {
        let progress = (!body.is_end_stream()).then(Progress::new);
        (Self { body, progress: progress.clone() }, progress)
    }
}

impl Progress {
    fn new() -> Rc<Self> {
        Rc::new(Self { last: Cell::new(Instant::now()), ended: Cell::new(false) })
    }

    /// A part was sent just now.
    fn moved(&self, ended: bool) {
        self.last.set(Instant::now());
        self.ended.set(ended);
    }

    /// Waits for an answer. It is late only when all of the body was sent `within` ago.
    pub(crate) async fn patient<T>(
        &self,
        answer: impl Future<Output = T>,
        within: Duration,
    ) -> Result<T, Late> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let deadline = self.last.get() + within;
            tokio::select! {
                answer = answer.as_mut() => return Ok(answer),
                () = tokio::time::sleep_until(deadline) => {}
            }
            if deadline == self.last.get() + within {
                return Err(if self.ended.get() { Late::Answer } else { Late::Body });
            }
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let (Some(progress), Poll::Ready(part)) = (&self.progress, &polled) {
            progress.moved(part.is_none() || self.body.is_end_stream());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn an_upload_may_take_longer_than_an_answer() {
        let progress = Progress::new();
        let upload = async {
            for part in 0..10 {
                tokio::time::sleep(Duration::from_secs(50)).await;
                progress.moved(part == 9);
            }
            tokio::time::sleep(Duration::from_secs(50)).await;
            "answer"
        };
        assert_eq!(progress.patient(upload, WITHIN).await, Ok("answer"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_has_all_of_the_body_and_is_silent_is_late() {
        let progress = Progress::new();
        progress.moved(true);
        let late = progress.patient(std::future::pending::<()>(), WITHIN).await;
        assert_eq!(late, Err(Late::Answer));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_is_the_callers_fault() {
        let progress = Progress::new();
        let late = progress.patient(std::future::pending::<()>(), WITHIN).await;
        assert_eq!(late, Err(Late::Body));
    }
}
