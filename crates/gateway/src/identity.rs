//! What an upstream is shown instead of the caller's token: a short access token of our own, made for
//! that upstream, that says who calls (RFC 9068). The service behind verifies it like any other.

use portcullis_jose::Alg;
use portcullis_keyring::OurKeys;
use portcullis_types::{Entropy, Jti, Random, Timestamp, Ttl};
use portcullis_verify::{ACCESS_TOKEN, Admission};
use quick_cache::unsync::Cache;
use serde::Serialize;
use std::{cell::RefCell, sync::Arc};

/// How long an identity token lives, at most; never longer than the caller's own.
const LIFE: Ttl = Ttl::seconds(60);
/// How much of its life it must have left to be used again.
const LEFT: Ttl = Ttl::seconds(30);

/// Signs identities, and remembers them for as long as they are fresh.
pub(crate) struct Identities {
    keys: OurKeys,
    alg: Alg,
    issuer: Arc<str>,
    made: RefCell<Cache<Name, Made>>,
}

/// Whose identity, and for which upstream.
type Name = (String, Arc<str>);
/// The bearer value, and when it ends.
type Made = (Arc<str>, Timestamp);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: Jti,
    scope: &'a portcullis_types::Scopes,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a portcullis_types::Tenant>,
    /// The gateway acts for the caller (RFC 8693 §4.1), whose own token was issued by this issuer.
    act: Actor<'a>,
}

#[derive(Serialize)]
struct Actor<'a> {
    sub: &'a str,
}

impl Identities {
    /// `issuer` is the gateway's own URL; its keys are published there.
    pub(crate) fn new(keys: OurKeys, alg: Alg, issuer: Arc<str>) -> Self {
        Self { keys, alg, issuer, made: RefCell::new(Cache::new(4096)) }
    }

    /// The published keys, as a JWK Set.
    pub(crate) fn jwks(&self) -> Arc<str> {
        self.keys.jwks_json()
    }

    /// A bearer value for `audience`; `None` if there is no key to sign with.
    pub(crate) fn bearer(
        &self,
        admission: &Admission,
        audience: &Arc<str>,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Option<Arc<str>> {
        let claims = admission.claims();
        let name = claims
            .jti
            .as_ref()
            .map_or_else(|| claims.sub.clone(), |jti| format!("{}|{jti}", claims.iss));
        let name = (name, audience.clone());
        if let Some((bearer, exp)) = self.made.borrow_mut().get(&name)
            && *exp > now.plus(LEFT)
        {
            return Some(bearer.clone());
        }
        let exp = now.plus(LIFE).min(claims.exp);
        let jti = Jti::fresh(now, &Random::draw(entropy));
        let bearer = self.sign(admission, audience, (now, exp), jti)?;
        self.made.borrow_mut().insert(name, (bearer.clone(), exp));
        Some(bearer)
    }

    fn sign(
        &self,
        admission: &Admission,
        audience: &str,
        (now, exp): (Timestamp, Timestamp),
        jti: Jti,
    ) -> Option<Arc<str>> {
        let signer = self.keys.signer(self.alg)?;
        let caller = admission.claims();
        let claims = Claims {
            iss: &self.issuer,
            sub: &caller.sub,
            aud: audience,
            client_id: &caller.client_id,
            iat: now.seconds(),
            exp: exp.seconds(),
            jti,
            scope: &caller.scope,
            tenant: caller.tenant.as_ref(),
            act: Actor { sub: &self.issuer },
        };
        let token = signer.sign_compact(&signer.header(ACCESS_TOKEN), &claims).ok()?;
        Some(format!("Bearer {token}").into())
    }
}
