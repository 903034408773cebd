//! The keys in the database. A published key is kept as its encrypted private half and nothing else: its
//! public half is computed from that, so that whoever can write the database but lacks the key-encryption
//! key cannot have a key of their own published.

use super::{
    KeyEncryptionKey, KeyState, KeyringFault,
    schedule::{Entry, KeyPlan},
};
use portcullis_jose::{Alg, SigningKey};
use portcullis_store::{Migration, Row, StoreFault, Tx};
use portcullis_types::Kid;
use std::sync::Arc;

/// The tables of this room.
pub const MIGRATIONS: &[Migration] = &[Migration {
    room: "keyring",
    number: 1,
    sql: "CREATE TABLE signing_key (
              purpose TEXT NOT NULL,
              kid TEXT NOT NULL,
              alg TEXT NOT NULL,
              state TEXT NOT NULL,
              sealed BLOB,
              sealed_under TEXT NOT NULL,
              published_ms BIGINT NOT NULL,
              activated_ms BIGINT,
              demoted_ms BIGINT,
              retired_ms BIGINT,
              rotate_at_ms BIGINT,
              PRIMARY KEY (purpose, kid)
          );",
}];

/// One row: the schedule's view and the encrypted key, which a retired one has lost.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) entry: Entry,
    pub(crate) sealed: Option<Sealed>,
}

/// A private key as it lies in the database.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    bytes: Vec<u8>,
    under: String,
}

/// A fresh key that may become a row.
#[derive(Clone, Debug)]
pub(crate) struct Spare {
    pub(crate) alg: Alg,
    pub(crate) kid: Kid,
    sealed: Sealed,
}

impl Spare {
    /// Generates and encrypts. Slow for RSA: not for an async thread.
    pub(crate) fn generate(
        alg: Alg,
        purpose: &str,
        kek: &KeyEncryptionKey,
    ) -> Result<Self, KeyringFault> {
        let key = SigningKey::generate(alg)?;
        let kid = Kid::new(key.kid()).map_err(|_| KeyringFault::Library)?;
        let context = context(purpose, &kid, alg);
        let bytes = kek.seal(&context, &key.to_pkcs8()?).ok_or(KeyringFault::Library)?;
        Ok(Self { alg, kid, sealed: Sealed { bytes, under: kek.fingerprint()? } })
    }
}

impl Stored {
    /// Decrypts the key; `None` for a retired one.
    pub(crate) fn unseal(
        &self,
        purpose: &str,
        kek: &KeyEncryptionKey,
    ) -> Result<Option<Arc<SigningKey>>, KeyringFault> {
        let Some(sealed) = &self.sealed else { return Ok(None) };
        let Entry { kid, alg, .. } = &self.entry;
        let given = kek.fingerprint()?;
        if sealed.under != given {
            return Err(KeyringFault::WrongKey { given, needed: sealed.under.clone() });
        }
        let damaged = || KeyringFault::Damaged { kid: kid.to_string() };
        let pkcs8 = kek.open(&context(purpose, kid, *alg), &sealed.bytes).ok_or_else(damaged)?;
        let key = SigningKey::from_pkcs8(*alg, &pkcs8, Some(kid.to_string()))?;
        Ok(Some(Arc::new(key)))
    }
}

/// What a row's ciphertext is bound to, so that rows cannot change places. No part can hold a `|`.
fn context(purpose: &str, kid: &Kid, alg: Alg) -> String {
    format!("{purpose}|{kid}|{alg}")
}

/// All keys of one purpose, oldest first.
pub(crate) fn load(tx: &mut Tx<'_>, purpose: &str) -> Result<Vec<Stored>, StoreFault> {
    const SQL: &str = "SELECT kid, alg, state, sealed, sealed_under, published_ms, activated_ms, \
                       demoted_ms, retired_ms, rotate_at_ms FROM signing_key \
                       WHERE purpose = $1 ORDER BY published_ms, kid";
    tx.query(SQL, &[purpose.into()])?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Stored, StoreFault> {
    let unknown = |what: &str| StoreFault::rejected(format!("a signing key has an unknown {what}"));
    let entry = Entry {
        kid: Kid::new(row.text(0)?).map_err(StoreFault::rejected)?,
        alg: row.text(1)?.parse().map_err(|_| unknown("algorithm"))?,
        state: KeyState::named(row.text(2)?).ok_or_else(|| unknown("state"))?,
        published: row.time(5)?,
        activated: row.opt_time(6)?,
        demoted: row.opt_time(7)?,
        retired: row.opt_time(8)?,
        rotate_at: row.opt_time(9)?,
    };
    let sealed = row.opt_blob(3)?.map(<[u8]>::to_vec);
    let under = row.text(4)?.to_owned();
    let published = entry.state.is_published();
    let sealed = sealed.map(|bytes| Sealed { bytes, under });
    if published && sealed.is_none() {
        return Err(StoreFault::rejected("a published signing key has no private half"));
    }
    Ok(Stored { entry, sealed: sealed.filter(|_| published) })
}

/// Writes what differs: changed rows, and new ones with their keys from `spares`.
pub(crate) fn save(
    tx: &mut Tx<'_>,
    plan: &KeyPlan,
    old: &[Stored],
    (new, spares): (&[Entry], &[Spare]),
) -> Result<(), StoreFault> {
    for entry in new {
        match old.iter().find(|stored| stored.entry.kid == entry.kid) {
            Some(stored) if stored.entry == *entry => {}
            Some(_) => update(tx, plan, entry)?,
            None => {
                let spare = spares.iter().find(|spare| spare.kid == entry.kid);
                let spare = spare.ok_or_else(|| StoreFault::rejected("a new key has no secret"))?;
                insert(tx, plan, entry, &spare.sealed)?;
            }
        }
    }
    Ok(())
}

fn update(tx: &mut Tx<'_>, plan: &KeyPlan, entry: &Entry) -> Result<(), StoreFault> {
    const SQL: &str = "UPDATE signing_key SET state = $3, activated_ms = $4, demoted_ms = $5, \
                       retired_ms = $6, rotate_at_ms = $7 WHERE purpose = $1 AND kid = $2";
    const WIPE: &str = "UPDATE signing_key SET sealed = NULL WHERE purpose = $1 AND kid = $2";
    let values = [
        plan.purpose.into(),
        entry.kid.as_str().into(),
        entry.state.name().into(),
        entry.activated.into(),
        entry.demoted.into(),
        entry.retired.into(),
        entry.rotate_at.into(),
    ];
    tx.execute(SQL, &values)?;
    if !entry.state.is_published() {
        tx.execute(WIPE, &[plan.purpose.into(), entry.kid.as_str().into()])?;
    }
    Ok(())
}

fn insert(
    tx: &mut Tx<'_>,
    plan: &KeyPlan,
    entry: &Entry,
    sealed: &Sealed,
) -> Result<(), StoreFault> {
    const SQL: &str = "INSERT INTO signing_key (purpose, kid, alg, state, sealed, sealed_under, \
                       published_ms, activated_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = [
        plan.purpose.into(),
        entry.kid.as_str().into(),
        entry.alg.name().into(),
        entry.state.name().into(),
        (&sealed.bytes).into(),
        (&sealed.under).into(),
        entry.published.into(),
        entry.activated.into(),
    ];
    tx.execute(SQL, &values)?;
    Ok(())
}
