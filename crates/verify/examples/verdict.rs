//! Judges tokens by the library alone: no server, no network, no clock.
//!
//! Reads one JSON object (issuers with their keys, APIs, the time, questions) from standard input and
//! prints a JSON list of verdicts. The end-to-end tests compare these with the verdicts of the gateway,
//! the command line and the Python package.

use portcullis_jose::{Alg, jwk::KeySet};
use portcullis_types::{
    ApiName, Audience, Issuer, Registry, Scopes, Stage, Tenant, Timestamp, Trace, Ttl,
};
use portcullis_verify::{
    ACCESS_TOKEN, Apis, Guarded, IssuerKeys, Known, KnownIssuer, Presented, Profile, Speaks,
    Target, TrustedIssuer, admit,
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
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let world: World = serde_json::from_str(&text)?;
    let issuers = world.issuers.iter().map(Terms::known).collect::<Result<Vec<_>, _>>()?;
    let apis: Vec<_> =
        world.apis.iter().map(|api| (api.name.clone(), api.audience.clone())).collect();
    let registry = Registry::standard();
    let known = Known { issuers: &issuers, revocations: &[], registry: &registry, apis: &apis };
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
    let target = Target {
        guarded: &guarded,
        needed: &question.scopes,
        object_tenant: question.object_tenant.as_ref(),
    };
    let mut trace = Trace::new(Stage::Access);
    let admitted = Presented::token(&question.token)
        .and_then(|presented| admit(&presented, &target, known, now, &mut trace));
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
