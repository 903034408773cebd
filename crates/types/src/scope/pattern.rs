//! What a client's allow-list may say: a scope, or a wildcard as its whole last part.
//!
//! A wildcard is a convenience for the operator and never reaches a token. It does not match a
//! privileged verb, so nobody may delete, share or impersonate because of a star.

use super::{MAX_SEGMENTS, Registry, Scope, ScopeFault, ScopePart, Scopes, fault::excerpt, name};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr, sync::Arc};

/// A line of an allow-list: `model:list`, `model:*` or `mcp:call/github/*`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    /// The scope and what lies beneath its resource.
    Exact(Scope),
    /// `family:*`: every verb of the family that is not privileged, in the own tenant.
    Verbs(Arc<str>),
    /// `scope/*`: the scope and what lies beneath its resource; the verb is not privileged.
    Beneath(Scope),
}

impl Pattern {
    /// Reads a line of an allow-list.
    pub fn parse(text: &str) -> Result<Self, ScopeFault> {
        let seen = || excerpt(text);
        if text.len() > Scope::MAX_BYTES {
            return Err(ScopeFault::TooLong { seen: seen(), bytes: text.len() });
        }
        let Some(star) = text.find('*') else {
            return Scope::parse(text).map(Kind::Exact).map(Self);
        };
        let before = text.get(..star).unwrap_or_default();
        let head = text.split_once('/').map_or(text, |(head, _)| head);
        let last = star + 1 == text.len();
        match (star < head.len(), head.split(':').take_while(|part| !part.contains('*')).count()) {
            (true, 0) => Err(ScopeFault::WildcardFamily { seen: seen() }),
            (true, 2) => Err(ScopeFault::WildcardTenant { seen: seen() }),
            (true, 1) if last => match before.strip_suffix(':') {
                Some(family) => {
                    name(text, ScopePart::Family, 0, family)?;
                    Ok(Self(Kind::Verbs(family.into())))
                }
                None => Err(ScopeFault::WildcardPlace { seen: seen(), at: star }),
            },
            (false, _) if last => match before.strip_suffix('/') {
                Some(scope) => Self::beneath(text, Scope::parse(scope)?),
                None => Err(ScopeFault::WildcardPlace { seen: seen(), at: star }),
            },
            _ => Err(ScopeFault::WildcardPlace { seen: seen(), at: star }),
        }
    }

    fn beneath(text: &str, scope: Scope) -> Result<Self, ScopeFault> {
        let segments = scope.resource().map_or(0, |resource| resource.split('/').count()) + 1;
        if segments > MAX_SEGMENTS {
            return Err(ScopeFault::TooManySegments { seen: excerpt(text), segments });
        }
        if scope.is_privileged() {
            let instead = excerpt(scope.as_str());
            return Err(ScopeFault::WildcardPrivileged { seen: excerpt(text), instead });
        }
        Ok(Self(Kind::Beneath(scope)))
    }

    /// Whether the pattern allows `scope` as written; what verbs imply is the registry's to say.
    ///
    /// `mcp:call/github/*` allows `mcp:call/github` too, which is how a token says "every tool of
    /// it". `model:*` allows no privileged verb and no other tenant.
    pub fn matches(&self, scope: &Scope) -> bool {
        match &self.0 {
            Kind::Exact(have) | Kind::Beneath(have) => {
                have.name() == scope.name() && have.spans(scope)
            }
            Kind::Verbs(family) => {
                **family == *scope.family() && scope.tenant().is_none() && !scope.is_privileged()
            }
        }
    }

    /// The registered scopes that the pattern stands for. A wildcard never yields a privileged
    /// verb; an exact scope that the registry does not know yields nothing.
    pub fn expand(&self, registry: &Registry) -> Scopes {
        match &self.0 {
            Kind::Exact(scope) | Kind::Beneath(scope) => Some(scope)
                .filter(|scope| registry.known(scope).is_ok())
                .cloned()
                .into_iter()
                .collect(),
            Kind::Verbs(_) => registry
                .all()
                .map(|(scope, _)| scope)
                .filter(|scope| self.matches(scope))
                .cloned()
                .collect(),
        }
    }
}

impl From<Scope> for Pattern {
    fn from(scope: Scope) -> Self {
        Self(Kind::Exact(scope))
    }
}

impl FromStr for Pattern {
    type Err = ScopeFault;
    fn from_str(text: &str) -> Result<Self, ScopeFault> {
        Self::parse(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Exact(scope) => f.write_str(scope.as_str()),
            Kind::Verbs(family) => write!(f, "{family}:*"),
            Kind::Beneath(scope) => write!(f, "{scope}/*"),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern(\"{self}\")")
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(source)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
