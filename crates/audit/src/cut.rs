//! Taking the oldest records out of the database, after they were exported.
//!
//! What stays behind is a note of the last record that went and of the hash behind it, sealed as the
//! head is: [`verify`](crate::verify()) starts there. Whoever deletes rows without the key cannot
//! write that note, and what is gone is missing.

use crate::{
    Anchor, AuditKey, Record, Report, about,
    append::{BATCH_SEAL, append_now, batch_numbers, hash},
    chain::{self, GENESIS},
};
use portcullis_store::{StoreFault, Tx};
use std::ops::RangeInclusive;

const CUT_SEAL: [u8; 6] = *b"cut\0\0\0";

pub(crate) struct StoredCut {
    /// The last record that went, and the hash behind it.
    pub(crate) at: Anchor,
    seal: Option<Vec<u8>>,
}

impl StoredCut {
    pub(crate) fn is_sealed_by(&self, key: &AuditKey) -> bool {
        let seal = self.seal.as_deref().unwrap_or_default();
        key.holds(seal, CUT_SEAL, &[self.at.seq], &[&self.at.hash])
    }
}

pub(crate) fn stored_cut(tx: &mut Tx<'_>) -> Result<Option<StoredCut>, StoreFault> {
    let sql = "SELECT last_seq, last_hash, seal FROM audit_cut WHERE id = 1";
    let Some(row) = tx.query_row(sql, &[])? else { return Ok(None) };
    let at = Anchor { seq: chain::seq(row.int(0)?)?, hash: hash(row.blob(1)?)? };
    Ok(Some(StoredCut { at, seal: row.opt_blob(2)?.map(<[u8]>::to_vec) }))
}

/// The records that [`cut()`] can take out if none behind `through` may go: from the first that is
/// there to the end of a batch. `None`: there are none.
pub fn cuttable(tx: &mut Tx<'_>, through: u64) -> Result<Option<RangeInclusive<u64>>, StoreFault> {
    let first = stored_cut(tx)?.map_or(1, |cut| cut.at.seq.saturating_add(1));
    // The newest batch with its last record at or before `through` has the newest with its first
    // there before it, or is it.
    let sql = "SELECT first_seq + count - 1 FROM audit WHERE first_seq <= $1 \
               ORDER BY first_seq DESC LIMIT 2";
    let limit = i64::try_from(through).unwrap_or(i64::MAX);
    for row in tx.query(sql, &[limit.into()])? {
        let last = chain::seq(row.int(0)?)?;
        if last <= through {
            return Ok((first <= last).then_some(first..=last));
        }
    }
    Ok(None)
}

/// Takes out the records of an export that [`verify_export`](crate::verify_export) found intact, and
/// appends `record`, which says who did it and where the export is. Returns what went.
///
/// Refuses what does not begin with the first record that is there, or does not end with a batch and
/// with the very hash that the sealed chain has there: what goes is in the export, whole and true.
/// Holds the writer for as long as the deletion takes. The file does not shrink; its pages are used
/// again.
pub fn cut(
    tx: &mut Tx<'_>,
    exported: &Report,
    record: &Record<'_>,
) -> Result<RangeInclusive<u64>, StoreFault> {
    let key = tx.attached::<AuditKey>();
    let before = trusted_cut(tx, key.as_deref())?;
    let Some(through) = exported.head.filter(|_| exported.is_intact()) else {
        return Err(StoreFault::rejected("the export is not intact; nothing is cut"));
    };
    if through.seq.checked_sub(exported.records) != Some(before.seq) {
        return Err(StoreFault::rejected(
            "the export does not begin with the first record that is there; nothing is cut",
        ));
    }
    // The order matters: with its end cut off or its head altered the chain takes no record, and
    // then this transaction is undone.
    append_now(tx, record)?;
    ends_a_batch(tx, &through, key.as_deref())?;
    let last = chain::stored(through.seq)?;
    tx.execute("DELETE FROM audit WHERE first_seq <= $1", &[last.into()])?;
    about::forget(tx)?;
    let seal = key.map(|key| key.seal(CUT_SEAL, &[through.seq], &[&through.hash]));
    tx.execute(
        "INSERT INTO audit_cut (id, last_seq, last_hash, seal) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq, \
         last_hash = excluded.last_hash, seal = excluded.seal",
        &[last.into(), (&through.hash).into(), seal.as_ref().into()],
    )?;
    Ok(before.seq.saturating_add(1)..=through.seq)
}

/// Attack: write a note of a cut, and let the next cut seal it.
fn trusted_cut(tx: &mut Tx<'_>, key: Option<&AuditKey>) -> Result<Anchor, StoreFault> {
    match stored_cut(tx)? {
        None => Ok(Anchor { seq: 0, hash: GENESIS }),
        Some(cut) if key.is_none_or(|key| cut.is_sealed_by(key)) => Ok(cut.at),
        Some(_) => Err(StoreFault::rejected(
            "records were taken out by somebody without the key; nothing is cut",
        )),
    }
}

/// Attack: an export of another chain, or of one that was rewritten: its hashes fit each other, but
/// not the batch that follows here, which is sealed.
fn ends_a_batch(
    tx: &mut Tx<'_>,
    through: &Anchor,
    key: Option<&AuditKey>,
) -> Result<(), StoreFault> {
    let sql = "SELECT first_seq, count, min_ms, max_ms, prev_hash, last_hash, seal FROM audit \
               WHERE first_seq = $1";
    let next = chain::stored(through.seq.saturating_add(1))?;
    let next = tx.query_row(sql, &[next.into()])?;
    let fits = match next {
        Some(row) => {
            let (previous, last) = (hash(row.blob(4)?)?, hash(row.blob(5)?)?);
            let numbers = batch_numbers(
                chain::seq(row.int(0)?)?,
                chain::seq(row.int(1)?)?,
                row.int(2)?,
                row.int(3)?,
            );
            let seal = row.opt_blob(6)?.unwrap_or_default();
            previous == through.hash
                && key.is_none_or(|key| key.holds(seal, BATCH_SEAL, &numbers, &[&previous, &last]))
        }
        None => false,
    };
    if fits {
        return Ok(());
    }
    Err(StoreFault::rejected(
        "the export does not end where a batch of this chain ends; nothing is cut",
    ))
}
