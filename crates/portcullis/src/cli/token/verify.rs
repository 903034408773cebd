//! `portcullis token verify`

use super::given;
use crate::{
    cli::{Exit, Globals, Outcome, Stop, explain, house, shown::Shown},
    clock::{self, Chance},
    config::ttl,
};
use portcullis_audit::{
    Access, Event, Record, TokenFacts,
    explain::{Explanation, Surroundings},
};
use portcullis_gateway::{claimed, verified};
use portcullis_jose::{Alg, jwk::KeySet};
use portcullis_keyring::{KeyAges, KeySource, TheirKeys, Why};
use portcullis_types::{
    ApiName, Audience, DecisionId, Denial, Issuer, Random, Registry, Scopes, Stage, Timestamp,
    Trace, Ttl,
};
use portcullis_verify::{
    Apis, Demand, Glance, Guarded, IssuerKeys, Known, KnownIssuer, Presented, Profile, Speaks,
    Target, TrustedIssuer, Vouched, acr_at_least, authorize, dpop, vouch,
};
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy};
use std::{borrow::Cow, path::PathBuf, sync::Arc};

/// Longer than any access token should live, so that this is no verdict on somebody else's policy.
const LIFETIME: Ttl = Ttl::seconds(365 * 86_400);
const LEEWAY: Ttl = Ttl::seconds(30);

/// Make every check that a gateway would make.
///
/// The keys come from the issuer's metadata, or from --jwks. Exits with 0 if every check passes, else
/// with 1 after saying which one failed, why, and what would change that. Revocation is not looked up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis token verify --issuer https://id.example.com --audience https://gw.example.com/v1 < token
  portcullis token verify --jwks keys.json --audience https://gw.example.com/v1 < token")]
pub(in crate::cli) struct Verify {
    /// The token; standard input without it.
    token: Option<String>,
    /// Who must have made it.
    #[arg(long, env = "PORTCULLIS_ISSUER", value_name = "URL", required_unless_present = "jwks")]
    issuer: Option<Issuer>,
    /// The issuer's keys, as a JWK Set; nothing is fetched then.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// The API it must be for.
    #[arg(long, value_name = "URI")]
    audience: Audience,
    /// What it must hold, separated by spaces.
    #[arg(long, value_name = "SCOPES")]
    scope: Vec<Scopes>,
    /// What it may be signed with; any public-key algorithm without it.
    #[arg(long, value_name = "ALG")]
    alg: Vec<Alg>,
    /// What kind of token it must be.
    #[arg(long, default_value = portcullis_verify::ACCESS_TOKEN)]
    typ: Vec<String>,
    /// Accept tokens from before RFC 9068: no jti, scopes in 'scp', the client in 'azp'.
    #[arg(long)]
    legacy: bool,
    #[command(flatten)]
    shown: Shown,
    /// Demand a sign-in of this strength (acr); of pwd, mfa and phr, a stronger one is as good.
    #[arg(long, value_name = "ACR")]
    acr: Vec<String>,
    /// Demand a sign-in (auth_time) no longer ago than this, such as 15m.
    #[arg(long, value_name = "TIME", value_parser = span)]
    max_age: Option<Ttl>,
}

