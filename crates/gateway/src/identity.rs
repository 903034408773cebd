//! What an upstream is shown instead of the caller's token: a short access token of our own, made for
//! that upstream, that says who calls (RFC 9068). The service behind verifies it like any other.

use crate::rules::Permit;
use aws_lc_rs::digest::{Context, SHA256};
use portcullis_jose::Alg;
use portcullis_keyring::OurKeys;
use portcullis_types::{Details, Entropy, Jti, Random, Scopes, Timestamp, Ttl};
use portcullis_verify::{ACCESS_TOKEN, Admission, Claims as VerifiedClaims};
use quick_cache::unsync::Cache;
use serde::Serialize;
use std::{cell::RefCell, sync::Arc};

/// How long an identity token lives, at most; never longer than the caller's own.
const LIFE: Ttl = Ttl::seconds(60);
/// And at least.
const SHORTEST: Ttl = Ttl::seconds(5);

/// Signs identities, and remembers them for as long as they are fresh.
pub(crate) struct Identities {
    keys: OurKeys,
    alg: Alg,
    issuer: Arc<str>,
    made: RefCell<Cache<Name, Made>>,
}

/// All that the caller's token says, and for which upstream. Nothing less: two callers that share a `sub`
/// share no identity.
type Name = ([u8; 32], Arc<str>);

/// An identity, and the middle of its life.
struct Made {
    bearer: Arc<str>,
    renewed_after: Timestamp,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: Jti,
    scope: &'a Scopes,
    #[serde(skip_serializing_if = "Details::is_empty")]
    authorization_details: &'a Details,
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
        (admission, permit): (&Admission, &Permit),
        audience: &Arc<str>,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Option<Arc<str>> {
        let caller = admission.claims();
        let mut name = [0; 32];
        let mut hash = Context::new(&SHA256);
        hash.update(caller.json());
        if let Some(scopes) = permit.scopes() {
            hash.update(b"\0");
            hash.update(scopes.to_string().as_bytes());
        }
        let hash = hash.finish();
        name.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        let name = (name, audience.clone());
        if let Some(made) = self.made.borrow_mut().get(&name)
            && now < made.renewed_after
        {
            return Some(made.bearer.clone());
        }
        // A token that was admitted in the leeway after its end still has a moment here.
        let exp = now.plus(LIFE).min(caller.exp).max(now.plus(SHORTEST));
        let jti = Jti::fresh(now, &Random::draw(entropy));
        let bearer = self.sign(
            (caller, permit.scopes().unwrap_or(&caller.scope)),
            audience,
            (now, exp),
            jti,
        )?;
        let half = Ttl::from_millis(u64::try_from(exp.millis_since(now) / 2).unwrap_or(0));
        let made = Made { bearer: bearer.clone(), renewed_after: now.plus(half) };
        self.made.borrow_mut().insert(name, made);
        Some(bearer)
    }

    fn sign(
        &self,
        (caller, scope): (&VerifiedClaims, &Scopes),
        audience: &str,
        (now, exp): (Timestamp, Timestamp),
        jti: Jti,
    ) -> Option<Arc<str>> {
        let signer = self.keys.signer(self.alg)?;
        let claims = Claims {
            iss: &self.issuer,
            sub: &caller.sub,
            aud: audience,
            client_id: &caller.client_id,
            iat: now.seconds(),
            exp: exp.seconds(),
            jti,
            scope,
            authorization_details: &caller.details,
            tenant: caller.tenant.as_ref(),
            act: Actor { sub: &self.issuer },
        };
        let token = signer.sign_compact(&signer.header(ACCESS_TOKEN), &claims).ok()?;
        Some(format!("Bearer {token}").into())
    }
}
