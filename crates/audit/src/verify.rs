//! Walking the chain: every rule that a tamperer would have to break.

use crate::{
    Anchor, AuditKey, Finding, Record, Report, Wrong,
    append::{BATCH_SEAL, StoredHead, batch_numbers, hash, stored_head},
    chain::{self, GENESIS, Hash, Linker},
    cut::{StoredCut, stored_cut},
    frame::Frames,
    pack::unpack,
};
use portcullis_store::{Row, StoreFault, Tx};
use std::borrow::Cow;

/// Recomputes the whole chain, batch by batch: memory stays bounded. Seals are checked if the store
/// has the key (see [`seal_with`](crate::seal_with)).
///
/// Pass the `head` of an earlier [`Report`] as `anchor` to learn whether the chain still contains
/// it; one from before a [`cut`](crate::cut()) can no longer be compared. Works on a copied file. Wants
/// a read transaction, so that all it sees is of one moment.
///
/// What is stored where it cannot have been written is a finding; an error is a fault of the database.
pub fn verify(tx: &mut Tx<'_>, anchor: Option<&Anchor>) -> Result<Report, StoreFault> {
    let key = tx.attached::<AuditKey>();
    let mut walk = Walk::new(Anchor { seq: 0, hash: GENESIS }, anchor.copied());
    walk.report.seals_checked = key.is_some();
    walk.begin(possible(stored_cut(tx))?, key.as_deref());
    let batches = all(tx, &mut walk, key.as_deref())?;
    // Attack: a row without a number is in no order, so it is not walked, but a look-up by time
    // would find it.
    let rows = tx.query_row("SELECT COUNT(*) FROM audit", &[])?;
    if rows.map(|row| row.int(0)).transpose()? != Some(batches) {
        walk.wrong(walk.at().seq.saturating_add(1), None, Wrong::Repeated);
    }
    walk.end(possible(stored_head(tx))?, key.as_deref());
    Ok(walk.report)
}

/// Walks all rows that are in order, and counts them.
fn all(tx: &mut Tx<'_>, walk: &mut Walk, key: Option<&AuditKey>) -> Result<i64, StoreFault> {
    let (mut next, mut batches) = (i64::MIN, 0);
    loop {
        let rows = tx.query(
            "SELECT first_seq, count, min_ms, max_ms, prev_hash, last_hash, seal, body, body_length \
             FROM audit WHERE first_seq >= $1 ORDER BY first_seq LIMIT 4",
            &[next.into()],
        )?;
        let before = next;
        for row in &rows {
            batches += 1;
            match Batch::read(row) {
                Ok(batch) => walk.batch(&batch, key),
                Err(_) => walk.skip(row),
            }
            next = row.int(0).map_or(next, |first| first.saturating_add(1));
        }
        // Attack: a number that is no number, or the last there is, so that the walk never ends.
        if next == before {
            return Ok(batches);
        }
    }
}

/// What is stored cannot have been written.
struct Impossible;

/// Tells columns that cannot have been written apart from a database that cannot be read.
fn possible<T>(stored: Result<T, StoreFault>) -> Result<Result<T, Impossible>, StoreFault> {
    match stored {
        Ok(stored) => Ok(Ok(stored)),
        Err(StoreFault::Rejected(_) | StoreFault::Column { .. }) => Ok(Err(Impossible)),
        Err(fault) => Err(fault),
    }
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
    /// `None`: it cannot be decompressed.
    body: Option<Cow<'a, [u8]>>,
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
            body: possible(unpack(row, 7, 8))?.ok(),
        })
    }

    fn is_sealed_by(&self, key: &AuditKey) -> bool {
        let numbers = batch_numbers(self.first, self.count, self.min_ms, self.max_ms);
        key.holds(self.seal, BATCH_SEAL, &numbers, &[&self.previous, &self.last])
    }

    fn frames(&self) -> Frames<'_> {
        Frames::of(self.body.as_deref().unwrap_or_default())
    }
}

/// The state between two records. After a finding it goes on from what is stored, so that one change
/// is one finding and not one for each record behind it.
pub(crate) struct Walk {
    at: Anchor,
    anchor: Option<Anchor>,
    linker: Linker,
    pub(crate) report: Report,
}

impl Walk {
    /// Starts behind `at`.
    pub(crate) fn new(at: Anchor, anchor: Option<Anchor>) -> Self {
        Self { at, anchor, linker: Linker::default(), report: Report::default() }
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
        if self.linker.link(&self.at.hash, seq, json) != *stored {
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

    /// Starts behind what was cut, if that was done by one who has the key.
    fn begin(&mut self, cut: Result<Option<StoredCut>, Impossible>, key: Option<&AuditKey>) {
        let Ok(cut) = cut else { return self.wrong(1, None, Wrong::Cutting) };
        let Some(cut) = cut else { return };
        if key.is_some_and(|key| !cut.is_sealed_by(key)) {
            self.wrong(cut.at.seq.saturating_add(1), None, Wrong::Cutting);
        }
        if self.anchor.is_some_and(|anchor| anchor.seq == cut.at.seq && anchor.hash != cut.at.hash)
        {
            self.wrong(cut.at.seq, None, Wrong::Anchor);
        }
        self.at = cut.at;
        self.report.cut = Some(cut.at);
    }

    /// A row with columns that cannot have been written.
    fn skip(&mut self, row: &Row) {
        let first = row.int(0).and_then(chain::seq);
        let first = first.unwrap_or_else(|_| self.at.seq.saturating_add(1));
        self.wrong(first, None, Wrong::Columns);
    }

    fn batch(&mut self, batch: &Batch<'_>, key: Option<&AuditKey>) {
        self.follows(batch.first, &batch.previous);
        if key.is_some_and(|key| !batch.is_sealed_by(key)) {
            let first = batch.frames().next().and_then(|frame| frame.ok()?.record().ok());
            self.wrong(batch.first, first.as_ref(), Wrong::Seal);
        }
        if batch.body.is_none() {
            self.wrong(batch.first, None, Wrong::Unreadable);
        }
        let (mut count, mut timely, mut last) = (0, true, None);
        for frame in batch.frames() {
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
        let whole = batch.body.is_none() || (count == batch.count && self.at.hash == batch.last);
        if !whole || !timely {
            self.wrong(batch.first, last.as_ref(), Wrong::Frame);
        }
        let claimed = batch.first.saturating_add(batch.count).saturating_sub(1);
        self.at = Anchor { seq: claimed.max(batch.first), hash: batch.last };
    }

    fn end(&mut self, head: Result<Option<StoredHead>, Impossible>, key: Option<&AuditKey>) {
        let Anchor { seq, hash } = self.at;
        let (damaged, head) = (head.is_err(), head.ok().flatten());
        let promised =
            [head.as_ref().map(|head| head.at.seq), self.anchor.map(|anchor| anchor.seq)];
        if let Some(through) = promised.into_iter().flatten().max().filter(|last| *last > seq) {
            self.wrong(seq.saturating_add(1), None, Wrong::Cut { through });
        }
        let fits = match head {
            None => seq == 0 && !damaged,
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
