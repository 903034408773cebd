//! The gateway's way into the chain: off the path of the request, and never losing a record.
//!
//! [`Journal::record`] adds to a shared buffer and returns; every `flush_interval` one task
//! commits what has gathered. **What a crash can lose**: the records of the last `flush_interval`
//! plus the commit under way (milliseconds, unless the disk fails). With an interval of 0, `record`
//! returns after the commit and a crash loses nothing that was answered; the commits are still shared.
//!
//! A full buffer makes `record` wait. While the disk refuses a commit, `record` returns an error, so
//! that the gateway refuses requests rather than pass them unrecorded; what was taken before is kept
//! and tried again until it is written, and then the journal opens by itself.

mod buffer;
mod task;

use crate::{Record, frame::Framed};
use buffer::{Buffer, Phase, Pushed, Written};
use portcullis_store::{Store, StoreFault};
use portcullis_types::Ttl;
use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::sync::{Notify, watch};

/// A thread keeps this much to serialise records in: enough for nearly all of them.
const SCRATCH_KEPT: usize = 16 * 1024;

/// How much the journal holds and for how long.
#[derive(Clone, Copy, Debug)]
pub struct JournalSettings {
    /// Bytes of records that may wait for the disk before [`Journal::record`] waits too. The limit
    /// may be passed by one record.
    pub capacity_bytes: usize,
    /// How long records may gather before they are committed. 0: every record waits for the disk.
    pub flush_interval: Ttl,
}

/// Why a record was not taken. The request that it belongs to must be refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalClosed {
    /// The journal was closed, or its task is gone.
    #[error("the audit journal is closed")]
    Shut,
    /// The last commit failed. It is tried again, and then records are taken again.
    #[error("the audit journal cannot be written: {0}")]
    Failing(#[source] StoreFault),
    /// The record itself cannot be written as JSON.
    #[error("the record cannot be written: {0}")]
    Unwritable(String),
}

/// A bounded queue of records that one task commits in batches. Cloning is cheap.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

/// The journal's work: spawn it on a runtime with timers. Dropping it closes the journal at once,
/// and what was not yet committed is lost: call [`Journal::close`] and let it end.
#[must_use = "the journal commits nothing until its task is spawned"]
pub struct JournalTask(Pin<Box<dyn Future<Output = ()> + Send>>);

/// What became of a record that was offered.
pub enum Offered {
    /// It will be committed within the flush interval.
    Taken,
    /// It will be committed at once, and the journal was opened to wait for that.
    Awaits(Commit),
    /// It was not taken: there is no room. [`Journal::record`] waits for some.
    Full,
}

/// A commit that is under way.
pub struct Commit(Written);

impl Commit {
    /// Waits until the record is on the disk.
    pub async fn done(self) -> Result<(), JournalClosed> {
        committed(self.0).await
    }
}

impl Future for JournalTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

struct Shared {
    buffer: Mutex<Buffer>,
    capacity: usize,
    interval: Ttl,
    /// There is something to commit. Woken once per batch, not once per record.
    work: Notify,
    /// Do not wait for the interval to pass: the buffer is half full, or the journal closes.
    hurry: Notify,
    /// The buffer has room, or the phase changed.
    space: Notify,
}

impl Journal {
    /// A journal on `store`, and the task to spawn for it.
    pub fn open(store: Store, settings: JournalSettings) -> (Self, JournalTask) {
        let shared = Arc::new(Shared {
            buffer: Mutex::default(),
            capacity: settings.capacity_bytes,
            interval: settings.flush_interval,
            work: Notify::new(),
            hurry: Notify::new(),
            space: Notify::new(),
        });
        let task = task::Task::new(store, shared.clone());
        (Self(shared), JournalTask(Box::pin(task.run())))
    }

    /// Takes `record` if there is room, without waiting: the path of a request on which nothing is slow.
    /// An error means that it was not taken and the request must be refused.
    pub fn offer(&self, record: &Record<'_>) -> Result<Offered, JournalClosed> {
        Ok(match self.0.push(record)? {
            Pushed::Taken => Offered::Taken,
            Pushed::Awaits(written) => Offered::Awaits(Commit(written)),
            Pushed::Full => Offered::Full,
        })
    }

    /// Takes `record`. An error means that it was not taken and the request must be refused.
    ///
    /// Waits while the buffer is full and, with a `flush_interval` of 0, for the commit. If the
    /// returned future is dropped while it waits, the record may or may not be kept.
    pub async fn record(&self, record: &Record<'_>) -> Result<(), JournalClosed> {
        let mut space = None;
        loop {
            match self.0.push(record)? {
                Pushed::Taken => return Ok(()),
                Pushed::Awaits(written) => return committed(written).await,
                // Listen first and look again, so that room made in between is not missed.
                Pushed::Full => match space.take() {
                    None => space = Some(self.0.space.notified()),
                    Some(notified) => notified.await,
                },
            }
        }
    }

    /// Takes no more records, and returns when all that were taken are on the disk. If the disk
    /// keeps failing, gives up after some seconds and logs how many records are lost.
    pub async fn close(&self) {
        self.0.buffer().close();
        self.0.work.notify_one();
        self.0.hurry.notify_one();
        loop {
            let changed = self.0.space.notified();
            if self.0.buffer().is_shut() {
                return;
            }
            changed.await;
        }
    }

    /// Whether the last commit failed, so that records are refused until one succeeds.
    pub fn is_failing(&self) -> bool {
        matches!(self.0.buffer().phase(), Phase::Failing(_))
    }

    /// Bytes of records that are not yet on the disk.
    pub fn depth_bytes(&self) -> usize {
        self.0.buffer().depth()
    }
}

impl Shared {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serialises before it takes the lock: all workers of the gateway share that, and under it there
    /// is nothing but a copy of some hundred bytes.
    fn push(&self, record: &Record<'_>) -> Result<Pushed, JournalClosed> {
        thread_local! {
            static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let framed = Framed::new(record, scratch);
            let pushed = self.put(&framed.map_err(|e| JournalClosed::Unwritable(e.to_string()))?);
            scratch.shrink_to(SCRATCH_KEPT);
            pushed
        })
    }

    fn put(&self, framed: &Framed<'_>) -> Result<Pushed, JournalClosed> {
        let mut buffer = self.buffer();
        match buffer.phase() {
            Phase::Open => {}
            Phase::Failing(fault) => return Err(JournalClosed::Failing(fault.clone())),
            Phase::Closing | Phase::Shut => return Err(JournalClosed::Shut),
        }
        if buffer.depth() >= self.capacity && buffer.depth() > 0 {
            // Somebody waits now; the interval is for when nobody does.
            self.hurry.notify_one();
            return Ok(Pushed::Full);
        }
        let before = buffer.gathering.bytes;
        buffer.gathering.push(framed);
        let half = self.capacity / 2;
        let crossed = before < half && buffer.gathering.bytes >= half;
        let pushed = if self.interval.duration().is_zero() {
            Pushed::Awaits(buffer.gathering.listen())
        } else {
            Pushed::Taken
        };
        drop(buffer);
        if before == 0 {
            self.work.notify_one();
        }
        if crossed {
            self.hurry.notify_one();
        }
        Ok(pushed)
    }
}

async fn committed(
    mut written: watch::Receiver<Option<Result<(), StoreFault>>>,
) -> Result<(), JournalClosed> {
    match written.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(Ok(()))) => Ok(()),
        Ok(Some(Err(fault))) => Err(JournalClosed::Failing(fault.clone())),
        Ok(None) | Err(_) => Err(JournalClosed::Shut),
    }
}
