//! The keys of an issuer, as its kind of provider publishes them.

use super::Preset;
use portcullis_jose::{
    json,
    jwk::{Jwk, KeyFault, KeySet},
};
use serde_json::Value;

/// Reads a key set (RFC 7517 §5). A key that cannot verify anything is skipped: Keycloak publishes keys for
/// encryption beside the others.
///
/// In a SPIFFE bundle (SPIFFE Trust Domain and Bundle §4.2) `use` says `jwt-svid` where RFC 7517 says `sig`, and
/// `x509-svid` for the roots of certificates, which sign no token.
pub fn key_set(preset: Preset, bytes: &[u8]) -> Result<KeySet, KeyFault> {
    if preset != Preset::Spiffe {
        return KeySet::parse(bytes);
    }
    let object = json::object(bytes)?;
    let list = object.get("keys").ok_or(KeyFault::Missing("keys"))?;
    let list =
        list.as_array().ok_or(KeyFault::Member { name: "keys", expected: "a list of keys" })?;
    if list.len() > portcullis_jose::jwk::MAX_KEYS {
        let limit = portcullis_jose::jwk::MAX_KEYS;
        return Err(KeyFault::TooMany { seen: list.len(), limit });
    }
    let mut set = KeySet::new([]);
    for mut jwk in
        list.iter().filter_map(Value::as_object).filter_map(|key| Jwk::from_object(key).ok())
    {
        if jwk.usage.as_deref() == Some("jwt-svid") {
            jwk.usage = None;
        }
        set.push(&jwk);
    }
    Ok(set)
}
