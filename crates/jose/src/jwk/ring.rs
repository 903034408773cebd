//! The keys a caller brings: one JWK, or a set. Private or public, for signing or encryption.

use super::{Jwk, KeyFault, MAX_KEYS, Material, SkippedKey};
use crate::{
    Alg,
    json::{self, JsonFault},
    jws::Refusal,
};
use serde_json::{Map, Value};

/// The members of a set that are understood, and the others with the reason (RFC 7517 §5).
pub(super) fn set(object: &Map<String, Value>) -> Result<(Vec<Jwk>, Vec<SkippedKey>), KeyFault> {
    let list = object.get("keys").ok_or(KeyFault::Missing("keys"))?;
    let list =
        list.as_array().ok_or(KeyFault::Member { name: "keys", expected: "a list of keys" })?;
    if list.len() > MAX_KEYS {
        return Err(KeyFault::TooMany { seen: list.len(), limit: MAX_KEYS });
    }
    let (mut keys, mut skipped) = (Vec::new(), Vec::new());
    for key in list {
        let members = key.as_object();
        match members.ok_or(JsonFault::NotAnObject.into()).and_then(Jwk::from_object) {
            Ok(jwk) => keys.push(jwk),
            Err(reason) => {
                let kid = members.and_then(|m| m.get("kid")).and_then(Value::as_str);
                skipped.push(SkippedKey { kid: kid.map(str::to_owned), reason });
            }
        }
    }
    Ok((keys, skipped))
}

/// Keys to choose from by `kid`, kept as they were read.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: Vec<Jwk>,
    skipped: Vec<SkippedKey>,
    choice: Choice,
}

/// Who chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Choice {
    /// One key was given on purpose: a `kid` does not overrule that.
    Caller,
    /// A set was given: the `kid` chooses.
    #[default]
    Kid,
}

impl KeyRing {
    /// Reads a JWK or a JWK Set. In a set, keys that are not understood are skipped and remembered.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        let object = json::object(bytes)?;
        if !object.contains_key("keys") {
            return Ok(Self::one(Jwk::from_object(&object)?));
        }
        let (keys, skipped) = set(&object)?;
        Ok(Self { keys, skipped, choice: Choice::Kid })
    }

    /// A ring of one.
    pub fn one(jwk: Jwk) -> Self {
        Self { keys: vec![jwk], skipped: Vec::new(), choice: Choice::Caller }
    }

    /// The keys.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// What was left out, and why.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The keys that may be meant: those of that name, or all if the message names none. Keys of different
    /// types may share a name (RFC 7517 §4.5), but not two that `fits` takes.
    pub(crate) fn choose(
        &self,
        kid: Option<&str>,
        fits: impl Fn(&Jwk) -> bool,
    ) -> Result<Vec<&Jwk>, Refusal> {
        let Some(kid) = kid.filter(|_| self.choice == Choice::Kid) else {
            return Ok(self.keys.iter().collect());
        };
        let named: Vec<&Jwk> =
            self.keys.iter().filter(|jwk| jwk.kid.as_deref() == Some(kid)).collect();
        if named.iter().filter(|jwk| fits(jwk)).count() > 1 {
            return Err(Refusal::Ambiguous { kid: crate::seen(kid) });
        }
        if !named.is_empty() {
            return Ok(named);
        }
        if let Some(skipped) = self.skipped.iter().find(|key| key.kid.as_deref() == Some(kid)) {
            return Err(Refusal::Unusable {
                kid: crate::seen(kid),
                reason: skipped.reason.clone(),
            });
        }
        let nameless: Vec<&Jwk> = self.keys.iter().filter(|jwk| jwk.kid.is_none()).collect();
        if nameless.is_empty() {
            return Err(Refusal::NoKey { kid: crate::seen(kid), known: self.known() });
        }
        Ok(nameless)
    }

    /// A set that holds both shared secrets and key pairs is how public keys come to be used as HMAC
    /// secrets; from such a set no MAC is accepted.
    pub(crate) fn fit(&self, jwk: &Jwk, alg: Alg) -> Result<(), KeyFault> {
        let secret = |jwk: &&Jwk| matches!(jwk.material, Material::Oct(_));
        let secrets = self.keys.iter().filter(secret).count();
        if alg.is_symmetric() && secret(&jwk) && secrets < self.keys.len() {
            return Err(KeyFault::Mixed);
        }
        Ok(())
    }

    fn known(&self) -> String {
        let kids: Vec<String> =
            self.keys.iter().filter_map(|jwk| jwk.kid.as_deref()).map(crate::seen).collect();
        if kids.is_empty() { "none with a kid".to_owned() } else { kids.join(", ") }
    }

    /// One key's reason, with its name.
    pub(crate) fn reason(&self, kid: Option<&str>, fault: &KeyFault) -> String {
        match kid.filter(|_| self.choice == Choice::Kid) {
            Some(kid) => format!("{}: {fault}", crate::seen(kid)),
            None => fault.to_string(),
        }
    }

    /// All reasons, those of skipped keys included.
    pub(crate) fn reasons(&self, mut reasons: Vec<String>) -> String {
        reasons.extend(self.skipped.iter().map(|s| self.reason(s.kid.as_deref(), &s.reason)));
        if reasons.is_empty() { "the set is empty".to_owned() } else { reasons.join("; ") }
    }
}
