//! The records of all jobs in one transaction. They become one batch of the chain: one row, one seal and one
//! new head cost as much for many records as for one.

use crate::{
    Record, append,
    frame::{Chunk, Framed},
};
use portcullis_store::{Closing, StoreFault, Tx};

/// Records that wait for the end of a transaction.
#[derive(Default)]
pub(crate) struct Gathered {
    chunks: Vec<Chunk>,
    /// What each record made of the last chunk, so that it can be taken back.
    before: Vec<Before>,
    scratch: Vec<u8>,
}

/// How the chunks were before a record came.
struct Before {
    chunks: usize,
    length: usize,
    min_ms: i64,
    max_ms: i64,
}

impl Gathered {
    pub(crate) fn push(&mut self, record: &Record<'_>) -> Result<(), StoreFault> {
        let framed = Framed::new(record, &mut self.scratch).map_err(StoreFault::rejected)?;
        if self.chunks.last().is_none_or(Chunk::is_full) {
            self.chunks.push(Chunk::new(Vec::new()));
        }
        let chunks = self.chunks.len();
        if let Some(last) = self.chunks.last_mut() {
            let (length, min_ms, max_ms) = (last.body.len(), last.min_ms, last.max_ms);
            self.before.push(Before { chunks, length, min_ms, max_ms });
            last.push(&framed);
        }
        Ok(())
    }

    pub(crate) fn into_chunks(self) -> Vec<Chunk> {
        self.chunks
    }
}

impl Closing for Gathered {
    fn len(&self) -> usize {
        self.before.len()
    }

    fn truncate(&mut self, len: usize) {
        while self.before.len() > len
            && let Some(Before { chunks, length, min_ms, max_ms }) = self.before.pop()
        {
            self.chunks.truncate(chunks);
            if let Some(last) = self.chunks.last_mut() {
                last.body.truncate(length);
                (last.min_ms, last.max_ms) = (min_ms, max_ms);
                last.count -= 1;
            }
        }
    }

    fn close(self: Box<Self>, tx: &mut Tx<'_>) -> Result<(), StoreFault> {
        append::chunks(tx, &mut self.into_chunks())
    }
}
