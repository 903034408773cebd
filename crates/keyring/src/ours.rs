//! Our own keys: encrypted in the database, published ahead of use, kept until the last token is dead.

mod fault;
mod kek;
mod schedule;
mod table;
mod view;

pub use fault::KeyringFault;
pub use kek::{KeyEncryptionKey, KeyEncryptionKeyFault};
pub use schedule::{Haste, KeyChange, KeyPlan, KeyState, RotationPolicy};
pub use table::MIGRATIONS;

use crate::Keys;
use arc_swap::ArcSwap;
use portcullis_audit::{Admin, Event, Record, append};
use portcullis_jose::{Alg, SigningKey, jwk::KeySet};
use portcullis_store::{Store, StoreFault, Tx};
use portcullis_types::{DecisionId, Entropy, Kid, Random, Stage, Timestamp, Trace};
use schedule::{Command, Ring};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, sync::Arc};
use table::{Spare, Stored, load, save};
use tokio::sync::{Mutex, watch};
use view::View;

/// Who changes keys, when, and under which name it is remembered. An act that changes nothing leaves no
/// record.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who: a person, or `schedule`.
    pub actor: String,
    /// The name of the audit record.
    pub id: DecisionId,
    /// When.
    pub at: Timestamp,
}

impl Act {
    /// With a fresh id.
    pub fn new(actor: impl Into<String>, now: Timestamp, rng: &mut dyn Entropy) -> Self {
        Self { actor: actor.into(), id: DecisionId::fresh(now, &Random::draw(rng)), at: now }
    }
}

/// A key as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Its name: its RFC 7638 thumbprint.
    pub kid: Kid,
    /// What it signs with.
    pub alg: Alg,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made, and published.
    pub created: Timestamp,
    /// When it began to sign; of a next key, when it is expected to.
    pub activates: Option<Timestamp>,
    /// When it went or will go; not known before it stops signing.
    pub retires: Option<Timestamp>,
}

/// Our keys of one purpose. Cheap to clone; clones share everything. Reading takes no lock.
#[derive(Clone)]
pub struct OurKeys(Arc<Inner>);

struct Inner {
    store: Store,
    kek: KeyEncryptionKey,
    plan: KeyPlan,
    view: ArcSwap<View>,
    generation: watch::Sender<u64>,
    /// Held from reading the rows to publishing them, so that no older view replaces a newer one.
    reloading: Mutex<()>,
}

impl OurKeys {
    /// Opens the keys of `plan`, and generates those that are missing: at the first start a current one per
    /// algorithm, and a next one where that is quick. The first [`OurKeys::tick`] makes next RSA keys, which
    /// take long, so that nobody waits for them.
    pub async fn open(
        store: Store,
        kek: KeyEncryptionKey,
        plan: KeyPlan,
        by: Act,
    ) -> Result<Self, KeyringFault> {
        // First, so that a wrong key-encryption key is found before anything is written with it.
        let this = Self::look(store, kek, plan).await?;
        this.carry_out(Command::Start, by).await?;
        Ok(this)
    }

    /// The keys of `plan` as they lie there, for those who only want to see them: nothing is made, rotated
    /// or retired, and before the first start there is none.
    pub async fn look(
        store: Store,
        kek: KeyEncryptionKey,
        plan: KeyPlan,
    ) -> Result<Self, KeyringFault> {
        plan.policy.check()?;
        let (view, generation) = (ArcSwap::from_pointee(View::empty()), watch::Sender::new(0));
        let reloading = Mutex::new(());
        let this = Self(Arc::new(Inner { store, kek, plan, view, generation, reloading }));
        this.reload().await?;
        Ok(this)
    }

    /// The key that signs with this algorithm now.
    pub fn signer(&self, alg: Alg) -> Option<Arc<SigningKey>> {
        self.0.view.load().signer(alg).cloned()
    }

