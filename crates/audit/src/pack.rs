//! The body of a batch as it lies in the database: as it is, or as one LZ4 block.
//!
//! Records are alike, so a batch shrinks to a third or less, and with it what SQLite copies, sums
//! and syncs. Neither the chain nor the seals know of it: both speak of the records alone.

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};
use portcullis_store::{Row, StoreFault};
use std::{borrow::Cow, cell::RefCell};

/// Smaller bodies stay as they are: there is nothing in them to find twice.
const WORTHWHILE: usize = 1024;
/// A chunk is closed at 128 KiB, and a last record of 1 MiB would be a strange one. What is larger is
/// stored as it is, so that nothing that is read can ask for more memory.
const LARGEST: usize = (128 << 10) + (1 << 20);

/// Hands on what is stored of a body, and its own length if that was compressed.
///
/// The writer's thread keeps its tables: to map and clear fresh memory for every batch costs as much
/// as the compression.
pub(crate) fn packed<T>(body: &[u8], store: impl FnOnce(&[u8], Option<i64>) -> T) -> T {
    thread_local! {
        static SCRATCH: RefCell<(CompressTable, Vec<u8>)> = RefCell::default();
    }
    if !(WORTHWHILE..=LARGEST).contains(&body.len()) {
        return store(body, None);
    }
    SCRATCH.with_borrow_mut(|(table, scratch)| {
        let room = get_maximum_output_size(body.len());
        if scratch.len() < room {
            scratch.resize(room, 0);
        }
        let written = compress_into_with_table(body, scratch, table).ok();
        let block = written.and_then(|written| scratch.get(..written));
        match block.filter(|block| block.len() < body.len()) {
            Some(block) => store(block, i64::try_from(body.len()).ok()),
            None => store(body, None),
        }
    })
}

/// The body in columns `body` and `length` of `row`. Never longer than `length` says, nor than any
/// of ours; whether it is a row of records is for [`Frames`](crate::frame::Frames) to find.
pub(crate) fn unpack(row: &Row, body: usize, length: usize) -> Result<Cow<'_, [u8]>, StoreFault> {
    let (body, length) = (row.blob(body)?, row.opt_int(length)?);
    let Some(length) = length else { return Ok(Cow::Borrowed(body)) };
    let damaged = || StoreFault::rejected("an audit batch cannot be decompressed");
    let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST);
    let mut raw = vec![0; length.ok_or_else(damaged)?];
    match decompress_into(body, &mut raw) {
        Ok(written) if written == raw.len() => Ok(Cow::Owned(raw)),
        _ => Err(damaged()),
    }
}
