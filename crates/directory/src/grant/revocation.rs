//! What was ended before its time, as gateways hear it. Each is numbered in the transaction that ends it. Writers take
//! turns, so what has a higher number was committed later: whoever knows all up to a number asks for what follows.

use super::PORTION;
use crate::{Client, opaque::sha256};
use portcullis_store::{Row, StoreFault, Tx};
use portcullis_types::{Issuer, Jti, Timestamp, Ttl};
pub use portcullis_verify::RevocationKind;
use portcullis_verify::{Revocation, RevocationPage};
use std::fmt::Write as _;

/// Some minutes for clocks that differ, and for gateways that are patient with `exp`.
const SKEW: Ttl = Ttl::seconds(600);
/// How many are told at a time, and read.
pub(crate) const PAGE: i64 = 5000;
/// How long their names may be on one page, in bytes.
const PAGE_BYTES: usize = 1024 * 1024;

/// Ends whatever comes from it: for as long as a token may live that was made by now. Publish after the commit:
/// [`Directory::publish`](crate::Directory::publish).
pub fn revoke(
    tx: &mut Tx<'_>,
    kind: RevocationKind,
    value: &str,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let life = longest_life(tx, now)?;
    write(tx, (kind, value), now, now.plus(life))
}

/// Ends one token, which would have ended at `exp`. Publish after the commit.
pub fn revoke_token(
    tx: &mut Tx<'_>,
    jti: &Jti,
    exp: Timestamp,
    now: Timestamp,
) -> Result<(), StoreFault> {
    write(tx, (RevocationKind::Token, jti.as_str()), now, exp)
}

/// Tells what a change of a client means for the tokens that it has.
pub(crate) fn revoke_changed(
    tx: &mut Tx<'_>,
    before: &Client,
    after: &Client,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let id = after.id.as_str();
    match (before.disabled_since, after.disabled_since) {
        (None, Some(since)) => revoke(tx, RevocationKind::Client, id, since)?,
        (Some(_), None) => revoke(tx, RevocationKind::ClientEnabled, id, now)?,
        _ => {}
    }
    match after.not_before {
        Some(start) if after.not_before != before.not_before => {
            revoke(tx, RevocationKind::ClientNotBefore, id, start)
        }
        _ => Ok(()),
    }
}

fn write(
    tx: &mut Tx<'_>,
    (kind, value): (RevocationKind, &str),
    since: Timestamp,
    exp: Timestamp,
) -> Result<(), StoreFault> {
    tx.execute(
        "INSERT INTO revocation_log (number, kind, value, since, until) VALUES \
         ((SELECT COALESCE(MAX(number), 0) + 1 FROM revocation_log), $1, $2, $3, $4)",
        &[kind.name().into(), value.into(), since.into(), exp.plus(SKEW).into()],
    )?;
    Ok(())
}

/// Notes for how long access tokens live that are made from now on.
pub(crate) fn note_life(tx: &mut Tx<'_>, life: Ttl, now: Timestamp) -> Result<(), StoreFault> {
    let millis = i64::try_from(life.duration().as_millis()).unwrap_or(i64::MAX);
    let sql = "INSERT INTO token_life (life, used) VALUES ($1, $2) \
         ON CONFLICT (life) DO UPDATE SET used = EXCLUDED.used";
    tx.execute(sql, &[millis.into(), now.into()])?;
    let past = now.minus(Ttl::LONGEST_ACCESS_TOKEN).minus(NOTED);
    tx.execute("DELETE FROM token_life WHERE used < $1", &[past.into()])?;
    Ok(())
}

/// A running issuer notes it more often than that.
const NOTED: Ttl = Ttl::seconds(3600);

