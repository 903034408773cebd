//! The chain as JSON lines, which can be checked without the database.
//!
//! Each line is `{"seq":…,"prev":"…","hash":"…","record":{…}}`, `hash` being the SHA-256 of the 32
//! bytes of `prev`, `seq` as 8 big-endian bytes, and the very bytes of `record`. The last line is
//! `{"end":{"first":…,"last":…,"hash":"…","seal":"…"}}`: a file without it was cut.

use crate::{
    Anchor, AuditKey, Report, Wrong,
    append::hash,
    chain::{self, GENESIS, Hash},
    find::{batches, first_batch},
    frame::{Frame, Frames},
    pack::unpack,
    verify::Walk,
};
use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use portcullis_store::{StoreFault, Tx};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    io::{self, BufRead, Read, Write},
    ops::RangeInclusive,
};

const EXPORT_SEAL: [u8; 6] = *b"export";
/// The longest line that is read; ours are far shorter.
const LINE: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    seq: u64,
    prev: String,
    hash: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct LastLine {
    end: End,
}

#[derive(Serialize, Deserialize)]
struct End {
    first: u64,
    last: u64,
    hash: String,
    seal: Option<String>,
}

/// Writes the records of `range` to `sink`, each as it is stored, and returns how many they were.
///
/// Does not verify: a chain that was tampered with exports as it is, so that the export shows it.
/// The last line is sealed if the store has the key.
pub fn export(
    tx: &mut Tx<'_>,
    range: RangeInclusive<u64>,
    sink: &mut dyn Write,
) -> Result<u64, StoreFault> {
    let mut next = first_batch(tx, *range.start())?;
    let mut written = Written { count: 0, before: None, at: Anchor { seq: 0, hash: GENESIS } };
    loop {
        let rows = batches(tx, next)?;
        for row in &rows {
            let first = chain::seq(row.int(0)?)?;
            next = row.int(0)?.saturating_add(1);
            let mut previous = hash(row.blob(2)?)?;
            for (seq, frame) in (first..).zip(Frames::of(&unpack(row, 1, 3)?)) {
                let frame = frame?;
                if range.contains(&seq) {
                    written.line(seq, &previous, &frame, sink)?;
                }
                previous = *frame.hash;
            }
        }
        let beyond = u64::try_from(next).is_ok_and(|next| next > *range.end());
        if rows.is_empty() || beyond {
            break;
        }
    }
    let key = tx.attached::<AuditKey>();
    written.end(key.as_deref(), sink)?;
    Ok(written.count)
}

struct Written {
    count: u64,
    /// Number of the first record and the hash before it.
    before: Option<Anchor>,
    at: Anchor,
}

impl Written {
    fn line(
        &mut self,
        seq: u64,
        previous: &Hash,
        frame: &Frame<'_>,
        sink: &mut dyn Write,
    ) -> Result<(), StoreFault> {
        let record = serde_json::from_slice(frame.json).map_err(StoreFault::rejected)?;
        let (prev, hash) = (HEX.encode(previous), HEX.encode(frame.hash));
        write_line(&Line { seq, prev, hash, record }, sink)?;
        self.count += 1;
        self.before = self.before.or(Some(Anchor { seq, hash: *previous }));
        self.at = Anchor { seq, hash: *frame.hash };
        Ok(())
    }

    fn end(&self, key: Option<&AuditKey>, sink: &mut dyn Write) -> Result<(), StoreFault> {
        let Anchor { seq: last, hash } = self.at;
        let before = self.before.unwrap_or(Anchor { seq: 0, hash: GENESIS });
        let seal = key.map(|key| {
            HEX.encode(&key.seal(EXPORT_SEAL, &[before.seq, last], &[&before.hash, &hash]))
        });
        let end = End { first: before.seq, last, hash: HEX.encode(&hash), seal };
        write_line(&LastLine { end }, sink)?;
        sink.flush().map_err(StoreFault::rejected)
    }
}

fn write_line(line: &impl Serialize, sink: &mut dyn Write) -> Result<(), StoreFault> {
    let mut text = serde_json::to_vec(line).map_err(StoreFault::rejected)?;
    text.push(b'\n');
    sink.write_all(&text).map_err(StoreFault::rejected)
}

/// Checks an export by itself, line by line. Without `key` the seal of the last line is not checked,
/// and whoever wrote the file can have written all of it.
///
/// An export that does not begin with record 1 begins with a `prev` that only the database, or an
/// [`Anchor`] kept elsewhere, can confirm.
pub fn verify_export(source: &mut dyn BufRead, key: Option<&AuditKey>) -> io::Result<Report> {
    let mut reading = Reading { walk: None, before: None, ended: false, key };
    let mut line = Vec::new();
    loop {
        line.clear();
        source.take(LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        reading.line(&line);
    }
    Ok(reading.report())
}

struct Reading<'k> {
    walk: Option<Walk>,
    before: Option<Anchor>,
    ended: bool,
    key: Option<&'k AuditKey>,
}

impl Reading<'_> {
    fn line(&mut self, line: &[u8]) {
        if self.ended {
            self.wrong(Wrong::Repeated);
        } else if let Ok(LastLine { end }) = serde_json::from_slice(line) {
            self.end(&end);
        } else if self.record(line).is_none() {
            self.wrong(Wrong::Unreadable);
        }
    }

    fn record(&mut self, line: &[u8]) -> Option<()> {
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        let (previous, stored) = (unhex(&line.prev)?, unhex(&line.hash)?);
        self.before = self.before.or(Some(Anchor { seq: line.seq, hash: previous }));
        let walk = self.walk.get_or_insert_with(|| {
            let hash = if line.seq == 1 { GENESIS } else { previous };
            Walk::new(Anchor { seq: line.seq.saturating_sub(1), hash }, None)
        });
        walk.follows(line.seq, &previous);
        walk.record(line.record.get().as_bytes(), &stored);
        Some(())
    }

    fn end(&mut self, end: &End) {
        self.ended = true;
        let at = self.walk().at().to_owned();
        let before = self.before.unwrap_or(Anchor { seq: 0, hash: GENESIS });
        if end.last > at.seq {
            self.wrong(Wrong::Cut { through: end.last });
        } else if (end.first, end.last, unhex(&end.hash)) != (before.seq, at.seq, Some(at.hash)) {
            self.wrong(Wrong::Head);
        }
        let Some(key) = self.key else { return };
        let seal = end.seal.as_deref().and_then(unhex).unwrap_or(GENESIS);
        let (numbers, hashes) = ([before.seq, at.seq], [&before.hash, &at.hash]);
        if !key.holds(&seal, EXPORT_SEAL, &numbers, &hashes) {
            self.wrong(Wrong::Seal);
        }
    }

    fn report(mut self) -> Report {
        if !self.ended {
            self.wrong(Wrong::Head);
        }
        let seals_checked = self.key.is_some();
        let walk = self.walk();
        let head = (walk.report.records > 0).then_some(*walk.at());
        Report { head, seals_checked, ..std::mem::take(&mut walk.report) }
    }

    /// Something wrong behind the last record that was read.
    fn wrong(&mut self, wrong: Wrong) {
        let walk = self.walk();
        let seq = walk.at().seq.saturating_add(1);
        walk.wrong(seq, None, wrong);
    }

    fn walk(&mut self) -> &mut Walk {
        self.walk.get_or_insert_with(|| Walk::new(Anchor { seq: 0, hash: GENESIS }, None))
    }
}

fn unhex(text: &str) -> Option<Hash> {
    HEX.decode(text.as_bytes()).ok()?.try_into().ok()
}
