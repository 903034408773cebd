//! What policies were asked and answered, in a span of time: page by page, and no more of a record than that.

use crate::{frame::Frames, pack::unpack};
use memchr::memmem;
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{DecisionId, Point, Ruling, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::RangeInclusive;

/// Batches read at once.
const PAGE: i64 = 16;
/// The name of the member that only records have which a policy had a say in.
const MARK: &[u8] = b"\"ruled\":";

/// A decision that a policy had a say in.
#[derive(Debug)]
pub struct RuledRecord<'a> {
    /// Its name.
    pub id: DecisionId,
    /// When it was taken.
    pub at: Timestamp,
    /// Where.
    pub point: Point,
    /// What the policy ruled.
    pub ruling: Ruling,
    /// What it was told, as JSON.
    pub input: &'a RawValue,
}

/// A page of batches.
pub struct RuledPage {
    bodies: Vec<Vec<u8>>,
    range: RangeInclusive<Timestamp>,
    next: Option<Cursor>,
}

/// Where the next page begins.
#[derive(Clone, Copy, Debug)]
pub struct Cursor(Timestamp, i64);

#[derive(Deserialize)]
struct Brief<'a> {
    id: DecisionId,
    at: Timestamp,
    #[serde(borrow, default)]
    ruled: Option<Said<'a>>,
}

#[derive(Deserialize)]
struct Said<'a> {
    point: Point,
    ruling: Ruling,
    #[serde(borrow)]
    input: &'a RawValue,
}

/// A page of what policies ruled in `range`, after an earlier page; in the order of the batches.
pub fn ruled(
    tx: &mut Tx<'_>,
    range: &RangeInclusive<Timestamp>,
    after: Option<Cursor>,
) -> Result<RuledPage, StoreFault> {
    let sql = "SELECT body, max_ms, first_seq, body_length FROM audit \
               WHERE (max_ms, first_seq) > ($1, $2) AND min_ms <= $3 \
               ORDER BY max_ms, first_seq LIMIT $4";
    let Cursor(time, seq) = after.unwrap_or(Cursor(*range.start(), -1));
    let values = [time.into(), seq.into(), (*range.end()).into(), PAGE.into()];
    let rows = tx.query(sql, &values)?;
    let next = rows
        .last()
        .map(|last| Ok::<_, StoreFault>(Cursor(last.time(1)?, last.int(2)?)))
        .transpose()?;
    let body = |row: &Row| unpack(row, 0, 3).map(std::borrow::Cow::into_owned);
    let bodies = rows.iter().map(body).collect::<Result<_, StoreFault>>()?;
    Ok(RuledPage { bodies, range: range.clone(), next })
}

impl RuledPage {
    /// Each record that a policy had a say in.
    pub fn each(&self) -> impl Iterator<Item = Result<RuledRecord<'_>, StoreFault>> {
        let finder = memmem::Finder::new(MARK);
        let frames = self.bodies.iter().flat_map(|body| Frames::of(body));
        frames.filter_map(move |frame| match frame {
            Ok(frame) if finder.find(frame.json).is_none() => None,
            Ok(frame) => read(frame.json, &self.range).transpose(),
            Err(fault) => Some(Err(fault)),
        })
    }

    /// Where the next page begins; `None` after the last one.
    pub const fn next(&self) -> Option<Cursor> {
        self.next
    }
}

fn read<'a>(
    json: &'a [u8],
    range: &RangeInclusive<Timestamp>,
) -> Result<Option<RuledRecord<'a>>, StoreFault> {
    let Brief { id, at, ruled } = serde_json::from_slice(json)
        .map_err(|e| StoreFault::rejected(format_args!("an audit record is unreadable: {e}")))?;
    let Some(Said { point, ruling, input }) = ruled.filter(|_| range.contains(&at)) else {
        return Ok(None);
    };
    Ok(Some(RuledRecord { id, at, point, ruling, input }))
}