    /// All published keys: next, current and retiring.
    pub fn public(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.view.load().keys.set)
    }

    /// All published keys, with their generation.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.view.load().keys)
    }

    /// The generation of [`OurKeys::keys`].
    pub fn generation(&self) -> u64 {
        self.0.view.load().keys.generation
    }

    /// The JWK Set to publish (RFC 7517 §5).
    pub fn jwks_json(&self) -> Arc<str> {
        Arc::clone(&self.0.view.load().jwks)
    }

    /// The generation: changes whenever another key signs or is published.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.generation.subscribe()
    }

    /// Every key there ever was, oldest first, as of the last reload or change.
    pub fn list(&self) -> Vec<KeyInfo> {
        self.0.view.load().infos.clone()
    }

    /// Whose keys, for which algorithms, changing when.
    pub fn plan(&self) -> &KeyPlan {
        &self.0.plan
    }

    /// What the time demands: makes missing keys, rotates those whose turn is over, retires those whose
    /// tokens are dead, and ends those of algorithms that are not in the plan any more. Takes over what another process has changed. To be called about once a minute; cheap
    /// when there is nothing to do.
    pub async fn tick(&self, by: Act) -> Result<Vec<KeyChange>, KeyringFault> {
        let changes = self.carry_out(Command::Tick, by).await?;
        if changes.is_empty() {
            // A process that misses a rotation would sign with a key that is about to go.
            self.reload().await?;
        }
        Ok(changes)
    }

    /// Lets the next key sign, of one algorithm or of all. [`Haste::Orderly`] puts it off
    /// ([`KeyChange::Scheduled`]) while the next key is not published long enough for every cache to know it.
    pub async fn rotate(
        &self,
        alg: Option<Alg>,
        haste: Haste,
        by: Act,
    ) -> Result<Vec<KeyChange>, KeyringFault> {
        self.carry_out(Command::Rotate(alg, haste), by).await
    }

    /// Takes a key out of the set and wipes it. [`Haste::Orderly`] refuses while tokens signed with it may
    /// be alive; [`Haste::AtOnce`] does not, and lets the next key sign in place of a current one.
    pub async fn retire(
        &self,
        kid: &Kid,
        haste: Haste,
        by: Act,
    ) -> Result<Vec<KeyChange>, KeyringFault> {
        self.carry_out(Command::Retire(kid.clone(), haste), by).await
    }

    /// Takes over what another process has changed.
    pub async fn reload(&self) -> Result<(), KeyringFault> {
        let _reloading = self.0.reloading.lock().await;
        let this = Arc::clone(&self.0);
        let purpose = this.plan.purpose;
        let rows = this.store.read(move |tx| load(tx, purpose)).await?;
        let before = this.view.load_full();
        let view = blocking(move || View::of(&rows, &this.plan, &this.kek, &before)).await?;
        let generation = view.keys.generation;
        self.0.view.store(Arc::new(view));
        self.0
            .generation
            .send_if_modified(|seen| std::mem::replace(seen, generation) != generation);
        Ok(())
    }

    /// Tries the command on what is there, makes the keys that it needs, and carries it out on what is
    /// there then: another process may have been faster, so everything is decided anew in the transaction.
    async fn carry_out(&self, command: Command, by: Act) -> Result<Vec<KeyChange>, KeyringFault> {
        let mut spares: Vec<Spare> = Vec::new();
        let purpose = self.0.plan.purpose;
        let rows = self.0.store.read(move |tx| load(tx, purpose)).await?;
        let trial = decide(&rows, &spares, &self.0.plan, &command, by.at)?;
        if trial.missing.is_empty() && trial.changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut missing = trial.missing;
        loop {
            spares.extend(self.generate(missing).await?);
            let (this, command, by) = (Arc::clone(&self.0), command.clone(), by.clone());
            let offered = spares.clone();
            let write = move |tx: &mut Tx<'_>| write(tx, &this.plan, &offered, &command, &by);
            let decided = self.0.store.write(write).await??;
            if decided.missing.is_empty() {
                self.reload().await?;
                return Ok(decided.changes);
            }
            missing = decided.missing;
        }
    }

    /// Makes keys side by side: an RSA key takes a good part of a second.
    async fn generate(&self, algs: Vec<Alg>) -> Result<Vec<Spare>, KeyringFault> {
        let start = |alg| {
            let this = Arc::clone(&self.0);
            tokio::spawn(blocking(move || Spare::generate(alg, this.plan.purpose, &this.kek)))
        };
        let started: Vec<_> = algs.into_iter().map(start).collect();
        let mut spares = Vec::with_capacity(started.len());
        for spare in started {
            spares.push(spare.await.unwrap_or(Err(KeyringFault::Interrupted))?);
        }
        Ok(spares)
    }
}

/// What a command came to.
struct Decided {
    entries: Vec<schedule::Entry>,
    missing: Vec<Alg>,
    changes: Vec<KeyChange>,
}

fn decide(
    rows: &[Stored],
    spares: &[Spare],
    plan: &KeyPlan,
    command: &Command,
    now: Timestamp,
) -> Result<Decided, KeyringFault> {
    let mut ring = Ring::new(rows.iter().map(|row| row.entry.clone()).collect(), plan, now);
    ring.spares = spares.iter().map(|spare| (spare.alg, spare.kid.clone())).collect();
    ring.run(command)?;
    Ok(Decided { entries: ring.entries, missing: ring.missing, changes: ring.changes })
}

/// Decides and writes in one transaction, with the record of it.
fn write(
    tx: &mut Tx<'_>,
    plan: &KeyPlan,
    spares: &[Spare],
    command: &Command,
    by: &Act,
) -> Result<Result<Decided, KeyringFault>, StoreFault> {
    let rows = load(tx, plan.purpose)?;
    let decided = match decide(&rows, spares, plan, command, by.at) {
        Ok(decided) => decided,
        Err(fault) => return Ok(Err(fault)),
    };
    if decided.missing.is_empty() && !decided.changes.is_empty() {
        save(tx, plan, &rows, (&decided.entries, spares))?;
        append(tx, &record(plan, command, by, &decided.changes))?;
    }
    Ok(Ok(decided))
}

fn record<'a>(
    plan: &'a KeyPlan,
    command: &'a Command,
    by: &'a Act,
    changes: &[KeyChange],
) -> Record<'a> {
    let (action, target, haste) = match command {
        Command::Start | Command::Tick => ("key.schedule", plan.purpose, None),
        Command::Rotate(_, haste) => ("key.rotate", plan.purpose, Some(haste)),
        Command::Retire(kid, haste) => ("key.retire", kid.as_str(), Some(haste)),
    };
    let numbered = changes.iter().enumerate();
    let mut detail: BTreeMap<String, String> = numbered
        .map(|(number, change)| (format!("change_{:02}", number + 1), change.to_string()))
        .collect();
    detail.insert("purpose".to_owned(), plan.purpose.to_owned());
    if haste == Some(&Haste::AtOnce) {
        detail.insert("haste".to_owned(), "at_once".to_owned());
    }
    let (actor, action, target) = (by.actor.as_str().into(), action.into(), target.into());
    let event = Event::Admin(Admin { actor, action, target, detail });
    Record {
        id: by.id,
        at: by.at,
        trace: Trace::new(Stage::Grant),
        denial: None,
        ruled: None,
        event,
    }
}

/// Key generation and decryption take milliseconds: not on a thread that serves requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringFault> + Send + 'static,
) -> Result<T, KeyringFault> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(KeyringFault::Interrupted))
}

impl fmt::Debug for OurKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OurKeys").field("plan", &self.0.plan).finish_non_exhaustive()
    }
}
