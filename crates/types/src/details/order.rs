//! The order of [`Details`]: lists by inclusion, numbers by size, and what is absent above everything.

use super::{
    Detail, DetailType, Details, DetailsFault,
    DetailsProblem::{Excluded, TooLarge, Wider},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

/// The first thing in which an object goes beyond another.
struct Excess {
    /// How many fields were within before: the object that it goes least beyond is the one it was meant for.
    rank: usize,
    field: String,
    found: String,
    expected: String,
}

impl Details {
    /// Whether it limits at least as much as `ceiling` in everything: for each type that `ceiling` has objects of,
    /// it has some too, and each lies within one of those.
    pub fn is_within(&self, ceiling: &Self) -> bool {
        DetailType::ALL.into_iter().all(|kind| {
            let mut above = ceiling.of_kind(kind).peekable();
            let mut own = self.of_kind(kind).peekable();
            above.peek().is_none()
                || own.peek().is_some()
                    && own.all(|detail| {
                        ceiling.of_kind(kind).any(|wider| detail.excess(wider).is_none())
                    })
        })
    }

    /// What is granted of `requested` under `ceiling`: of each type the objects as they were requested, or, if
    /// none were, those of the ceiling. An object that lies within no object of the ceiling is refused, not
    /// mended: what its requester meant is not ours to guess.
    pub fn narrowed(requested: &Self, ceiling: &Self) -> Result<Self, DetailsFault> {
        let mut granted = Vec::new();
        for kind in DetailType::ALL {
            let mut own = requested.of_kind(kind).peekable();
            if own.peek().is_none() {
                granted.extend(ceiling.of_kind(kind).cloned());
                continue;
            }
            for detail in own {
                detail.under(ceiling)?;
                granted.push(detail.clone());
            }
        }
        Self::bounded(granted)
    }

    /// The most that both sides allow: whatever lies within both lies within it. A type of which both sides have
    /// objects that no two have anything in common is refused, since a set without any would allow them all.
    pub fn meet(&self, other: &Self) -> Result<Self, DetailsFault> {
        let mut both = Vec::new();
        for kind in DetailType::ALL {
            let (ours, theirs) = (self.of_kind(kind), other.of_kind(kind));
            let (mut first, mut second) = (ours.clone().peekable(), theirs.clone().peekable());
            if first.peek().is_none() || second.peek().is_none() {
                both.extend(ours.chain(theirs).cloned());
                continue;
            }
            let before = both.len();
            both.extend(ours.flat_map(|own| theirs.clone().filter_map(|one| own.meet(one))));
            if both.len() == before {
                let fault = DetailsFault::new(Excluded, kind.name());
                return Err(fault
                    .found("two sides that allow nothing in common")
                    .expected("something that every side allows"));
            }
        }
        Self::bounded(both)
    }

    /// Without those objects of `kind` that are about none of the things that `holds` knows. If that leaves none of
    /// them it is refused, since a set without any would allow all.
    pub fn only(
        &self,
        kind: DetailType,
        holds: impl Fn(&str) -> bool,
    ) -> Result<Self, DetailsFault> {
        let stays =
            |one: &&Detail| one.kind != kind || one.identifier.as_deref().is_some_and(&holds);
        let left = Self(self.iter().filter(stays).cloned().collect());
        let (before, after) = (self.of_kind(kind).next(), left.of_kind(kind).next());
        match (before, after) {
            (Some(lost), None) => Err(DetailsFault::new(Excluded, kind.name())
                .found(&lost.label())
                .expected("something that every side allows")),
            _ => Ok(left),
        }
    }

    /// The objects of both: of a type that either limits, what one of them allows. A set that has no objects of a
    /// type lifts no limit of the other.
    pub fn together(&self, other: &Self) -> Result<Self, DetailsFault> {
        Self::bounded(self.iter().chain(other).cloned().collect())
    }

    fn bounded(details: Vec<Detail>) -> Result<Self, DetailsFault> {
        let mut details = Self::sorted(details);
        if details.len() > Self::MAX {
            details = details.condensed();
        }
        let (objects, bytes) = (details.len(), details.to_string().len());
        if objects > Self::MAX || bytes > Self::MAX_BYTES {
            let fault = DetailsFault::new(TooLarge, "what all sides allow");
            let expected = format!("at most {} objects and {} bytes", Self::MAX, Self::MAX_BYTES);
            return Err(fault
                .found(&format!("{objects} objects, {bytes} bytes"))
                .expected(expected));
        }
        Ok(details)
    }

    /// Without what lies within another object: it says the same in fewer words.
    fn condensed(&self) -> Self {
        let within = |detail: &Detail, wider: &Detail| {
            detail != wider && detail.kind == wider.kind && detail.excess(wider).is_none()
        };
        let kept = self.iter().filter(|detail| !self.iter().any(|wider| within(detail, wider)));
        Self(kept.cloned().collect())
    }
}

impl Detail {
    /// Refused unless it lies within an object of `ceiling`, or the ceiling has none of its type.
    fn under(&self, ceiling: &Details) -> Result<(), DetailsFault> {
        let mut nearest: Option<Excess> = None;
        for wider in ceiling.of_kind(self.kind) {
            match self.excess(wider) {
                None => return Ok(()),
                Some(excess) if nearest.as_ref().is_none_or(|other| excess.rank > other.rank) => {
                    nearest = Some(excess);
                }
                Some(_) => {}
            }
        }
        nearest.map_or(Ok(()), |Excess { field, found, expected, .. }| {
            let fault = DetailsFault::new(Wider, self.label()).field(field);
            Err(fault.found(&found).expected(expected))
        })
    }

    fn excess(&self, ceiling: &Self) -> Option<Excess> {
        let mut rank = 0;
        if let Some(wanted) = &ceiling.identifier
            && self.identifier.as_ref() != Some(wanted)
        {
            let found = self.identifier.as_deref().unwrap_or("any").to_owned();
            return Some(Excess {
                rank,
                field: "identifier".into(),
                found,
                expected: wanted.to_string(),
            });
        }
        for (list, wanted) in &ceiling.lists {
            rank += 1;
            let own = self.lists.get(list);
            if !own.is_some_and(|own| own.is_subset(wanted)) {
                let found = own.map_or_else(|| "all".into(), |own| beyond(own, wanted));
                let expected = format!("among {}", listed(wanted.iter()));
                return Some(Excess { rank, field: list.name().into(), found, expected });
            }
        }
        for (limit, wanted) in &ceiling.limits {
            rank += 1;
            let own = self.limits.get(limit);
            if own.is_none_or(|own| own > wanted) {
                let found = own.map_or_else(|| "no limit".into(), |own| limit.shown(*own));
                let field = format!("limits.{}", limit.name());
                let expected = format!("at most {}", limit.shown(*wanted));
                return Some(Excess { rank, field, found, expected });
            }
        }
        for (argument, wanted) in &ceiling.arguments {
            rank += 1;
            let own = self.arguments.get(argument);
            if !own.is_some_and(|own| own.is_subset(wanted)) {
                let found = if own.is_some() { "other values as well" } else { "any value" };
                let field = format!("arguments.{argument}");
                let expected = format!("among {} values", wanted.len());
                return Some(Excess { rank, field, found: found.into(), expected });
            }
        }
        None
    }

    /// The most that both objects allow; `None` if that is nothing.
    fn meet(&self, other: &Self) -> Option<Self> {
        let identifier = match (&self.identifier, &other.identifier) {
            (Some(ours), Some(theirs)) if ours != theirs => return None,
            (ours, theirs) => ours.as_ref().or(theirs.as_ref()).cloned(),
        };
        let mut limits = self.limits.clone();
        for (limit, amount) in &other.limits {
            limits.entry(*limit).and_modify(|own| *own = (*own).min(*amount)).or_insert(*amount);
        }
        Some(Self {
            kind: self.kind,
            identifier,
            lists: common(&self.lists, &other.lists)?,
            limits,
            arguments: common(&self.arguments, &other.arguments)?,
        })
    }
}

/// Of each key that either has, what both allow; `None` if that is nothing of some key.
fn common<K: Ord + Clone, V: Ord + Clone>(
    ours: &BTreeMap<K, BTreeSet<V>>,
    theirs: &BTreeMap<K, BTreeSet<V>>,
) -> Option<BTreeMap<K, BTreeSet<V>>> {
    let mut both = ours.clone();
    for (key, values) in theirs {
        let shared = match ours.get(key) {
            Some(own) => own.intersection(values).cloned().collect(),
            None => values.clone(),
        };
        if shared.is_empty() {
            return None;
        }
        both.insert(key.clone(), shared);
    }
    Some(both)
}

fn beyond<T: Ord + Display>(own: &BTreeSet<T>, wanted: &BTreeSet<T>) -> String {
    listed(own.difference(wanted))
}

fn listed<T: Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
