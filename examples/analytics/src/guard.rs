//! Who calls, as the gateway says it: its token is verified by the checks that the gateway itself uses.

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use portcullis_jose::Alg;
use portcullis_keyring::{Circle, KeyAges, KeySource, Party, Refresh, TheirKeys, Verifier, Why};
use portcullis_types::{
    Audience, Denial, Issuer, Registry, Scopes, Stage, Tenant, Timestamp, Trace, Ttl,
};
use portcullis_verify::{
    ACCESS_TOKEN, Admission, Apis, Demand, Guarded, Presented, Profile, Speaks, Target,
    TrustedIssuer, dpop::Possession,
};
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy, is_loopback};
use std::{fmt::Display, sync::Arc};
use url::Url;

/// Identities of the gateway live for a minute; nothing that lives longer is one.
const LONGEST: Ttl = Ttl::seconds(300);

/// What the service is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The gateway's own URL: the `iss` of its tokens. Their keys are at `/.well-known/jwks.json` below it.
    pub gateway: Url,
    /// What the gateway calls this service: `credential.identity` of the upstream, the `aud` of its tokens.
    pub audience: Audience,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// Why the service cannot run.
#[derive(Debug)]
pub struct Fault(String);

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// Admits callers.
pub struct Guard {
    circle: Arc<Circle>,
    keys: TheirKeys,
    guarded: Guarded,
    clock: fn() -> Timestamp,
}

impl Guard {
    /// Trusts the gateway, and nobody else. Fetches nothing yet.
    pub fn new(settings: Settings) -> Result<Self, Fault> {
        let Settings { gateway, audience, clock } = settings;
        let fault = |fault: &dyn Display| Fault(fault.to_string());
        let issuer = Issuer::new(gateway.as_str().trim_end_matches('/')).map_err(|e| fault(&e))?;
        let jwks = gateway.join("/.well-known/jwks.json").map_err(|e| fault(&e))?;
        let loopback = if is_loopback(&gateway) { Loopback::Allowed } else { Loopback::Refused };
        let policy = OutgoingPolicy { loopback, ..OutgoingPolicy::default() };
        let outgoing = Outgoing::new(policy).map_err(|e| fault(&e))?;
        let source = KeySource::JwksUri(jwks);
        let keys = TheirKeys::new(issuer.clone(), source, outgoing, KeyAges::default());
        let api = "analytics".parse().map_err(|e| fault(&e))?;
        let guarded = Guarded { api, audience, tenant: None };
        let trusted = TrustedIssuer {
            issuer,
            algs: vec![Alg::ES256],
            typ: vec![ACCESS_TOKEN.to_owned()],
            profile: Profile::AccessToken,
            apis: Apis::All,
            speaks: Speaks::ForAnyTenant,
            max_lifetime: LONGEST,
            leeway: Ttl::seconds(30),
        };
        let circle = Circle {
            parties: vec![Party { trusted, keys: keys.clone() }],
            registry: Registry::standard(),
            apis: Vec::new(),
            revocations: ArcSwap::default(),
            // No token of the gateway is bound to a key, so no proof is ever judged.
            possession: Arc::new(Possession::new(&[0; 32], 1)),
        };
        Ok(Self { circle: Arc::new(circle), keys, guarded, clock })
    }

    /// Proof that the caller may do `needed` at that tenant, or why not.
    pub(crate) async fn admit(
        &self,
        headers: &HeaderMap,
        tenant: &str,
        needed: &Scopes,
    ) -> Result<Admission, Denial> {
        let now = (self.clock)();
        let first = self.judge(headers, (tenant, needed), now);
        let why = match &first {
            Err(Denial::UnknownKey { .. }) => Why::UnknownKid,
            Err(Denial::KeysUnavailable { .. }) => Why::Stale,
            _ => return first,
        };
        match self.keys.refresh(why, now).await {
            Refresh::Fetched => self.judge(headers, (tenant, needed), now),
            Refresh::Throttled | Refresh::Failed(_) => first,
        }
    }

    /// By the keys that are at hand.
    fn judge(
        &self,
        headers: &HeaderMap,
        (tenant, needed): (&str, &Scopes),
        now: Timestamp,
    ) -> Result<Admission, Denial> {
        let values = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let presented = Presented::take(values, None)?;
        let named = Tenant::new(tenant).ok();
        let nobody = || Denial::WrongTenant { found: None, expected: None };
        let target = Target {
            guarded: &self.guarded,
            needed,
            demand: &Demand::default(),
            object_tenant: Some(named.as_ref().ok_or_else(nobody)?),
        };
        let mut trace = Trace::new(Stage::Access);
        Verifier::new(self.circle.clone(), 0).judge(&presented, &target, now, &mut trace).outcome
    }
}
