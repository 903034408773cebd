//! A JWK Set for verification (RFC 7517 §5): keep what is understood, remember why the rest is not.

use super::{Jwk, KeyFault, Material, PublicKey, ring};
use crate::{Alg, json};

/// A set may have this many keys.
pub const MAX_KEYS: usize = 100;

/// An RSA key that names no `alg` (Entra publishes such) can serve any of these; the header chooses among
/// them, which is no confusion: padding and hash differ, the key and its kind do not.
const RSA: [Alg; 6] = [Alg::RS256, Alg::RS384, Alg::RS512, Alg::PS256, Alg::PS384, Alg::PS512];

/// The usable public keys of a set, in order.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    skipped: Vec<SkippedKey>,
}

/// A member of the set that cannot verify anything here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its name, if it has one.
    pub kid: Option<String>,
    /// Why it is not used.
    pub reason: KeyFault,
}

impl KeySet {
    /// Reads a set. An unusable key is skipped, not an error (RFC 7517 §5); a text that is no set is one.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        let (keys, skipped) = ring::set(&json::object(bytes)?)?;
        let mut this = Self { keys: Vec::new(), skipped };
        for jwk in &keys {
            this.push(jwk);
        }
        Ok(this)
    }

    /// A set of keys that are already at hand.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self { keys: keys.into_iter().collect(), skipped: Vec::new() }
    }

    /// Adds a key, or remembers why not.
    pub fn push(&mut self, jwk: &Jwk) {
        let algs: Vec<Option<Alg>> = match (&jwk.material, &jwk.alg) {
            (Material::Rsa(_), None) => RSA.into_iter().map(Some).collect(),
            _ => vec![None],
        };
        for alg in algs {
            match PublicKey::from_jwk(jwk, alg) {
                Ok(key) => self.keys.push(key),
                Err(reason) => {
                    self.skipped.push(SkippedKey { kid: jwk.kid.clone(), reason });
                    return;
                }
            }
        }
    }

    /// The first key of that name for that algorithm.
    pub fn find(&self, kid: &str, alg: Alg) -> Option<&PublicKey> {
        self.candidates(Some(kid), alg).next()
    }

    /// The keys that may have made a signature: of that name if there is one, and for that algorithm.
    pub fn candidates(&self, kid: Option<&str>, alg: Alg) -> impl Iterator<Item = &PublicKey> {
        self.keys
            .iter()
            .filter(move |key| key.alg().is(alg) && kid.is_none_or(|kid| key.kid() == Some(kid)))
    }

    /// Every usable key. An RSA key without `alg` occurs once for each algorithm it can serve.
    pub fn iter(&self) -> std::slice::Iter<'_, PublicKey> {
        self.keys.iter()
    }

    /// What was left out, and why.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Whether no key is usable.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The names of the usable keys, each once, in order.
    pub fn kids(&self) -> Vec<&str> {
        let mut kids: Vec<&str> = Vec::new();
        for kid in self.keys.iter().filter_map(PublicKey::kid) {
            if !kids.contains(&kid) {
                kids.push(kid);
            }
        }
        kids
    }
}

impl<'a> IntoIterator for &'a KeySet {
    type Item = &'a PublicKey;
    type IntoIter = std::slice::Iter<'a, PublicKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
