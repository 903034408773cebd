//! The policies that are in force, and those that were: bundles by revision, and who put which of them where, and
//! when.
//!
//! All nodes on one database follow the latest application of a place. What is in a bundle is not looked at here:
//! whoever applies one has had it checked.

mod rows;

pub use rows::{AppliedPolicy, PolicyPlace, PolicySource};

use crate::{Acting, Action, Deed, Fault, transact::transact};
use portcullis_store::{Store, Tx};
use portcullis_types::Timestamp;

/// The policies of one database. Cheap to clone.
#[derive(Clone)]
pub struct Policies {
    store: Store,
}

/// A bundle that is to be applied.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// What it is called by: a hash over its files.
    pub revision: String,
    /// The bundle as one file.
    pub packed: Vec<u8>,
    /// What whoever built it calls it.
    pub label: Option<String>,
    /// Where it came from: a path or a URL, without anything secret.
    pub origin: String,
    /// Who asked for it.
    pub asked: Asked,
}

/// Who asks for a bundle to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A person, who means it now.
    ByHand,
    /// A source that is polled: what it delivered last is not applied again, or it would undo what a person did
    /// since.
    BySource,
    /// A source that only passes on what others signed. Besides, it does not go back: who holds it could not make
    /// policies, but bring old ones back.
    BySigner,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in its place now.
    Applied(AppliedPolicy),
    /// It was there already, or the source said nothing new.
    AsItWas(Option<AppliedPolicy>),
}

impl Policies {
    /// Those in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// What was last put into a place; its `revision` is `None` if the place was emptied.
    pub async fn at(&self, place: PolicyPlace) -> Result<Option<AppliedPolicy>, Fault> {
        Ok(self.store.read(move |tx| rows::latest(tx, place)).await?)
    }

    /// A bundle as one file.
    pub async fn packed(&self, revision: &str) -> Result<Option<Vec<u8>>, Fault> {
        let revision = revision.to_owned();
        Ok(self.store.read(move |tx| rows::packed(tx, &revision)).await?)
    }

