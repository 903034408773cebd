//! Judges tokens by the library alone: no server, no network, no clock.
//!
//! Reads one JSON object (issuers with their keys, APIs, the time, questions) from standard input and
//! prints a JSON list of verdicts. The end-to-end tests compare these with the verdicts of the gateway,
//! the command line and the Python package.

use portcullis_jose::{Alg, b64, jwk::KeySet};
use portcullis_types::{
    ApiName, Audience, Issuer, Registry, Scopes, Stage, Tenant, Timestamp, Trace, Ttl,
};
use portcullis_verify::{
    ACCESS_TOKEN, Apis, Demand, Guarded, Holder, IssuerKeys, Known, KnownIssuer, Need, Presented,
    Profile, Scheme, Speaks, Target, TrustedIssuer, acr_at_least, admit, dpop,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    error::Error,
    io::{Read, Write},
    sync::Arc,
};

#[derive(Deserialize)]
struct World {
    now_seconds: i64,
    issuers: Vec<Terms>,
    apis: Vec<Api>,
    questions: Vec<Question>,
}

#[derive(Deserialize)]
struct Terms {
    issuer: Issuer,
    jwks: Value,
    algs: Vec<Alg>,
    tenant: Option<Tenant>,
    max_lifetime_seconds: u64,
    leeway_seconds: u64,
}

#[derive(Deserialize)]
struct Api {
    name: ApiName,
    audience: Audience,
    tenant: Option<Tenant>,
}

#[derive(Deserialize)]
struct Question {
    token: String,
    api: ApiName,
    scopes: Scopes,
    object_tenant: Option<Tenant>,
    #[serde(default)]
    holder: Shown,
    #[serde(default)]
    demand: Demands,
}

/// What came with the token.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shown {
    scheme: String,
    method: String,
    url: String,
    proofs: Vec<String>,
    /// In base64url.
    certificate: Option<String>,
}

/// What the operation demands besides scopes.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Demands {
    dpop: bool,
    dpop_nonce: bool,
    client_certificate: bool,
    acr: Vec<String>,
    max_age_seconds: Option<u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let world: World = serde_json::from_str(&text)?;
    let issuers = world.issuers.iter().map(Terms::known).collect::<Result<Vec<_>, _>>()?;
    let apis: Vec<_> =
        world.apis.iter().map(|api| (api.name.clone(), api.audience.clone())).collect();
    let registry = Registry::standard();
    let possession = dpop::Possession::new(&[7; 32], 10_000);
    let known = Known {
        issuers: &issuers,
        revocations: &[],
        registry: &registry,
        apis: &apis,
        possession: &possession,
    };
    let now = Timestamp::from_seconds(world.now_seconds);
    let verdicts: Result<Vec<Value>, _> = world
        .questions
        .iter()
        .map(|question| verdict(question, &world.apis, &known, now))
        .collect();
    Ok(serde_json::to_writer(std::io::stdout().lock(), &verdicts?)
        .map(|()| std::io::stdout().flush())??)
}

fn verdict(
    question: &Question,
    apis: &[Api],
    known: &Known<'_>,
    now: Timestamp,
) -> Result<Value, Box<dyn Error>> {
    let api = apis.iter().find(|api| api.name == question.api).ok_or("no such API")?;
    let guarded = Guarded {
        api: api.name.clone(),
        audience: api.audience.clone(),
        tenant: api.tenant.clone(),
    };
    let demand = question.demand.demand();
    let certificate = question.holder.certificate()?;
    let shown = &question.holder;
    let holder = Holder {
        dpop: dpop::Header::of(shown.proofs.iter().map(String::as_bytes)),
        htm: &shown.method,
        htu: dpop::Htu::url(&shown.url),
        client_certificate: certificate.as_ref(),
    };
    let scheme = Scheme::named(&shown.scheme).unwrap_or(Scheme::Bearer);
    let target = Target {
        guarded: &guarded,
        needed: &question.scopes,
        demand: &demand,
        object_tenant: question.object_tenant.as_ref(),
    };
    let mut trace = Trace::new(Stage::Access);
    let admitted = Presented::under(scheme, &question.token)
        .and_then(|presented| admit(&presented.by(holder), &target, known, now, &mut trace));
    Ok(match admitted {
        Ok(admission) => json!({ "admitted": true, "sub": admission.claims().sub }),
        Err(denial) => {
            let code = denial.code();
            json!({
                "admitted": false, "status": code.status, "code": code.name,
                "check": denial.check().slug(), "expected": denial.expected(),
                "found": denial.found(), "remedy": denial.remedy().change,
            })
        }
    })
}

impl Shown {
    fn certificate(&self) -> Result<Option<[u8; 32]>, Box<dyn Error>> {
        let Some(text) = &self.certificate else { return Ok(None) };
        let hash = b64::decode(text)?.try_into();
        hash.map(Some).map_err(|_| "the certificate is no SHA-256".into())
    }
}

impl Demands {
    fn demand(&self) -> Demand {
        let need = |demanded| if demanded { Need::Required } else { Need::Accepted };
        Demand {
            dpop: need(self.dpop),
            dpop_nonce: need(self.dpop_nonce),
            client_certificate: need(self.client_certificate),
            acr: acr_at_least(self.acr.iter().map(String::as_str)),
            max_age: self.max_age_seconds.map(Ttl::seconds),
        }
    }
}

impl Terms {
    fn known(&self) -> Result<KnownIssuer, Box<dyn Error>> {
        let set = Arc::new(KeySet::parse(self.jwks.to_string().as_bytes())?);
        let trusted = TrustedIssuer {
            issuer: self.issuer.clone(),
            algs: self.algs.clone(),
            typ: vec![ACCESS_TOKEN.to_owned()],
            profile: Profile::AccessToken,
            apis: Apis::All,
            speaks: match &self.tenant {
                None => Speaks::ForNoTenant,
                Some(any) if any.as_str() == "any" => Speaks::ForAnyTenant,
                Some(own) => Speaks::For(own.clone()),
            },
            max_lifetime: Ttl::seconds(self.max_lifetime_seconds),
            leeway: Ttl::seconds(self.leeway_seconds),
        };
        Ok(KnownIssuer { trusted, keys: Ok(IssuerKeys { set, fetched_at: None }) })
    }
}
