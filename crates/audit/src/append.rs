//! Lengthening the chain, inside the transaction of whoever decides.

use crate::{
    Anchor, AuditKey, Record, about,
    chain::{self, GENESIS, Hash},
    frame::Chunk,
    gathered::Gathered,
    pack,
};
use portcullis_store::{Store, StoreFault, Tx};
use std::sync::Arc;

pub(crate) const BATCH_SEAL: [u8; 6] = *b"batch\0";
pub(crate) const HEAD_SEAL: [u8; 6] = *b"head\0\0";

/// Gives `store` the key of the seals. Call it right after opening, in every process that writes:
/// a chain is sealed from its first record to its last, or not at all.
pub fn seal_with(store: &Store, key: AuditKey) {
    store.attach(key);
}

/// Writes `record` as one of the next of the chain, at the end of the transaction. It is kept if and only if
/// the transaction is.
///
/// Refuses to lengthen a chain whose head was altered: a cut end must stay visible.
pub fn append(tx: &mut Tx<'_>, record: &Record<'_>) -> Result<(), StoreFault> {
    tx.closing::<Gathered>()?.push(record)?;
    about::note(tx, record)
}

/// [`append`] at once, for who must see the record in the chain. Of the jobs in one transaction it comes first.
pub(crate) fn append_now(tx: &mut Tx<'_>, record: &Record<'_>) -> Result<(), StoreFault> {
    let mut gathered = Gathered::default();
    gathered.push(record)?;
    chunks(tx, &mut gathered.into_chunks())?;
    about::note(tx, record)
}

/// The last record's place and hash, as the database has it; `None` before the first record.
pub fn head(tx: &mut Tx<'_>) -> Result<Option<Anchor>, StoreFault> {
    Ok(stored_head(tx)?.map(|head| head.at))
}

pub(crate) struct StoredHead {
    pub(crate) at: Anchor,
    pub(crate) seal: Option<Vec<u8>>,
}

impl StoredHead {
    pub(crate) fn is_sealed_by(&self, key: &AuditKey) -> bool {
        let seal = self.seal.as_deref().unwrap_or_default();
        key.holds(seal, HEAD_SEAL, &[self.at.seq], &[&self.at.hash])
    }
}

pub(crate) fn stored_head(tx: &mut Tx<'_>) -> Result<Option<StoredHead>, StoreFault> {
    let sql = "SELECT last_seq, last_hash, seal FROM audit_head WHERE id = 1";
    let Some(row) = tx.query_row(sql, &[])? else { return Ok(None) };
    let at = Anchor { seq: chain::seq(row.int(0)?)?, hash: hash(row.blob(1)?)? };
    Ok(Some(StoredHead { at, seal: row.opt_blob(2)?.map(<[u8]>::to_vec) }))
}

pub(crate) fn hash(bytes: &[u8]) -> Result<Hash, StoreFault> {
    bytes.try_into().map_err(|_| StoreFault::rejected("an audit hash has a wrong length"))
}

/// Writes each chunk as one batch. Never keeps the head in memory: another process may have
/// lengthened the chain since.
pub(crate) fn chunks(tx: &mut Tx<'_>, chunks: &mut [Chunk]) -> Result<(), StoreFault> {
    let key = tx.attached::<AuditKey>();
    let mut at = trusted_head(tx, key.as_deref())?;
    for chunk in chunks.iter_mut().filter(|chunk| chunk.count > 0) {
        at = insert(tx, chunk, &at, key.as_ref())?;
    }
    let seal = key.map(|key| key.seal(HEAD_SEAL, &[at.seq], &[&at.hash]));
    tx.execute(
        "INSERT INTO audit_head (id, last_seq, last_hash, seal) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq, \
         last_hash = excluded.last_hash, seal = excluded.seal",
        &[chain::stored(at.seq)?.into(), (&at.hash).into(), seal.as_ref().into()],
    )?;
    Ok(())
}

/// Attack: cut the chain's end and set the head back. If the next batch sealed that head anew, the
/// cut would be healed for good.
fn trusted_head(tx: &mut Tx<'_>, key: Option<&AuditKey>) -> Result<Anchor, StoreFault> {
    let Some(head) = stored_head(tx)? else {
        return Ok(Anchor { seq: 0, hash: GENESIS });
    };
    let problem = match (key, &head.seal) {
        (Some(key), Some(_)) if head.is_sealed_by(key) => return Ok(head.at),
        (None, None) => return Ok(head.at),
        (Some(_), Some(_)) => "the head of the audit chain was altered, or its key is another one",
        (Some(_), None) => "the audit chain was begun without a key, and this process has one",
        (None, Some(_)) => "the audit chain is sealed, and this process has no key for it",
    };
    Err(StoreFault::rejected(format_args!("{problem}; nothing is written to it")))
}

fn insert(
    tx: &mut Tx<'_>,
    chunk: &mut Chunk,
    after: &Anchor,
    key: Option<&Arc<AuditKey>>,
) -> Result<Anchor, StoreFault> {
    let first = after.seq + 1;
    let last_hash = chunk.link(after.hash, first)?;
    let (count, min, max) = (chunk.count, chunk.min_ms, chunk.max_ms);
    let numbers = batch_numbers(first, count, min, max);
    let seal = key.map(|key| key.seal(BATCH_SEAL, &numbers, &[&after.hash, &last_hash]));
    let (first, stored_count) = (chain::stored(first)?, chain::stored(count)?);
    pack::packed(&chunk.body, |body, length| {
        tx.execute(
            "INSERT INTO audit (first_seq, count, min_ms, max_ms, prev_hash, last_hash, seal, \
             body, body_length) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                first.into(),
                stored_count.into(),
                min.into(),
                max.into(),
                (&after.hash).into(),
                (&last_hash).into(),
                seal.as_ref().into(),
                body.into(),
                length.into(),
            ],
        )
    })?;
    Ok(Anchor { seq: after.seq + count, hash: last_hash })
}

/// The numbers under a batch's seal.
pub(crate) const fn batch_numbers(first: u64, count: u64, min_ms: i64, max_ms: i64) -> [u64; 4] {
    [first, count, min_ms.cast_unsigned(), max_ms.cast_unsigned()]
}
