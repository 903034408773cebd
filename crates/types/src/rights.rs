//! What a token may do, all in one, and how it becomes less.
//!
//! Whatever is issued for another token is the intersection of what was asked for with what each side allows.
//! A side that is left out does not compile; a side that allows nothing leaves nothing.

#[cfg(test)]
mod tests;

use crate::{
    Denial, Details, Dropped, DroppedBy, Pattern, Registry, Scope, Scopes, Tenant, Timestamp,
};

/// What a token may do, until when, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The scopes, as granted; what they imply is the registry's to say.
    pub scopes: Scopes,
    /// What limits them further; without any object of a type, nothing does.
    pub details: Details,
    /// `exp`.
    pub expires: Timestamp,
    /// The token's tenant; `None` belongs to no tenant, which is not every tenant.
    pub tenant: Option<Tenant>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `scope`; `None` if it was not sent, which asks for what the subject token has.
    pub scopes: Option<&'a Scopes>,
    /// `authorization_details`.
    pub details: &'a Details,
    /// When the token should end at the latest.
    pub expires: Timestamp,
}

/// What one side allows. There is no way to say "everything".
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The rights.
    pub allows: Allows<'a>,
    /// What limits them further.
    pub details: &'a Details,
    /// When a token ends at the latest.
    pub expires: Timestamp,
}

/// The rights of one side, as it keeps them.
#[derive(Clone, Copy, Debug)]
pub enum Allows<'a> {
    /// Scopes by name.
    Scopes(&'a Scopes),
    /// An allow-list; its wildcards are expanded to what is registered.
    Patterns(&'a [Pattern]),
}

/// A grant across tenants: what tokens of one tenant may do in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// Whose tokens.
    pub of: Tenant,
    /// Whose things.
    pub into: Tenant,
    /// What they may do there; written without tenant.
    pub scopes: Scopes,
}

/// All who have a say. Each allows or does not; nobody adds.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// The token that is exchanged: its own rights if it is ours, what its provider is mapped to if it is not.
    pub subject: &'a Rights,
    /// The client's allow-list.
    pub client: Side<'a>,
    /// The tenant's contract and tier.
    pub tenant: Side<'a>,
    /// The API that the token is for.
    pub api: Side<'a>,
    /// What the policy left.
    pub policy: Side<'a>,
    /// Why the policy took away what it took away.
    pub reason: &'a str,
    /// The grants across tenants that are in force.
    pub crossings: &'a [Crossing],
}

/// What is granted, and what of the request is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// What the token may do.
    pub rights: Rights,
    /// Each scope that was lost, with the first side that did not have it.
    pub dropped: Vec<Dropped>,
}

impl Rights {
    /// Whether these are at most the rights of `parent`: each scope covered, each limit kept, no later end, the
    /// same tenant.
    pub fn within(&self, parent: &Self, registry: &Registry) -> bool {
        self.tenant == parent.tenant
            && self.expires <= parent.expires
            && self.details.is_within(&parent.details)
            && registry.missing(&own(&parent.scopes, parent), &own(&self.scopes, self)).is_empty()
    }