    /// The bundle in force with its file.
    pub async fn in_force(&self) -> Result<Option<(AppliedPolicy, Vec<u8>)>, Fault> {
        let both = |tx: &mut Tx<'_>| {
            let Some(applied) = rows::latest(tx, PolicyPlace::Force)? else { return Ok(None) };
            let Some(revision) = &applied.revision else { return Ok(None) };
            let packed = rows::packed(tx, revision)?;
            Ok(packed.map(|packed| (applied, packed)))
        };
        Ok(self.store.read(both).await?)
    }

    /// At most `limit` applications, the latest first.
    pub async fn history(&self, limit: u32) -> Result<Vec<AppliedPolicy>, Fault> {
        Ok(self.store.read(move |tx| rows::history(tx, limit)).await?)
    }

    /// Puts a bundle into a place, with its audit record.
    pub async fn apply(
        &self,
        mut by: Acting<'_>,
        place: PolicyPlace,
        new: NewPolicy,
    ) -> Result<Outcome, Fault> {
        let action = match place {
            PolicyPlace::Force => Action::PolicyApply,
            PolicyPlace::Shadow => Action::PolicyShadow,
        };
        let (now, actor) = (by.now, by.actor.to_owned());
        let deed = Deed::new(&mut by, action)
            .with("from", new.origin.clone())
            .with("label", new.label.clone());
        transact(&self.store, move |tx| {
            let before = rows::latest(tx, place)?;
            let stands = before.as_ref().and_then(|before| before.revision.as_deref());
            let same = stands == Some(&new.revision);
            if new.asked != Asked::ByHand && !same {
                let said = rows::latest_from(tx, place, &new.origin)?;
                if said.is_some_and(|said| said.revision.as_ref() == Some(&new.revision)) {
                    return Ok(Outcome::AsItWas(before));
                }
            }
            if new.asked == Asked::BySigner && !same && rows::came(tx, place, &new)? {
                return Err(Fault::Invalid(format!(
                    "{} was replaced by a later release of the same source; to go back, apply it by hand, or sign it \
                     anew under another --revision",
                    new.revision
                )));
            }
            rows::keep(tx, &new.revision, &new.packed, now)?;
            if same {
                return Ok(Outcome::AsItWas(before));
            }
            let deed = deed.with("before", stands.map(str::to_owned));
            let applied = AppliedPolicy {
                seq: rows::next(tx)?,
                place,
                act: "apply".to_owned(),
                revision: Some(new.revision),
                falls_back_to: before.map(|before| before.seq),
                at: now,
                by: actor,
                origin: new.origin,
                label: new.label,
            };
            written(tx, deed, applied).map(Outcome::Applied)
        })
        .await
    }

    /// Brings back the bundle that was in force before this one, or the one of that revision. Going back again goes
    /// further back.
    pub async fn roll_back(
        &self,
        mut by: Acting<'_>,
        to: Option<String>,
    ) -> Result<AppliedPolicy, Fault> {
        let (now, actor) = (by.now, by.actor.to_owned());
        let deed = Deed::new(&mut by, Action::PolicyRollback);
        transact(&self.store, move |tx| {
            let nothing = || Fault::Invalid("no policies are in force; apply some first".into());
            let current = rows::latest(tx, PolicyPlace::Force)?.ok_or_else(nothing)?;
            let target = match &to {
                Some(revision) => named(tx, revision)?,
                None => earlier(tx, &current)?,
            };
            if target.revision == current.revision {
                return Err(Fault::Invalid("these policies are in force already".into()));
            }
            let kept = target.revision.as_deref().map(|it| rows::is_kept(tx, it)).transpose()?;
            if kept != Some(true) {
                let lost = "that bundle is not kept any more; apply it from where it came";
                return Err(Fault::Invalid(lost.into()));
            }
            let deed = deed.with("before", current.revision.clone());
            let falls_back_to = match to {
                Some(_) => Some(current.seq),
                None => target.falls_back_to,
            };
            let (seq, act) = (rows::next(tx)?, "rollback".to_owned());
            let applied = AppliedPolicy { seq, act, at: now, by: actor, falls_back_to, ..target };
            written(tx, deed, applied)
        })
        .await
    }

    /// Takes the bundle in shadow away.
    pub async fn end_shadow(&self, mut by: Acting<'_>) -> Result<(), Fault> {
        let (at, actor) = (by.now, by.actor.to_owned());
        let deed = Deed::new(&mut by, Action::PolicyShadow);
        transact(&self.store, move |tx| {
            let place = PolicyPlace::Shadow;
            let stands = rows::latest(tx, place)?.and_then(|before| before.revision);
            if stands.is_none() {
                return Err(Fault::Invalid("no policies decide in shadow".into()));
            }
            let (seq, act) = (rows::next(tx)?, "off".to_owned());
            let (revision, falls_back_to, origin, label) = (None, None, String::new(), None);
            let applied = AppliedPolicy {
                seq,
                place,
                act,
                revision,
                falls_back_to,
                at,
                by: actor,
                origin,
                label,
            };
            written(tx, deed.with("before", stands), applied).map(|_| ())
        })
        .await
    }

    /// Notes whether a source can be used, for whoever asks another process; `None`: it can.
    pub async fn note_source(
        &self,
        origin: String,
        fault: Option<String>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        Ok(self.store.write(move |tx| rows::note_source(tx, &origin, fault, now)).await?)
    }

    /// The sources that were ever polled.
    pub async fn sources(&self) -> Result<Vec<PolicySource>, Fault> {
        Ok(self.store.read(rows::sources).await?)
    }
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").finish_non_exhaustive()
    }
}

/// Writes an application, its record, and forgets what is too old to go back to.
fn written(tx: &mut Tx<'_>, deed: Deed, applied: AppliedPolicy) -> Result<AppliedPolicy, Fault> {
    rows::insert(tx, &applied)?;
    rows::forget(tx, applied.seq)?;
    deed.done(tx, applied.revision.as_deref().unwrap_or("shadow"))?;
    Ok(applied)
}

/// What `current` fell back to would bring, without what is the same.
fn earlier(tx: &mut Tx<'_>, current: &AppliedPolicy) -> Result<AppliedPolicy, Fault> {
    let found = current.falls_back_to.map(|seq| rows::one(tx, seq)).transpose()?.flatten();
    found.ok_or_else(|| Fault::Invalid("there were no policies before these".into()))
}

/// The latest application of the revision that begins so.
fn named(tx: &mut Tx<'_>, revision: &str) -> Result<AppliedPolicy, Fault> {
    let all: Vec<AppliedPolicy> = rows::history(tx, rows::REMEMBERED)?;
    let digits = revision.strip_prefix("sha256:").unwrap_or(revision);
    let fits = |applied: &&AppliedPolicy| {
        let known = applied.revision.as_deref().and_then(|known| known.strip_prefix("sha256:"));
        known.is_some_and(|known| digits.len() >= 6 && known.starts_with(digits))
    };
    let mut found = all.iter().filter(fits);
    let first = found.next().cloned();
    if let Some(first) = &first
        && found.any(|other| other.revision != first.revision)
    {
        return Err(Fault::Invalid(format!(
            "several revisions begin with {revision}; write more of it"
        )));
    }
    first.ok_or_else(|| {
        Fault::Invalid(format!(
            "{revision} was never applied here; see 'portcullis policy history'"
        ))
    })
}
