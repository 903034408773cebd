//! Looking records up, by the time that their names carry: no index on random text.

use crate::{Event, Record, chain, frame::Frames, pack::unpack};
use memchr::memmem;
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{DecisionId, Jti, Timestamp, Ttl};

/// A batch spans little time, unless the disk was full meanwhile: look nearby first.
const NEARBY: Ttl = Ttl::seconds(60);
/// Batches read at once.
const PAGE: i64 = 16;

/// The record of one decision.
pub fn find(tx: &mut Tx<'_>, id: DecisionId) -> Result<Option<Record<'static>>, StoreFault> {
    let needle = id.to_string();
    search(tx, id.time(), needle.as_bytes(), |record| record.id == id)
}

/// The issuance of the token with this `jti`, if we issued it: `None` for any other token.
pub fn find_issuance(tx: &mut Tx<'_>, jti: &Jti) -> Result<Option<Record<'static>>, StoreFault> {
    let Some(time) = jti.time() else { return Ok(None) };
    search(tx, time, jti.as_str().as_bytes(), |record| match &record.event {
        Event::Grant(grant) => record.denial.is_none() && grant.jti.as_ref() == Some(jti),
        Event::Access(_) | Event::Admin(_) => false,
    })
}

/// The administrative act on `target`, one of `actions`, at `time`, give or take a second.
pub fn find_act(
    tx: &mut Tx<'_>,
    actions: &[&str],
    target: &str,
    time: Timestamp,
) -> Result<Option<Record<'static>>, StoreFault> {
    let (from, to) = (time.minus(Ttl::seconds(1)), time.plus(Ttl::seconds(1)));
    let mut after = (from, -1);
    loop {
        let page = around(tx, to, after, time.plus(NEARBY))?;
        for row in &page {
            after = (row.time(1)?, row.int(2)?);
            let act =
                within(&unpack(row, 0, 3)?, target.as_bytes(), |record| match &record.event {
                    Event::Admin(admin) => {
                        admin.target == target
                            && actions.contains(&&*admin.action)
                            && (from..=to).contains(&record.at)
                    }
                    Event::Access(_) | Event::Grant(_) => false,
                })?;
            if act.is_some() {
                return Ok(act);
            }
        }
        if page.is_empty() {
            return Ok(None);
        }
    }
}

/// At most `limit` records after `after_seq`, in order, each with its sequence number.
pub fn tail(
    tx: &mut Tx<'_>,
    after_seq: u64,
    limit: usize,
) -> Result<Vec<(u64, Record<'static>)>, StoreFault> {
    let mut records = Vec::new();
    let mut next = first_batch(tx, after_seq.saturating_add(1))?;
    while records.len() < limit {
        let rows = batches(tx, next)?;
        for row in &rows {
            let first = chain::seq(row.int(0)?)?;
            next = row.int(0)?.saturating_add(1);
            for (seq, frame) in (first..).zip(Frames::of(&unpack(row, 1, 3)?)) {
                if seq > after_seq && records.len() < limit {
                    records.push((seq, frame?.record()?));
                }
            }
        }
        if rows.is_empty() {
            break;
        }
    }
    Ok(records)
}

/// The first sequence number of the batch that holds `seq`.
pub(crate) fn first_batch(tx: &mut Tx<'_>, seq: u64) -> Result<i64, StoreFault> {
    let sql = "SELECT COALESCE(MAX(first_seq), 0) FROM audit WHERE first_seq <= $1";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    Ok(tx.query_row(sql, &[seq.into()])?.map(|row| row.int(0)).transpose()?.unwrap_or(0))
}

/// A page of (`first_seq`, `body`, `prev_hash`, `body_length`), from `first_seq` on.
pub(crate) fn batches(tx: &mut Tx<'_>, first_seq: i64) -> Result<Vec<Row>, StoreFault> {
    let sql = "SELECT first_seq, body, prev_hash, body_length FROM audit WHERE first_seq >= $1 \
               ORDER BY first_seq LIMIT 4";
    tx.query(sql, &[first_seq.into()])
}

fn search(
    tx: &mut Tx<'_>,
    time: Timestamp,
    needle: &[u8],
    is_it: impl Fn(&Record<'_>) -> bool,
) -> Result<Option<Record<'static>>, StoreFault> {
    let (near, far) = (time.plus(NEARBY), Timestamp::from_millis(i64::MAX));
    for (from, to) in [(time, near), (near, far)] {
        let mut after = (from, -1);
        loop {
            let page = around(tx, time, after, to)?;
            for row in &page {
                after = (row.time(1)?, row.int(2)?);
                if let Some(record) = within(&unpack(row, 0, 3)?, needle, &is_it)? {
                    return Ok(Some(record));
                }
            }
            if page.is_empty() {
                break;
            }
        }
    }
    Ok(None)
}

/// A page of (body, `max_ms`, `first_seq`, `body_length`) of batches around `time` that end before
/// or at `to`.
fn around(
    tx: &mut Tx<'_>,
    time: Timestamp,
    after: (Timestamp, i64),
    to: Timestamp,
) -> Result<Vec<Row>, StoreFault> {
    let sql = "SELECT body, max_ms, first_seq, body_length FROM audit \
               WHERE (max_ms, first_seq) > ($1, $2) AND max_ms <= $3 AND min_ms <= $4 \
               ORDER BY max_ms, first_seq LIMIT $5";
    tx.query(sql, &[after.0.into(), after.1.into(), to.into(), time.into(), PAGE.into()])
}

/// Only records that contain `needle` are parsed.
fn within(
    body: &[u8],
    needle: &[u8],
    is_it: impl Fn(&Record<'_>) -> bool,
) -> Result<Option<Record<'static>>, StoreFault> {
    let finder = memmem::Finder::new(needle);
    for frame in Frames::of(body) {
        let frame = frame?;
        if finder.find(frame.json).is_some() {
            let record = frame.record()?;
            if is_it(&record) {
                return Ok(Some(record));
            }
        }
    }
    Ok(None)
}
