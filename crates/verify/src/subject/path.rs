//! Where a claim is in a token.

use serde_json::Value;
use std::fmt;

const LONGEST: usize = 256;
const DEEPEST: usize = 8;

/// A claim by name, or by the way to it.
///
/// `sub` and `realm_access.roles` part at dots. A name that is a URL, as Auth0 has them, is one name:
/// `https://acme.example/roles`. For every other name with dots there are JSON pointers (RFC 6901):
/// `/resource_access/my.app/roles`.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimPath {
    text: Box<str>,
    first: Box<str>,
    rest: Vec<Box<str>>,
}

/// The text is no path to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim is named by 1 to 8 parts with dots between, or by a JSON pointer")]
pub struct PathFault;

impl ClaimPath {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(PathFault);
        }
        let parts: Vec<Box<str>> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect::<Result<_, _>>()?,
            None if text.contains("://") => vec![text.into()],
            None => text.split('.').map(Into::into).collect(),
        };
        if parts.len() > DEEPEST || parts.iter().any(|part| part.is_empty()) {
            return Err(PathFault);
        }
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or(PathFault)?;
        Ok(Self { text: text.into(), first, rest: parts.collect() })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The member of the token in which it lies.
    pub(super) fn first(&self) -> &str {
        &self.first
    }

    /// Whether it is that member, and nothing within.
    pub(super) fn is(&self, claim: &str) -> bool {
        self.rest.is_empty() && *self.first == *claim
    }

    /// What lies there, within the value of [`first`](Self::first). Objects only are walked through: a place in a
    /// list is no claim.
    pub(super) fn within(&self, value: Value) -> Option<Value> {
        self.rest.iter().try_fold(value, |value, part| match value {
            Value::Object(mut members) => members.remove(&**part),
            _ => None,
        })
    }
}

/// RFC 6901 §4.
fn unescaped(part: &str) -> Result<Box<str>, PathFault> {
    let stray = part.replace("~0", "").replace("~1", "");
    if stray.contains('~') {
        return Err(PathFault);
    }
    Ok(part.replace("~1", "/").replace("~0", "~").into())
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimPath({:?})", &*self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::ClaimPath;
    use serde_json::{Value, json};

    fn at(path: &str, claims: &Value) -> Option<Value> {
        let path = ClaimPath::parse(path).unwrap();
        path.within(claims.get(path.first())?.clone())
    }

    #[test]
    fn a_claim_is_found_by_its_way_and_by_no_look_alike() {
        let claims = json!({
            "sub": "a",
            "realm_access": { "roles": ["x"] },
            "realm_access.roles": ["admin"],
            "https://acme.example/roles": ["y"],
            "a/b": { "c.d": 1 },
            "list": [{ "roles": 1 }],
        });
        assert_eq!(at("sub", &claims), Some(json!("a")));
        assert_eq!(at("realm_access.roles", &claims), Some(json!(["x"])));
        assert_eq!(at("/realm_access.roles", &claims), Some(json!(["admin"])));
        assert_eq!(at("https://acme.example/roles", &claims), Some(json!(["y"])));
        assert_eq!(at("/a~1b/c.d", &claims), Some(json!(1)));
        assert_eq!(at("sub.x", &claims), None);
        assert_eq!(at("/list/0/roles", &claims), None);
    }

    #[test]
    fn what_names_nothing_is_no_path() {
        for bad in ["", ".", "a.", ".a", "a..b", "/", "//a", "/a~2", "a\nb", "a.b.c.d.e.f.g.h.i"] {
            assert!(ClaimPath::parse(bad).is_err(), "{bad}");
        }
        assert!(ClaimPath::parse(&"a".repeat(257)).is_err());
    }
}
