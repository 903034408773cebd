//! DPoP proofs that were used (RFC 9449 §11.1), for all nodes together. A proof has one `iat`, which comes first
//! in the key: so rows are appended, and old ones lie together.

use super::PORTION;
use crate::opaque::sha256;
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Timestamp, Ttl};

/// Nodes whose clocks differ agree on what is too old.
const KEPT: Ttl = Ttl::LONGEST_PROOF.times(10);

/// A proof to be used up.
#[derive(Clone, Debug)]
pub struct ProofMark {
    /// Its `iat`.
    pub iat: Timestamp,
    /// The thumbprint of its key.
    pub jkt: String,
    /// Its `jti`.
    pub jti: String,
}

/// Uses a proof up. False: it was used before.
pub fn use_proof(tx: &mut Tx<'_>, proof: &ProofMark) -> Result<bool, StoreFault> {
    let mark = sha256(format!("{} {}", proof.jkt, proof.jti).as_bytes());
    let sql = "INSERT INTO proof_use (iat, mark) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(tx.execute(sql, &[proof.iat.into(), (&mark).into()])? == 1)
}

pub(super) fn purge(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, StoreFault> {
    tx.execute(
        "DELETE FROM proof_use WHERE iat < $1 AND iat <= (SELECT MAX(iat) FROM \
         (SELECT iat FROM proof_use ORDER BY iat LIMIT $2) AS oldest)",
        &[now.minus(KEPT).into(), PORTION.into()],
    )
}
