//! A set of scopes and its algebra. RFC 6749 §3.3 is its printed form.
//!
//! Membership and the operations are about scopes as they are written; what one scope implies is
//! the [`Registry`](super::Registry)'s to say.

use super::{Scope, ScopeFault};
use crate::ids::Tenant;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// A set of scopes, sorted by their bytes. The empty set grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// The most scopes in one list.
    pub const MAX: usize = 64;
    /// The longest list, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Reads a list of scopes with exactly one space between two (RFC 6749 §3.3), in any order.
    /// A repeated scope counts once. The empty string is the empty set: whether that will do is
    /// for the caller to say.
    pub fn parse(text: &str) -> Result<Self, ScopeFault> {
        if text.len() > Self::MAX_BYTES {
            return Err(ScopeFault::TooLarge { bytes: text.len() });
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut scopes = Vec::with_capacity(8);
        let mut at = 0;
        for piece in text.split(' ') {
            if piece.is_empty() {
                return Err(ScopeFault::Spacing { at });
            }
            at += piece.len() + 1;
            scopes.push(Scope::parse(piece)?);
        }
        let scopes = Self::sorted(scopes);
        scopes.within_limits()?;
        Ok(scopes)
    }

    /// Whether the set may stand in a token: at most 64 scopes and 2048 bytes. Sets that were
    /// parsed may; a union or a closure need not.
    pub fn within_limits(&self) -> Result<(), ScopeFault> {
        if self.len() > Self::MAX {
            return Err(ScopeFault::TooMany { scopes: self.len() });
        }
        let bytes = self.printed_len();
        if bytes > Self::MAX_BYTES {
            return Err(ScopeFault::TooLarge { bytes });
        }
        Ok(())
    }

    /// The scopes in the order of their bytes.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// How many scopes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no scope at all: a token like that must not be issued.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `scope` itself is in the set. For a right, ask [`Registry::covers`](super::Registry::covers).
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.binary_search(scope).is_ok()
    }

    /// The scopes that are in both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        self.filter(|scope| other.contains(scope))
    }

    /// The scopes that are in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other).cloned().collect()
    }

    /// The scopes of this set that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.filter(|scope| !other.contains(scope))
    }

    /// Whether every scope of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// Whether every scope of this set is in `other`, or is a narrower one than there: the same right on a
    /// resource beneath. What one right implies of another is the [`Registry`](super::Registry)'s to say.
    pub fn lies_within(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.iter().any(|wider| wider.holds(scope)))
    }

    /// The set without what is narrower than another scope of it: it says the same in fewer words.
    #[must_use]
    pub fn condensed(&self) -> Self {
        self.filter(|scope| !self.iter().any(|wider| wider != scope && wider.holds(scope)))
    }

    /// The set as a token of `own` says it: its own tenant is not written out.
    #[must_use]
    pub fn unqualified(&self, own: &Tenant) -> Self {
        self.iter().map(|scope| scope.unqualified(own)).collect()
    }

    /// The first scope about another tenant than `own`, if there is one. A scope without tenant is about the own
    /// one; where there is none, every scope with a tenant is about another.
    pub fn foreign(&self, own: Option<&Tenant>) -> Option<&Scope> {
        self.iter().find(|scope| scope.tenant().is_some_and(|tenant| Some(tenant) != own))
    }

    /// Whether it allows an exchange that leaves no actor in the token: `exchange:impersonate` by name, in the
    /// own tenant. No wildcard and no other verb brings it.
    pub fn may_impersonate(&self) -> bool {
        self.iter().any(|scope| scope.as_str() == "exchange:impersonate")
    }

    pub(super) fn filter(&self, keep: impl Fn(&Scope) -> bool) -> Self {
        Self(self.iter().filter(|scope| keep(scope)).cloned().collect())
    }

    fn sorted(mut scopes: Vec<Scope>) -> Self {
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }

    fn printed_len(&self) -> usize {
        let spaces = self.len().saturating_sub(1);
        self.iter().map(|scope| scope.as_str().len()).sum::<usize>() + spaces
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self::sorted(scopes.into_iter().collect())
    }
}

impl IntoIterator for Scopes {
    type Item = Scope;
    type IntoIter = std::vec::IntoIter<Scope>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Scopes {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromStr for Scopes {
    type Err = ScopeFault;
    fn from_str(text: &str) -> Result<Self, ScopeFault> {
        Self::parse(text)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(source)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