impl Verify {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let token = given(self.token.clone())?;
        let now = clock::now();
        let issuer = self.known(&token, now)?;
        let registry = Registry::standard();
        let possession = dpop::Possession::new(&[0; 32], 1);
        let known = Known {
            issuers: &[issuer],
            revocations: &[],
            registry: &registry,
            apis: &[],
            possession: &possession,
        };
        let api = ApiName::new("api").map_err(Stop::cannot_run)?;
        let guarded = Guarded { api, audience: self.audience.clone(), tenant: None };
        let needed: Scopes = self.scope.iter().flatten().cloned().collect();
        let demand = self.demand();
        let target =
            Target { guarded: &guarded, needed: &needed, demand: &demand, object_tenant: None };
        let mut trace = Trace::new(Stage::Access);
        let proof = self.shown.proof()?;
        let (scheme, holder) = self.shown.holder(proof.as_deref());
        let presented = Presented::under(scheme, &token).map(|it| it.by(holder));
        let (vouched, denial) = checked(presented, &target, &known, now, &mut trace);
        let record = Record {
            id: DecisionId::fresh(now, &Random::draw(&mut Chance)),
            at: now,
            trace,
            denial: denial.map(Cow::Owned),
            ruled: None,
            event: Event::Access(Access {
                method: "any request".into(),
                path: format!("to {}", self.audience).into(),
                resource: Some(self.audience.to_string().into()),
                needed: Some(Cow::Owned(needed.clone())),
                token: Some(facts(vouched.as_ref(), &token)),
                ..Access::default()
            }),
        };
        let around = Surroundings { registry: Some(&registry), ..Surroundings::default() };
        let explanation = Explanation::by_hand(&record, &around);
        globals.format.print(&explanation, || explain::page(&explanation))?;
        Ok(if record.denial.is_none() { Exit::Done } else { Exit::Refused })
    }

    fn demand(&self) -> Demand {
        Demand {
            acr: acr_at_least(self.acr.iter().map(String::as_str)),
            max_age: self.max_age,
            ..Demand::default()
        }
    }

    /// The issuer on the terms of the command line, with its keys.
    fn known(&self, token: &str, now: Timestamp) -> Result<KnownIssuer, Stop> {
        let issuer = match &self.issuer {
            Some(issuer) => issuer.clone(),
            // With keys given by hand, the token itself may say whose they are.
            None => Presented::token(token)
                .ok()
                .and_then(|presented| Glance::at(&presented).claims.iss)
                .and_then(|iss| Issuer::new(&iss).ok())
                .ok_or_else(|| {
                    Stop::refused("the token names no issuer").hint("add --issuer URL")
                })?,
        };
        let asymmetric = Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric());
        let trusted = TrustedIssuer {
            algs: if self.alg.is_empty() { asymmetric.collect() } else { self.alg.clone() },
            typ: self.typ.clone(),
            profile: if self.legacy { Profile::Legacy } else { Profile::AccessToken },
            apis: Apis::All,
            speaks: Speaks::ForAnyTenant,
            max_lifetime: LIFETIME,
            leeway: LEEWAY,
            issuer,
        };
        let keys = match &self.jwks {
            Some(file) => Ok(IssuerKeys { set: Arc::new(key_set(file)?), fetched_at: None }),
            None => house::block_on(fetched(&trusted.issuer, now))?,
        };
        Ok(KnownIssuer { trusted, keys })
    }
}

fn checked(
    presented: Result<Presented<'_>, Denial>,
    target: &Target<'_>,
    known: &Known<'_>,
    now: Timestamp,
    trace: &mut Trace,
) -> (Option<Vouched>, Option<Denial>) {
    // What a gateway checks before it looks at the token is not in question here.
    trace.passed_before(&[portcullis_types::Check::Shape, portcullis_types::Check::Route]);
    let presented = match trace.step(portcullis_types::Check::Credential, presented) {
        Ok(presented) => presented,
        Err(denial) => return (None, Some(denial)),
    };
    match vouch(&presented, target.guarded, known, trace) {
        Err(denial) => (None, Some(denial)),
        Ok(vouched) => {
            let admitted = authorize((&presented, vouched.clone()), target, known, now, trace);
            (Some(vouched), admitted.err())
        }
    }
}

async fn fetched(
    issuer: &Issuer,
    now: Timestamp,
) -> Result<Result<IssuerKeys, (String, Ttl)>, Stop> {
    let mut policy = OutgoingPolicy::default();
    if issuer.as_str().starts_with("http://") {
        policy.loopback = Loopback::Allowed;
    }
    let client = Outgoing::new(policy).map_err(Stop::cannot_run)?;
    let keys = TheirKeys::new(issuer.clone(), KeySource::Discovery, client, KeyAges::default());
    keys.refresh(Why::Stale, now).await;
    Ok(match keys.current(now) {
        Some(keys) => Ok(IssuerKeys { set: keys.set.clone(), fetched_at: keys.fetched_at }),
        None => Err(keys.trouble(now).map_or_else(
            || ("its keys were not fetched".to_owned(), Ttl::seconds(1)),
            |trouble| (trouble.reason, trouble.retry_after),
        )),
    })
}

fn key_set(file: &std::path::Path) -> Result<KeySet, Stop> {
    let fault = |fault: &dyn std::fmt::Display| {
        Stop::cannot_run(format!("the keys in {}: {fault}", file.display()))
    };
    let bytes = std::fs::read(file).map_err(|found| fault(&found))?;
    KeySet::parse(&bytes).map_err(|found| fault(&found))
}

/// What the token said: verified, or its own words.
fn facts(vouched: Option<&Vouched>, token: &str) -> TokenFacts<'static> {
    if let Some(vouched) = vouched {
        return verified(vouched).into_owned();
    }
    let glance =
        Presented::token(token).map(|presented| Glance::at(&presented)).unwrap_or_default();
    claimed(&glance).into_owned()
}

fn span(text: &str) -> Result<Ttl, String> {
    ttl(text).ok_or_else(|| format!("'{text}' is not a time such as 15m"))
}
