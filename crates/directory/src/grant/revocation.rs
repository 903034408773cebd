//! What was ended before its time, as gateways hear it. Kept for as long as any access token lives, so the list
//! is as long as a day is.

use super::PORTION;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Jti, Timestamp, Ttl};
use portcullis_verify::Revocations;
use std::collections::HashMap;

/// The longest life of an access token, and some minutes for clocks that differ.
const KEPT: Ttl = Ttl::seconds(24 * 3600 + 600);
/// Another node's row may be committed later than its time says.
const SLACK: Ttl = Ttl::seconds(300);

/// What kind of thing was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationKind {
    /// A session, by its `sid`.
    Session,
    /// A grant, by its id.
    Grant,
    /// All tokens of a person so far, by their `sub`.
    Person,
    /// One token, by its `jti`.
    Token,
}

impl RevocationKind {
    const ALL: [Self; 4] = [Self::Session, Self::Grant, Self::Person, Self::Token];

    const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Grant => "grant",
            Self::Person => "person",
            Self::Token => "token",
        }
    }
}

/// Writes a revocation. Publish after the commit: [`Directory::publish`](crate::Directory::publish).
pub fn revoke(
    tx: &mut Tx<'_>,
    kind: RevocationKind,
    value: &str,
    now: Timestamp,
) -> Result<(), StoreFault> {
    let sql =
        "INSERT INTO revocation (since, kind, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[now.into(), kind.name().into(), value.into()])?;
    Ok(())
}

/// All that was ended lately, as far as it was read. Only what is new is read again.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    by: HashMap<(RevocationKind, String), Timestamp>,
    newest: Option<Timestamp>,
}

/// What is new since `ended`.
pub(crate) fn read(
    tx: &mut Tx<'_>,
    newest: Option<Timestamp>,
) -> Result<Vec<(RevocationKind, String, Timestamp)>, StoreFault> {
    let from = newest.map_or(i64::MIN, |newest| newest.minus(SLACK).millis());
    let sql = "SELECT kind, value, since FROM revocation WHERE since >= $1 ORDER BY since";
    let mut new = Vec::new();
    for row in tx.query(sql, &[from.into()])? {
        let kind = row.text(0)?;
        // A kind that a newer program has is for its gateways.
        let Some(kind) = RevocationKind::ALL.into_iter().find(|known| known.name() == kind) else {
            continue;
        };
        new.push((kind, row.text(1)?.to_owned(), row.time(2)?));
    }
    Ok(new)
}

impl Ended {
    pub(crate) const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Takes over what is new, and drops what no token can outlive.
    pub(crate) fn take(&mut self, new: Vec<(RevocationKind, String, Timestamp)>) {
        for (kind, value, since) in new {
            self.newest = self.newest.max(Some(since));
            let known = self.by.entry((kind, value)).or_insert(since);
            // All tokens from before are void: the latest counts. Of the others, when it ended first.
            *known = match kind {
                RevocationKind::Person => since.max(*known),
                _ => since.min(*known),
            };
        }
        if let Some(newest) = self.newest {
            self.by.retain(|_, since| since.plus(KEPT) > newest);
        }
    }

    /// Adds all of it to what is told.
    pub(crate) fn tell(&self, revocations: &mut Revocations) {
        for ((kind, value), since) in &self.by {
            let by_name = match kind {
                RevocationKind::Token => {
                    if let Ok(jti) = Jti::new(value) {
                        revocations.tokens.insert(jti, *since);
                    }
                    continue;
                }
                RevocationKind::Session => &mut revocations.sessions,
                RevocationKind::Grant => &mut revocations.grants,
                RevocationKind::Person => &mut revocations.persons,
            };
            by_name.insert(value.clone(), *since);
        }
    }
}

pub(super) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    tx.execute(
        "DELETE FROM revocation WHERE since < $1 AND since <= (SELECT MAX(since) FROM \
         (SELECT since FROM revocation ORDER BY since LIMIT $2) AS oldest)",
        &[now.minus(KEPT).into(), PORTION.into()],
    )
}
