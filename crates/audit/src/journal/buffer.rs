//! What waits for the disk.

use crate::frame::{Chunk, Framed};
use portcullis_store::StoreFault;
use tokio::sync::watch;

/// Used buffers kept for reuse.
const SPARE: usize = 8;

pub(super) type Written = watch::Receiver<Option<Result<(), StoreFault>>>;

pub(super) enum Pushed {
    /// It will be committed with the next batch.
    Taken,
    /// It waits for this commit.
    Awaits(Written),
    /// Not taken: no room.
    Full,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Phase {
    #[default]
    Open,
    /// The last commit failed.
    Failing(StoreFault),
    /// No more records; what is there is still to be committed.
    Closing,
    /// Nothing will be committed any more.
    Shut,
}

#[derive(Default)]
pub(super) struct Buffer {
    pub(super) gathering: Batch,
    /// Bytes in the batch that is being committed.
    under_way: usize,
    phase: Phase,
    spare: Vec<Vec<u8>>,
}

impl Buffer {
    pub(super) const fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(super) const fn depth(&self) -> usize {
        self.gathering.bytes + self.under_way
    }

    /// The batch to commit; from now on another one gathers.
    pub(super) fn take(&mut self) -> Batch {
        let next = Batch { spare: std::mem::take(&mut self.spare), ..Batch::default() };
        let mut batch = std::mem::replace(&mut self.gathering, next);
        self.gathering.spare.append(&mut batch.spare);
        self.under_way = batch.bytes;
        batch
    }

    /// The batch under way is on the disk, or given up. Its buffers are used again.
    pub(super) fn settled(&mut self, chunks: Vec<Chunk>) {
        self.under_way = 0;
        if let Phase::Failing(_) = self.phase {
            self.phase = Phase::Open;
        }
        let room = SPARE.saturating_sub(self.gathering.spare.len());
        self.gathering.spare.extend(chunks.into_iter().map(|chunk| chunk.body).take(room));
    }

    /// Returns whether that is news.
    pub(super) fn fail(&mut self, fault: &StoreFault) -> bool {
        let news = matches!(self.phase, Phase::Open);
        if let Phase::Open | Phase::Failing(_) = self.phase {
            self.phase = Phase::Failing(fault.clone());
        }
        news
    }

    pub(super) fn close(&mut self) {
        if !self.is_shut() {
            self.phase = Phase::Closing;
        }
    }

    /// Whoever waits for a commit that will not come is told by the batch being dropped.
    pub(super) fn shut(&mut self) {
        self.phase = Phase::Shut;
        self.under_way = 0;
        self.gathering = Batch::default();
    }

    pub(super) const fn is_shut(&self) -> bool {
        matches!(self.phase, Phase::Shut)
    }

    pub(super) const fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Shut)
    }
}

/// Records that will be committed together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) chunks: Vec<Chunk>,
    pub(super) bytes: usize,
    /// Tells those who wait for this very commit.
    pub(super) written: Option<watch::Sender<Option<Result<(), StoreFault>>>>,
    spare: Vec<Vec<u8>>,
}

impl Batch {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn push(&mut self, framed: &Framed<'_>) {
        if self.chunks.last().is_none_or(Chunk::is_full) {
            self.chunks.push(Chunk::new(self.spare.pop().unwrap_or_default()));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(framed);
            self.bytes += framed.len();
        }
    }

    pub(super) fn listen(&mut self) -> Written {
        self.written.get_or_insert_with(|| watch::Sender::new(None)).subscribe()
    }
}
