//! How records lie in the body of a batch: length (4 bytes, little-endian), JSON, hash (32 bytes).

use crate::{
    Record,
    chain::{Hash, Linker},
    redact, write,
};
use portcullis_store::StoreFault;
use portcullis_types::Timestamp;
use serde_json::Error;

const LENGTH: usize = 4;
const HASH: usize = 32;
/// Size from which a batch is closed and another begun, so that looking one record up stays cheap.
const FULL: usize = 128 * 1024;

/// A record ready to be put into a batch: its frame, the room for the hash included.
pub(crate) struct Framed<'a> {
    bytes: &'a [u8],
    times: [Timestamp; 2],
}

impl<'a> Framed<'a> {
    /// Serialises `record` into `scratch`, which may have been used before.
    pub(crate) fn new(record: &Record<'_>, scratch: &'a mut Vec<u8>) -> Result<Self, Error> {
        scratch.clear();
        scratch.extend_from_slice(&[0; LENGTH]);
        write::record(record, scratch)?;
        redact::tokens(scratch, LENGTH);
        let length = u32::try_from(scratch.len() - LENGTH).map_err(serde::ser::Error::custom)?;
        if let Some(field) = scratch.first_chunk_mut::<LENGTH>() {
            *field = length.to_le_bytes();
        }
        scratch.extend_from_slice(&[0; HASH]);
        Ok(Self { bytes: scratch, times: record.times() })
    }

    /// What it adds to a body.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }
}

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

    /// Whether the next record belongs into another batch.
    pub(crate) const fn is_full(&self) -> bool {
        self.body.len() >= FULL
    }

    /// Takes a record in.
    pub(crate) fn push(&mut self, framed: &Framed<'_>) {
        self.body.extend_from_slice(framed.bytes);
        let [earliest, latest] = framed.times;
        self.min_ms = self.min_ms.min(earliest.millis());
        self.max_ms = self.max_ms.max(latest.millis());
        self.count += 1;
    }

    /// Fills in the hashes of records that follow `previous`, the first of them being number
    /// `seq`; returns the last hash. May be done again with another head.
    pub(crate) fn link(&mut self, mut previous: Hash, mut seq: u64) -> Result<Hash, StoreFault> {
        let mut linker = Linker::default();
        let mut rest = self.body.as_mut_slice();
        while !rest.is_empty() {
            let (json, hash, after) = split_mut(rest).ok_or_else(unreadable)?;
            previous = linker.link(&previous, seq, json);
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
