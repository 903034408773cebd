//! What the audit log says about people: who did what to whom.

use crate::{Acting, Action, excerpt};
use portcullis_audit::{self as audit, Admin, Event, Record};
use portcullis_store::{StoreFault, Tx};
use portcullis_types::{Check, DecisionId, Denial, Random, Stage, Timestamp, Trace};
use std::{borrow::Cow, collections::BTreeMap};

/// One deed: what its record will say. Make it before the transaction, write it inside.
#[derive(Clone)]
pub struct Deed {
    /// The name under which it is explained.
    pub id: DecisionId,
    at: Timestamp,
    actor: String,
    action: Action,
    detail: BTreeMap<String, String>,
}

impl Deed {
    /// Of somebody who acts.
    pub fn new(by: &mut Acting<'_>, action: Action) -> Self {
        let id = DecisionId::fresh(by.now, &Random::draw(by.entropy));
        Self { id, at: by.now, actor: excerpt(by.actor), action, detail: BTreeMap::new() }
    }

    /// With one more thing worth knowing; never a secret. Nothing, if it is nothing.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Option<String>>) -> Self {
        if let Some(value) = value.into().filter(|value| !value.is_empty()) {
            self.detail.insert(name.to_owned(), excerpt(&value));
        }
        self
    }

    /// When.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Writes that it was done.
    pub fn done(self, tx: &mut Tx<'_>, target: &str) -> Result<(), StoreFault> {
        self.append(tx, target, None)
    }

    /// Writes that it was refused.
    pub fn refused(self, tx: &mut Tx<'_>, target: &str, denial: &Denial) -> Result<(), StoreFault> {
        self.append(tx, target, Some(denial))
    }

    fn append(
        self,
        tx: &mut Tx<'_>,
        target: &str,
        denial: Option<&Denial>,
    ) -> Result<(), StoreFault> {
        let mut trace = Trace::new(Stage::Authorize);
        if let Some(denial) = denial {
            let _ = trace.step(Check::SignedIn, Err::<(), _>(denial.clone()));
        }
        let admin = Admin {
            actor: self.actor.into(),
            action: self.action.name().into(),
            target: excerpt(target).into(),
            detail: self.detail,
        };
        let denial = denial.map(Cow::Borrowed);
        let event = Event::Admin(admin);
        audit::append(tx, &Record { id: self.id, at: self.at, trace, denial, ruled: None, event })
    }
}
