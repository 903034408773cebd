//! An issuer that is trusted, its key, and an API.

use portcullis_jose::{Alg, SigningKey, jwk::KeySet};
use portcullis_types::{
    ApiName, Audience, Denial, Issuer, Registry, Scopes, Stage, Tenant, Timestamp, Trace, Ttl,
};
use portcullis_verify::{
    ACCESS_TOKEN, Admission, Apis, Demand, Guarded, Holder, IssuerKeys, Known, KnownIssuer,
    KnownRevocations, Presented, Profile, Scheme, Speaks, Target, TrustedIssuer, admit,
    dpop::Possession,
};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://gw.example/v1";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::ES256).unwrap());

/// What a token is judged by. Every field may be changed before [`House::judge`].
pub(crate) struct House {
    pub(crate) issuer: KnownIssuer,
    pub(crate) guarded: Guarded,
    pub(crate) needed: Scopes,
    pub(crate) object_tenant: Option<Tenant>,
    pub(crate) demand: Demand,
    pub(crate) possession: Possession,
    pub(crate) now: Timestamp,
    pub(crate) revocations: Vec<KnownRevocations>,
    pub(crate) trace: Trace,
}

impl House {
    pub(crate) fn new() -> Self {
        let jwks = json!({ "keys": [KEY.public_jwk().unwrap()] });
        let set = Arc::new(KeySet::parse(jwks.to_string().as_bytes()).unwrap());
        let trusted = TrustedIssuer {
            issuer: Issuer::new(ISSUER).unwrap(),
            algs: vec![Alg::ES256, Alg::RS256],
            typ: vec![ACCESS_TOKEN.into()],
            profile: Profile::AccessToken,
            apis: Apis::All,
            speaks: Speaks::ForAnyTenant,
            max_lifetime: Ttl::seconds(3600),
            leeway: Ttl::seconds(30),
        };
        Self {
            issuer: KnownIssuer { trusted, keys: Ok(IssuerKeys { set, fetched_at: None }) },
            guarded: Guarded {
                api: ApiName::new("text").unwrap(),
                audience: Audience::new(AUDIENCE).unwrap(),
                tenant: None,
            },
            needed: scopes("generate:basic"),
            object_tenant: None,
            demand: Demand::default(),
            possession: Possession::new(&[7; 32], 1000),
            now: NOW,
            revocations: Vec::new(),
            trace: Trace::new(Stage::Access),
        }
    }

    /// All checks on a bearer token.
    pub(crate) fn judge(&mut self, token: &str) -> Result<Admission, Denial> {
        self.judge_by(Scheme::Bearer, token, Holder::default())
    }

    /// All checks on a token and what came with it.
    pub(crate) fn judge_by(
        &mut self,
        scheme: Scheme,
        token: &str,
        holder: Holder<'_>,
    ) -> Result<Admission, Denial> {
        let registry = Registry::standard();
        let apis = [(self.guarded.api.clone(), self.guarded.audience.clone())];
        let known = Known {
            issuers: std::slice::from_ref(&self.issuer),
            revocations: &self.revocations,
            registry: &registry,
            apis: &apis,
            possession: &self.possession,
        };
        let target = Target {
            guarded: &self.guarded,
            needed: &self.needed,
            demand: &self.demand,
            object_tenant: self.object_tenant.as_ref(),
        };
        self.trace = Trace::new(Stage::Access);
        let presented = self
            .trace
            .step(portcullis_types::Check::Credential, Presented::under(scheme, token))?;
        admit(&presented.by(holder), &target, &known, self.now, &mut self.trace)
    }
}

pub(crate) fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub(crate) fn header() -> Value {
    json!({ "alg": "ES256", "kid": KEY.kid(), "typ": "at+jwt" })
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "app", "client_id": "app", "aud": AUDIENCE, "jti": "j1",
        "iat": NOW.seconds(), "exp": NOW.seconds() + 300, "scope": "generate:basic",
    })
}

/// `base` with some members changed; `null` takes one away.
#[expect(clippy::needless_pass_by_value, reason = "reads better with json! at the call")]
pub(crate) fn with(mut base: Value, changes: Value) -> Value {
    let members = base.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    base
}

/// Signed by the issuer's key, whatever the header says.
pub(crate) fn signed(header: &Value, claims: &impl serde::Serialize) -> String {
    KEY.sign_compact(header, claims).unwrap()
}

/// A good token with some claims changed.
pub(crate) fn claiming(changes: Value) -> String {
    signed(&header(), &with(claims(), changes))
}

/// A good token with some header members changed.
pub(crate) fn headed(changes: Value) -> String {
    signed(&with(header(), changes), &claims())
}
