//! Header parameters from up to three places, joined (RFC 7515 §7.2.1, RFC 7516 §7.2.1).

use crate::{
    b64, json,
    jws::{self, HeaderFault},
};
use serde_json::{Map, Value};

pub(crate) type Members = Map<String, Value>;

/// The longest protected header that is decoded, in characters.
const MAX_HEADER: usize = 16 * 1024;

/// Names that the standards define: they are understood anyway, so `crit` must not name them.
const STANDARD: [&str; 20] = [
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit", "enc",
    "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c",
];

/// One joined header.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    protected: Members,
    all: Members,
}

/// Decodes a protected header; an empty one is no header.
pub(crate) fn protected(encoded: &str) -> Result<Members, HeaderFault> {
    if encoded.is_empty() {
        return Ok(Members::new());
    }
    if encoded.len() > MAX_HEADER {
        return Err(HeaderFault::Type { name: "protected", expected: "at most 16 KiB long" });
    }
    let bytes =
        b64::decode(encoded).map_err(|fault| HeaderFault::Base64 { name: "protected", fault })?;
    Ok(json::object(&bytes)?)
}

/// A member of a JSON serialization is missing, of the wrong type, or in the wrong company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemberFault {
    pub(crate) name: &'static str,
    pub(crate) problem: &'static str,
}

pub(crate) fn text_member<'a>(
    members: &'a Members,
    name: &'static str,
) -> Result<Option<&'a str>, MemberFault> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(MemberFault { name, problem: "must be a string" }),
    }
}

pub(crate) fn object_member<'a>(
    members: &'a Members,
    name: &'static str,
) -> Result<Option<&'a Members>, MemberFault> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(MemberFault { name, problem: "must be an object" }),
    }
}

/// The signatures or recipients: those in the list `name`, or the object itself as the only one, in whose
/// members `own` its part then stands (RFC 7515 §7.2.2, RFC 7516 §7.2.2).
pub(crate) fn listed<'a>(
    object: &'a Members,
    name: &'static str,
    own: &[&'static str],
    beside: &'static str,
) -> Result<Vec<&'a Members>, MemberFault> {
    match object.get(name) {
        None => Ok(vec![object]),
        Some(Value::Array(list)) => {
            if let Some(name) = own.iter().copied().find(|own| object.contains_key(*own)) {
                return Err(MemberFault { name, problem: beside });
            }
            let list: Option<Vec<_>> = list.iter().map(Value::as_object).collect();
            list.ok_or(MemberFault { name, problem: "must hold objects" })
        }
        Some(_) => Err(MemberFault { name, problem: "must be a list" }),
    }
}

impl Params {
    /// Joins; no name may occur twice.
    pub(crate) fn join(protected: &Members, others: &[&Members]) -> Result<Self, HeaderFault> {
        let mut all = protected.clone();
        for (name, value) in others.iter().copied().flatten() {
            if all.insert(name.clone(), value.clone()).is_some() {
                return Err(HeaderFault::Overlap(crate::seen(name)));
            }
        }
        Ok(Self { protected: protected.clone(), all })
    }

    pub(crate) const fn all(&self) -> &Members {
        &self.all
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name)
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&str>, HeaderFault> {
        match self.all.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(HeaderFault::Type { name, expected: "a string" }),
        }
    }

    pub(crate) fn bytes(&self, name: &'static str) -> Result<Option<Vec<u8>>, HeaderFault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        b64::decode(text).map(Some).map_err(|fault| HeaderFault::Base64 { name, fault })
    }

    /// Refuses a member outside the protected header.
    pub(crate) fn only_protected(&self, name: &'static str) -> Result<Option<&Value>, HeaderFault> {
        match (self.protected.get(name), self.all.get(name)) {
            (None, Some(_)) => Err(HeaderFault::Unprotected(name)),
            (value, _) => Ok(value),
        }
    }

    /// RFC 7515 §4.1.11: everything that `crit` names is understood, present, and an extension. Returns
    /// what it names.
    pub(crate) fn critical(&self, understood: &[&str]) -> Result<Vec<String>, HeaderFault> {
        let Some(value) = self.only_protected("crit")? else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or(HeaderFault::Crit)?;
        let names: Option<Vec<String>> =
            list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
        let names = names.ok_or(HeaderFault::Crit)?;
        jws::distinct(&names)?;
        for name in &names {
            let why = if STANDARD.contains(&&**name) {
                "is no extension"
            } else if !understood.contains(&&**name) {
                "is not understood here"
            } else if !self.protected.contains_key(name) {
                "is not in the protected header"
            } else {
                continue;
            };
            return Err(HeaderFault::Critical { name: crate::seen(name), why });
        }
        Ok(names)
    }
}
