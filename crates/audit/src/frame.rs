//! How records lie in the body of a batch: length (4 bytes, little-endian), JSON, hash (32 bytes).

use crate::{
    Record,
    chain::{self, Hash},
    redact, write,
};
use portcullis_store::StoreFault;
use serde_json::Error;

const LENGTH: usize = 4;
const HASH: usize = 32;

/// Records on their way into one batch. The room for each hash is left open until the transaction
/// that knows the head of the chain.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) body: Vec<u8>,
    pub(crate) count: u64,
    /// The earliest and latest time by which one of the records may be looked up.
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
}

impl Chunk {
    /// Empty, on a buffer that may have been used before.
    pub(crate) fn new(mut body: Vec<u8>) -> Self {
        body.clear();
        Self { body, count: 0, min_ms: i64::MAX, max_ms: i64::MIN }
    }

    /// Serialises `record` straight into the body; on an error nothing of it stays.
    pub(crate) fn push(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let start = self.body.len();
        self.body.extend_from_slice(&[0; LENGTH]);
        if let Err(error) = self.fill(record, start) {
            self.body.truncate(start);
            return Err(error);
        }
        let [earliest, latest] = record.times();
        self.min_ms = self.min_ms.min(earliest.millis());
        self.max_ms = self.max_ms.max(latest.millis());
        self.count += 1;
        Ok(())
    }

    fn fill(&mut self, record: &Record<'_>, start: usize) -> Result<(), Error> {
        write::record(record, &mut self.body)?;
        redact::tokens(&mut self.body, start + LENGTH);
        let length = self.body.len() - start - LENGTH;
        let length = u32::try_from(length).map_err(serde::ser::Error::custom)?;
        if let Some(field) = self.body.get_mut(start..start + LENGTH) {
            field.copy_from_slice(&length.to_le_bytes());
        }
        self.body.extend_from_slice(&[0; HASH]);
        Ok(())
    }

    /// Fills in the hashes of records that follow `previous`, the first of them being number
    /// `seq`; returns the last hash. May be done again with another head.
    pub(crate) fn link(&mut self, mut previous: Hash, mut seq: u64) -> Result<Hash, StoreFault> {
        let mut rest = self.body.as_mut_slice();
        while !rest.is_empty() {
            let (json, hash, after) = split_mut(rest).ok_or_else(unreadable)?;
            previous = chain::link(&previous, seq, json);
            *hash = previous;
            seq += 1;
            rest = after;
        }
        Ok(previous)
    }
}

fn unreadable() -> StoreFault {
    StoreFault::rejected("an audit batch is unreadable")
}

fn split_mut(body: &mut [u8]) -> Option<(&[u8], &mut Hash, &mut [u8])> {
    let (length, rest) = body.split_first_chunk_mut::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (json, rest) = rest.split_at_mut_checked(length)?;
    let (hash, rest) = rest.split_first_chunk_mut::<HASH>()?;
    Some((json, hash, rest))
}

/// A record as it is stored.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) json: &'a [u8],
    pub(crate) hash: &'a Hash,
}

impl Frame<'_> {
    /// Reads the record. Says nothing about whether the chain around it is whole.
    pub(crate) fn record(&self) -> Result<Record<'static>, StoreFault> {
        serde_json::from_slice(self.json)
            .map_err(|e| StoreFault::rejected(format_args!("an audit record is unreadable: {e}")))
    }
}

/// The records of a stored body; ends with an error if the body is no row of frames.
pub(crate) struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    pub(crate) const fn of(body: &'a [u8]) -> Self {
        Self(body)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, StoreFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let (frame, rest) = split(self.0).map_or((Err(unreadable()), &[][..]), |(f, r)| (Ok(f), r));
        self.0 = rest;
        Some(frame)
    }
}

fn split(body: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (length, rest) = body.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (json, rest) = rest.split_at_checked(length)?;
    let (hash, rest) = rest.split_first_chunk::<HASH>()?;
    Some((Frame { json, hash }, rest))
}