    /// The rights of a token that is issued for the subject's: requested ∩ subject ∩ client ∩ tenant ∩ API ∩
    /// policy. They lie [`within`](Self::within) the subject's. Scopes of the own tenant are written without it.
    ///
    /// Whether the end lies in the future is for the caller to check, and that a token with scopes of another
    /// tenant names an actor.
    pub fn narrow(
        asked: &Asked<'_>,
        sides: &Sides<'_>,
        registry: &Registry,
    ) -> Result<Narrowed, Box<Denial>> {
        let subject = sides.subject;
        let requested = own(asked.scopes.unwrap_or(&subject.scopes), subject);
        // Asked for by name, another tenant's things are refused, and in the same words whether it exists or not.
        if let Some(scope) = asked.scopes.and_then(|_| sides.uncrossed(&requested)) {
            let (scope, own) = (scope.clone(), subject.tenant.clone());
            return Err(Box::new(Denial::ForeignScope { scope, own }));
        }
        let limits = sides.limits(registry);
        let dropped: Vec<_> = requested
            .iter()
            .filter_map(|scope| {
                let by = sides.limit(scope, &limits, registry)?;
                Some(Dropped { scope: scope.clone(), by })
            })
            .collect();
        let scopes = requested.minus(&dropped.iter().map(|lost| lost.scope.clone()).collect());
        if scopes.is_empty() {
            return Err(Box::new(Denial::NothingLeft { requested, dropped }));
        }
        scopes.within_limits().map_err(|fault| {
            let found = format!("{} scopes", scopes.len());
            Denial::BadScope { found, problem: fault.to_string() }
        })?;
        let details = sides.details(asked.details)?;
        let all = [sides.client, sides.tenant, sides.api, sides.policy];
        let ends = all.iter().map(|side| side.expires);
        let expires = ends.fold(asked.expires.min(subject.expires), Ord::min);
        let rights = Self { scopes, details, expires, tenant: subject.tenant.clone() };
        Ok(Narrowed { rights, dropped })
    }
}

/// The scopes as a token of that tenant says them.
fn own(scopes: &Scopes, rights: &Rights) -> Scopes {
    rights.tenant.as_ref().map_or_else(|| scopes.clone(), |tenant| scopes.unqualified(tenant))
}

impl<'a> Sides<'a> {
    /// What each side allows, in the order in which they are asked, the subject first.
    fn limits(&self, registry: &Registry) -> [(DroppedBy, Scopes); 5] {
        let allowed = |side: &Side<'_>| {
            let scopes = match side.allows {
                Allows::Scopes(scopes) => scopes.clone(),
                Allows::Patterns(patterns) => registry.expand(patterns),
            };
            own(&scopes, self.subject)
        };
        [
            (DroppedBy::Subject, own(&self.subject.scopes, self.subject)),
            (DroppedBy::Client, allowed(&self.client)),
            (DroppedBy::Tenant, allowed(&self.tenant)),
            (DroppedBy::Api, allowed(&self.api)),
            (DroppedBy::Policy(self.reason.to_owned()), allowed(&self.policy)),
        ]
    }

    /// The first limit that `scope` meets.
    fn limit(
        &self,
        scope: &Scope,
        limits: &[(DroppedBy, Scopes)],
        registry: &Registry,
    ) -> Option<DroppedBy> {
        if registry.known(scope).is_err() {
            return Some(DroppedBy::Api);
        }
        if !self.crosses(scope, registry) {
            return Some(DroppedBy::OtherTenant);
        }
        let met = limits.iter().find(|(_, allowed)| !registry.covers(allowed, scope));
        met.map(|(by, _)| by.clone())
    }

    /// The first requested scope about a tenant into which no grant leads.
    fn uncrossed<'s>(&self, requested: &'s Scopes) -> Option<&'s Scope> {
        requested
            .iter()
            .find(|scope| scope.tenant().is_some_and(|into| self.into(into).next().is_none()))
    }

    fn into<'s>(&'s self, into: &'s Tenant) -> impl Iterator<Item = &'a Crossing> + 's {
        let of = self.subject.tenant.as_ref();
        self.crossings.iter().filter(move |grant| Some(&grant.of) == of && grant.into == *into)
    }

    /// Whether the scope is about the own tenant, or a grant across tenants has it.
    fn crosses(&self, scope: &Scope, registry: &Registry) -> bool {
        scope.tenant().is_none_or(|into| {
            let there = scope.unqualified(into);
            self.into(into).any(|grant| registry.covers(&grant.scopes, &there))
        })
    }

    /// What was asked for under what all sides allow.
    fn details(&self, requested: &Details) -> Result<Details, Box<Denial>> {
        let sides = [self.client, self.tenant, self.api, self.policy];
        sides
            .iter()
            .try_fold(self.subject.details.clone(), |ceiling, side| ceiling.meet(side.details))
            .and_then(|ceiling| Details::narrowed(requested, &ceiling))
            .map_err(|fault| Box::new(Denial::BadDetails { fault }))
    }
}
