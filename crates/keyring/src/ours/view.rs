//! What the rest of the program sees of our keys: one immutable value, replaced as a whole.

use super::{
    KeyEncryptionKey, KeyInfo, KeyState, KeyringFault,
    schedule::{KeyPlan, Ring},
    table::Stored,
};
use crate::{Keys, keys::identities};
use portcullis_jose::{Alg, SigningKey, jwk::KeySet};
use portcullis_types::{Kid, Timestamp};
use std::sync::Arc;

/// Our keys at one moment.
pub(crate) struct View {
    pub(crate) keys: Arc<Keys>,
    pub(crate) jwks: Arc<str>,
    pub(crate) infos: Vec<KeyInfo>,
    signers: Vec<Arc<SigningKey>>,
    /// Every published key, so that none is decrypted twice.
    opened: Vec<(Kid, Arc<SigningKey>)>,
}

impl View {
    pub(crate) fn empty() -> Self {
        let keys = Keys { set: Arc::default(), fetched_at: None, generation: 0 };
        let (signers, opened) = (Vec::new(), Vec::new());
        Self {
            keys: Arc::new(keys),
            jwks: "{\"keys\":[]}".into(),
            infos: Vec::new(),
            signers,
            opened,
        }
    }

    pub(crate) fn signer(&self, alg: Alg) -> Option<&Arc<SigningKey>> {
        self.signers.iter().find(|key| key.alg().is(alg))
    }

    /// The view of these rows. The generation grows if another key signs or is published than before.
    pub(crate) fn of(
        rows: &[Stored],
        plan: &KeyPlan,
        kek: &KeyEncryptionKey,
        before: &Self,
    ) -> Result<Self, KeyringFault> {
        let (mut set, mut jwks) = (KeySet::default(), Vec::new());
        let (mut signers, mut opened) = (Vec::new(), Vec::new());
        for stored in rows {
            let kid = &stored.entry.kid;
            let known = before.opened.iter().find(|(known, _)| known == kid).map(|(_, key)| key);
            let key = match known.filter(|_| stored.entry.state.is_published()) {
                Some(key) => Some(Arc::clone(key)),
                None => stored.unseal(plan.purpose, kek)?,
            };
            let Some(key) = key else { continue };
            let public = key.public_jwk()?;
            jwks.push(serde_json::to_string(&public).map_err(|_| KeyringFault::Library)?);
            set.push(&public);
            if stored.entry.state == KeyState::Current {
                signers.push(Arc::clone(&key));
            }
            opened.push((kid.clone(), key));
        }
        let kids = |signers: &[Arc<SigningKey>]| -> Vec<String> {
            signers.iter().map(|key| key.kid().to_owned()).collect()
        };
        let same = identities(&set) == identities(&before.keys.set)
            && kids(&signers) == kids(&before.signers);
        let generation = before.keys.generation + u64::from(!same);
        let keys = Arc::new(Keys { set: Arc::new(set), fetched_at: None, generation });
        let jwks = format!("{{\"keys\":[{}]}}", jwks.join(",")).into();
        Ok(Self { keys, jwks, infos: infos(rows, plan), signers, opened })
    }
}

fn infos(rows: &[Stored], plan: &KeyPlan) -> Vec<KeyInfo> {
    let entries = rows.iter().map(|row| row.entry.clone()).collect();
    // What is expected of a key depends on the rows alone.
    let ring = Ring::new(entries, plan, Timestamp::from_millis(0));
    let info = |entry: &super::schedule::Entry| {
        let (activates, retires) = ring.outlook(entry);
        KeyInfo {
            kid: entry.kid.clone(),
            alg: entry.alg,
            state: entry.state,
            created: entry.published,
            activates,
            retires,
        }
    };
    ring.entries.iter().map(info).collect()
}