/// The longest life of a token that may be alive now: also of one that was made before the settings changed, or by
/// another node with other settings.
fn longest_life(tx: &mut Tx<'_>, now: Timestamp) -> Result<Ttl, StoreFault> {
    let past = now.minus(Ttl::LONGEST_ACCESS_TOKEN).minus(NOTED);
    let row = tx.query_row("SELECT MAX(life) FROM token_life WHERE used >= $1", &[past.into()])?;
    let life = row.map(|row| row.opt_int(0)).transpose()?.flatten();
    let life = life.and_then(|millis| u64::try_from(millis).ok()).map(Ttl::from_millis);
    Ok(life.unwrap_or(Ttl::LONGEST_ACCESS_TOKEN))
}

/// One of the log, with its number.
pub(crate) struct Numbered {
    number: i64,
    pub(crate) revocation: Revocation,
}

/// What follows that cursor, at most a page, and where that begins. All from the start (no cursor) if something else
/// stands there now: a database that lost its last moment counts those numbers again, and what one has heard already
/// may be heard again.
pub(crate) fn since(
    tx: &mut Tx<'_>,
    cursor: Option<&str>,
) -> Result<(Option<String>, Vec<Numbered>), StoreFault> {
    let number = cursor.and_then(|cursor| cursor.split_once('-')?.0.parse().ok());
    let heard = number.map(|number: i64| after(tx, number.saturating_sub(1))).transpose()?;
    let mut heard = heard.unwrap_or_default().into_iter().peekable();
    match heard.next_if(|first| Some(first.cursor().as_str()) == cursor) {
        Some(first) => Ok((Some(first.cursor()), heard.collect())),
        None => Ok((None, after(tx, 0)?)),
    }
}

/// What has a number above `number`, in order; at most a page.
fn after(tx: &mut Tx<'_>, number: i64) -> Result<Vec<Numbered>, StoreFault> {
    let sql = "SELECT number, kind, value, since, until FROM revocation_log WHERE number > $1 \
         ORDER BY number LIMIT $2";
    tx.query(sql, &[number.into(), PAGE.into()])?.iter().map(numbered).collect()
}

fn numbered(row: &Row) -> Result<Numbered, StoreFault> {
    let revocation = Revocation {
        kind: RevocationKind::named(row.text(1)?),
        value: row.text(2)?.to_owned(),
        since: row.time(3)?,
        until: row.time(4)?,
    };
    Ok(Numbered { number: row.int(0)?, revocation })
}

impl Numbered {
    /// Where whoever has heard this goes on. It names what stands at its number, so that a log which was put back
    /// to an older state is not taken for its own continuation.
    pub(crate) fn cursor(&self) -> String {
        let Revocation { kind, value, since, .. } = &self.revocation;
        let mut cursor = format!("{}-", self.number);
        let text = format!("{} {} {value}", kind.name(), since.millis());
        for byte in sha256(text.as_bytes()).iter().take(8) {
            let _ = write!(cursor, "{byte:02x}");
        }
        cursor
    }
}

/// What follows that cursor, as gateways elsewhere hear it.
pub(crate) fn page(
    tx: &mut Tx<'_>,
    issuer: Issuer,
    cursor: Option<&str>,
) -> Result<RevocationPage, StoreFault> {
    let (heard, rows) = since(tx, cursor)?;
    let mut cursor = heard.unwrap_or_default();
    let (mut revocations, mut bytes) = (Vec::new(), 0);
    let mut complete = rows.len() + 1 < usize::try_from(PAGE).unwrap_or(usize::MAX);
    for row in rows {
        bytes += row.revocation.value.len();
        if bytes > PAGE_BYTES {
            complete = false;
            break;
        }
        cursor = row.cursor();
        revocations.push(row.revocation);
    }
    Ok(RevocationPage { issuer, revocations, cursor, complete })
}

/// Job: forgets what no token can outlive. The newest stays, so that numbers never begin anew.
pub(super) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    tx.execute(
        "DELETE FROM revocation_log WHERE number IN (SELECT number FROM revocation_log \
         WHERE until <= $1 AND number < (SELECT MAX(number) FROM revocation_log) \
         ORDER BY until LIMIT $2)",
        &[now.into(), PORTION.into()],
    )
}
