//! One issuer with one key, and one API that trusts it.

use portcullis_jose::{Alg, SigningKey, jwk::KeySet};
use portcullis_types::{Issuer, Registry, Scopes, Timestamp, Ttl};
use portcullis_verify::{
    Apis, Demand, Guarded, IssuerKeys, Known, KnownIssuer, Profile, Speaks, Target, TrustedIssuer,
    dpop::Possession,
};
use std::sync::{Arc, LazyLock};

pub struct Trusted {
    pub key: SigningKey,
    issuers: Vec<KnownIssuer>,
    guarded: Guarded,
    needed: Scopes,
    demand: Demand,
    possession: Possession,
    registry: Registry,
}

pub static TRUSTED: LazyLock<Trusted> = LazyLock::new(|| {
    let issuer: Issuer = "https://id.example".parse().unwrap();
    let key = SigningKey::generate(Alg::Ed25519).unwrap();
    let mut set = KeySet::new([]);
    set.push(&key.public_jwk().unwrap());
    let trusted = TrustedIssuer {
        issuer,
        algs: vec![Alg::Ed25519, Alg::ES256, Alg::RS256],
        typ: vec!["at+jwt".into()],
        profile: Profile::Legacy,
        apis: Apis::All,
        speaks: Speaks::ForAnyTenant,
        max_lifetime: Ttl::seconds(86_400),
        leeway: Ttl::seconds(30),
    };
    Trusted {
        key,
        issuers: vec![KnownIssuer {
            trusted,
            keys: Ok(IssuerKeys { set: Arc::new(set), fetched_at: None }),
        }],
        guarded: Guarded {
            api: "text".parse().unwrap(),
            audience: "https://gw.example/v1".parse().unwrap(),
            tenant: None,
        },
        needed: "generate:basic".parse().unwrap(),
        demand: Demand::default(),
        possession: Possession::new(&[7; 32], 1000),
        registry: Registry::standard(),
    }
});

/// Hands over what a decision needs to know.
pub fn with<T>(decide: impl FnOnce(&Target<'_>, &Known<'_>, Timestamp) -> T) -> T {
    let trusted = &*TRUSTED;
    let target = Target {
        guarded: &trusted.guarded,
        needed: &trusted.needed,
        demand: &trusted.demand,
        object_tenant: None,
    };
    let known = Known {
        issuers: &trusted.issuers,
        revocations: &[],
        registry: &trusted.registry,
        apis: &[],
        possession: &trusted.possession,
    };
    decide(&target, &known, Timestamp::from_seconds(1_800_000_000))
}
