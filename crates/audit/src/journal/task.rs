//! The one task that takes what has gathered and commits it.

use super::{Shared, buffer::Batch};
use crate::{append, frame::Chunk};
use portcullis_store::{Store, StoreFault};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// Pause before a failed commit is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a failed commit is tried again while closing.
const LAST_TRIES: u32 = 15;

pub(super) struct Task {
    store: Store,
    shared: Arc<Shared>,
}

/// If the task is dropped before its end, nobody may wait for it any more.
impl Drop for Task {
    fn drop(&mut self) {
        self.shared.buffer().shut();
        self.shared.space.notify_waiters();
    }
}

impl Task {
    pub(super) const fn new(store: Store, shared: Arc<Shared>) -> Self {
        Self { store, shared }
    }

    pub(super) async fn run(self) {
        loop {
            self.shared.work.notified().await;
            if !self.shared.interval.duration().is_zero() {
                // Either way it is time: the interval has passed, or it must not be waited for.
                let _ =
                    timeout(self.shared.interval.duration(), self.shared.hurry.notified()).await;
            }
            let (batch, closing) = {
                let mut buffer = self.shared.buffer();
                (buffer.take(), buffer.is_closing())
            };
            if !batch.is_empty() {
                self.commit(batch).await;
            }
            if closing {
                return;
            }
        }
    }

    async fn commit(&self, batch: Batch) {
        let chunks = Arc::new(Mutex::new(batch.chunks));
        let outcome = match &batch.written {
            // Each record's caller waits for the outcome and is told; there is nothing to keep.
            Some(_) => self.attempt(&chunks).await,
            None => self.until_written(&chunks).await,
        };
        let chunks = std::mem::take(&mut *chunks.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.buffer().settled(chunks);
        self.shared.space.notify_waiters();
        if let Some(written) = batch.written {
            written.send_replace(Some(outcome));
        }
    }

    async fn until_written(&self, chunks: &Arc<Mutex<Vec<Chunk>>>) -> Result<(), StoreFault> {
        let mut last_tries = LAST_TRIES;
        let mut failed = false;
        loop {
            let Err(fault) = self.attempt(chunks).await else {
                if failed {
                    tracing::info!("the audit journal is written again");
                }
                return Ok(());
            };
            failed = true;
            let (news, closing) = {
                let mut buffer = self.shared.buffer();
                (buffer.fail(&fault), buffer.is_closing())
            };
            // Those who wait for room must hear of the failure.
            self.shared.space.notify_waiters();
            if news {
                tracing::error!(%fault, "the audit journal cannot be written; requests are refused");
            }
            if closing {
                last_tries -= 1;
                if last_tries == 0 {
                    let lost = count(chunks);
                    tracing::error!(%fault, lost, "the audit journal was closed with records lost");
                    return Err(fault);
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, chunks: &Arc<Mutex<Vec<Chunk>>>) -> Result<(), StoreFault> {
        let chunks = chunks.clone();
        let job = move |tx: &mut portcullis_store::Tx<'_>| {
            append::chunks(tx, &mut chunks.lock().unwrap_or_else(PoisonError::into_inner))
        };
        self.store.write(job).await
    }
}

fn count(chunks: &Mutex<Vec<Chunk>>) -> u64 {
    chunks.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|chunk| chunk.count).sum()
}
