//! The issuer, whose it is, and its keys.

use super::{Faults, Home, condition, iss};
use crate::subject::{IssRule, KeySource, Preset, Trust, key_set};
use portcullis_jose::{
    Alg,
    jwk::{Jwk, KeyFault, KeySet, Material},
};
use portcullis_types::Issuer;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn check(trust: &Trust, home: &Home<'_>, faults: &mut Faults) {
    if let Err((what, remedy)) = trust.preset.terms().iss.check(&trust.issuer) {
        faults.add("issuer", format!("'{}' {what}", trust.issuer), remedy);
    }
    if trust.issuer == home.issuer.as_str() {
        let remedy = "tokens of ours are exchanged without a trust record";
        faults.add("issuer", "is our own", remedy);
    }
    if shared(trust, faults) {
        mandatory(trust, faults);
    }
}

/// An issuer that many share needs a condition that says whose its tokens are. False if it has none.
fn shared(trust: &Trust, faults: &mut Faults) -> bool {
    let Some(shared) = iss::sharing(&trust.issuer) else { return true };
    let Some(example) = shared.discriminators.first() else {
        let what = format!("{} signs for everybody, and no claim says for whom", shared.host);
        faults.add("issuer", what, "trust a provider that the tenant runs");
        return false;
    };
    let parted = shared.discriminators.iter().any(|claim| pinned(trust, claim));
    if !parted {
        let what = format!("none says which customer of {} it is", shared.host);
        let remedy =
            format!("add {{ claim = \"{example}\", equals = \"…\" }} with the tenant's own value");
        faults.add("conditions", what, remedy);
    }
    parted
}

/// What the preset demands, also where the issuer is the tenant's own.
fn mandatory(trust: &Trust, faults: &mut Faults) {
    let terms = trust.preset.terms();
    let Some(claim) = terms.discriminator else { return };
    if !pinned(trust, claim) {
        let what = format!("{} needs one on {claim}, with exact values", terms.title);
        let remedy = format!("add {{ claim = \"{claim}\", equals = \"…\" }}");
        faults.add("conditions", what, remedy);
        return;
    }
    let directory = match terms.iss {
        IssRule::EntraV1 | IssRule::EntraV2 => trust.issuer.split('/').nth(3),
        _ => None,
    };
    if let Some(tid) = directory
        && !tests(trust).any(|one| one.singles_out(claim) && one.holds_for(&Value::from(tid)))
    {
        let what = format!("the one on {claim} is about another directory than the issuer");
        faults.add("conditions", what, format!("write {claim} equals \"{tid}\""));
    }
}

fn tests(trust: &Trust) -> impl Iterator<Item = condition::Checked> {
    trust.conditions.iter().filter_map(|one| one.checked().ok())
}

fn pinned(trust: &Trust, claim: &str) -> bool {
    tests(trust).any(|one| one.singles_out(claim))
}

/// The keys in the record; where they are fetched from elsewhere is only looked at.
pub(super) fn keys(trust: &Trust, algs: &[Alg], faults: &mut Faults) -> Option<Arc<KeySet>> {
    if trust.freeze_keys && !matches!(trust.keys, KeySource::Jwks(_)) {
        let what =
            "is for keys that are written here: what is fetched after a restart may be another's";
        faults.add(
            "freeze_keys",
            what,
            "write the set as it is now: keys = { jwks = { keys = […] } }",
        );
    }
    match &trust.keys {
        KeySource::Discovery => {
            let rule = trust.preset.terms().iss;
            if rule == IssRule::TrustDomain {
                let remedy =
                    "write { jwks_uri = \"https://…\" } with the bundle endpoint, or the keys";
                faults.add("keys", "a trust domain has no discovery", remedy);
            } else if rule == IssRule::Cluster && iss::is_private(&trust.issuer) {
                let what = "nothing can be discovered at a name that only the cluster knows";
                faults.add("keys", what, "write the cluster's keys: { jwks = { keys = […] } }");
            }
            None
        }
        KeySource::JwksUri(uri) => {
            // The same rules: https, nobody's password, nothing after it.
            if let Err(fault) = Issuer::new(uri) {
                faults.add(
                    "keys.jwks_uri",
                    fault.problem,
                    "write where the provider publishes its keys",
                );
            }
            None
        }
        KeySource::Jwks(set) => inline(trust.preset, set, algs, faults),
    }
}

fn inline(preset: Preset, set: &Value, algs: &[Alg], faults: &mut Faults) -> Option<Arc<KeySet>> {
    for (place, key) in set.get("keys").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        if let Err((what, remedy)) = usable(key) {
            faults.add(format!("keys.jwks.keys[{place}]"), what, remedy);
        }
    }
    match key_set(preset, set.to_string().as_bytes()) {
        Err(fault) => {
            faults.add("keys.jwks", fault.to_string(), "write a JWK Set: { keys = […] }");
            None
        }
        Ok(keys) if !keys.iter().any(|key| algs.iter().any(|alg| alg.is(key.alg()))) => {
            let names: Vec<_> = algs.iter().map(|alg| alg.name()).collect();
            let what = format!("has no key for {}", names.join(", "));
            faults.add("keys.jwks", what, "write the public keys that the provider signs with");
            None
        }
        Ok(keys) => Some(Arc::new(keys)),
    }
}

/// A key that somebody wrote down is meant; one that a provider publishes for something else need not be.
fn usable(key: &Value) -> Result<(), (String, &'static str)> {
    let none = serde_json::Map::new();
    let jwk = match Jwk::from_object(key.as_object().unwrap_or(&none)) {
        Ok(jwk) => jwk,
        Err(KeyFault::Kty(_) | KeyFault::Curve(_)) => return Ok(()),
        Err(fault) => return Err((fault.to_string(), "write the provider's public key as it is")),
    };
    let private = match &jwk.material {
        Material::Oct(_) => {
            let remedy = "have the provider sign with a key pair, and write the public key";
            return Err((KeyFault::Symmetric.to_string(), remedy));
        }
        Material::Rsa(rsa) => rsa.private.is_some(),
        Material::Ec(ec) => ec.d.is_some(),
        Material::Okp(okp) => okp.d.is_some(),
    };
    if private {
        let remedy = "replace that key at the provider, and write the public one here";
        return Err(("holds the private key, which is not secret any more".into(), remedy));
    }
    Ok(())
}
