//! Walking the chain: every rule that a tamperer would have to break.

use crate::{
    Anchor, AuditKey, Finding, Record, Report, Wrong,
    append::{BATCH_SEAL, StoredHead, batch_numbers, hash, stored_head},
    chain::{self, GENESIS, Hash},
    frame::Frames,
};
use portcullis_store::{Row, StoreFault, Tx};
use std::sync::Arc;

/// Recomputes the whole chain, batch by batch: memory stays bounded. Seals are checked if the store
/// has the key (see [`seal_with`](crate::seal_with)).
///
/// Pass the `head` of an earlier [`Report`] as `anchor` to learn whether the chain still contains
/// it. Works on a copied file. Wants a read transaction, so that all it sees is of one moment.
pub fn verify(tx: &mut Tx<'_>, anchor: Option<&Anchor>) -> Result<Report, StoreFault> {
    let key = tx.attached::<AuditKey>();
    let mut walk = Walk::new(Anchor { seq: 0, hash: GENESIS }, anchor.copied());
    walk.report.seals_checked = key.is_some();
    let (mut next, mut batches) = (i64::MIN, 0);
    loop {
        let rows = tx.query(
            "SELECT first_seq, count, min_ms, max_ms, prev_hash, last_hash, seal, body FROM audit \
             WHERE first_seq >= $1 ORDER BY first_seq LIMIT 4",
            &[next.into()],
        )?;
        for row in &rows {
            walk.batch(&Batch::read(row)?, key.as_ref());
            next = row.int(0)?.saturating_add(1);
            batches += 1;
        }
        if rows.is_empty() {
            break;
        }
    }
    // Attack: a row without a number is in no order, so it is not walked, but a look-up by time
    // would find it.
    let rows = tx.query_row("SELECT COUNT(*) FROM audit", &[])?;
    if rows.map(|row| row.int(0)).transpose()? != Some(batches) {
        walk.wrong(walk.at().seq.saturating_add(1), None, Wrong::Repeated);
    }
    let head = stored_head(tx)?;
    walk.end(head.as_ref(), key.as_deref());
    Ok(walk.report)
}

/// A batch as stored; nothing in it is believed.
struct Batch<'a> {
    first: u64,
    count: u64,
    min_ms: i64,
    max_ms: i64,
    previous: Hash,
    last: Hash,
    seal: &'a [u8],
    body: &'a [u8],
}

impl<'a> Batch<'a> {
    fn read(row: &'a Row) -> Result<Self, StoreFault> {
        Ok(Self {
            first: chain::seq(row.int(0)?)?,
            count: chain::seq(row.int(1)?)?,
            min_ms: row.int(2)?,
            max_ms: row.int(3)?,
            previous: hash(row.blob(4)?)?,
            last: hash(row.blob(5)?)?,
            seal: row.opt_blob(6)?.unwrap_or_default(),
            body: row.blob(7)?,
        })
    }

    fn is_sealed_by(&self, key: &AuditKey) -> bool {
        let numbers = batch_numbers(self.first, self.count, self.min_ms, self.max_ms);
        key.holds(self.seal, BATCH_SEAL, &numbers, &[&self.previous, &self.last])
    }
}

/// The state between two records. After a finding it goes on from what is stored, so that one change
/// is one finding and not one for each record behind it.
pub(crate) struct Walk {
    at: Anchor,
    anchor: Option<Anchor>,
    pub(crate) report: Report,
}

impl Walk {
    /// Starts behind `at`.
    pub(crate) fn new(at: Anchor, anchor: Option<Anchor>) -> Self {
        Self { at, anchor, report: Report::default() }
    }

    /// Where it stands: the last record read.
    pub(crate) const fn at(&self) -> &Anchor {
        &self.at
    }

    /// Something wrong at `seq`, with a record that could be read or without.
    pub(crate) fn wrong(&mut self, seq: u64, record: Option<&Record<'_>>, wrong: Wrong) {
        let (id, at) = (record.map(|r| r.id), record.map(|r| r.at));
        self.report.add(Finding { seq, id, at, wrong });
    }

    /// The next thing to come claims to be number `first` and to follow `previous`.
    pub(crate) fn follows(&mut self, first: u64, previous: &Hash) {
        let expected = self.at.seq.saturating_add(1);
        if first > expected {
            self.wrong(expected, None, Wrong::Missing { through: first - 1 });
        } else if first < expected {
            self.wrong(first, None, Wrong::Repeated);
        } else if *previous != self.at.hash {
            self.wrong(first, None, Wrong::Unlinked);
        }
        self.at = Anchor { seq: first.saturating_sub(1), hash: *previous };
    }

    /// One record with the hash that is stored behind it. Returns the record if it can be read.
    pub(crate) fn record(&mut self, json: &[u8], stored: &Hash) -> Option<Record<'static>> {
        let seq = self.at.seq.saturating_add(1);
        let record: Option<Record<'static>> = serde_json::from_slice(json).ok();
        if chain::link(&self.at.hash, seq, json) != *stored {
            self.wrong(seq, record.as_ref(), Wrong::Altered);
        } else if record.is_none() {
            self.wrong(seq, None, Wrong::Unreadable);
        }
        if self.anchor.is_some_and(|anchor| anchor.seq == seq && anchor.hash != *stored) {
            self.wrong(seq, record.as_ref(), Wrong::Anchor);
        }
        self.at = Anchor { seq, hash: *stored };
        self.report.records += 1;
        if let Some(record) = &record {
            self.report.from = self.report.from.or(Some(record.at));
            self.report.to = Some(record.at);
        }
        record
    }

    fn batch(&mut self, batch: &Batch<'_>, key: Option<&Arc<AuditKey>>) {
        self.follows(batch.first, &batch.previous);
        if key.is_some_and(|key| !batch.is_sealed_by(key)) {
            let first = Frames::of(batch.body).next().and_then(|frame| frame.ok()?.record().ok());
            self.wrong(batch.first, first.as_ref(), Wrong::Seal);
        }
        let (mut count, mut timely, mut last) = (0, true, None);
        for frame in Frames::of(batch.body) {
            let Ok(frame) = frame else {
                self.wrong(self.at.seq.saturating_add(1), None, Wrong::Unreadable);
                break;
            };
            count += 1;
            if let Some(record) = self.record(frame.json, frame.hash) {
                let [earliest, latest] = record.times();
                timely &= earliest.millis() >= batch.min_ms && latest.millis() <= batch.max_ms;
                last = Some(record);
            }
        }
        if count != batch.count || !timely || self.at.hash != batch.last {
            self.wrong(batch.first, last.as_ref(), Wrong::Frame);
        }
        let claimed = batch.first.saturating_add(batch.count).saturating_sub(1);
        self.at = Anchor { seq: claimed.max(batch.first), hash: batch.last };
    }

    fn end(&mut self, head: Option<&StoredHead>, key: Option<&AuditKey>) {
        let Anchor { seq, hash } = self.at;
        let promised = [head.map(|head| head.at.seq), self.anchor.map(|anchor| anchor.seq)];
        if let Some(through) = promised.into_iter().flatten().max().filter(|last| *last > seq) {
            self.wrong(seq.saturating_add(1), None, Wrong::Cut { through });
        }
        let fits = match head {
            None => seq == 0,
            Some(head) => {
                let at_the_end = head.at.seq > seq || head.at == Anchor { seq, hash };
                at_the_end && key.is_none_or(|key| head.is_sealed_by(key))
            }
        };
        if !fits {
            self.wrong(seq, None, Wrong::Head);
        }
        self.report.head = (seq > 0).then_some(self.at);
    }
}
