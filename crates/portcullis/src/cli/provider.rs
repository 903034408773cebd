//! Other identity providers, as commands and the server use them.

use super::{Stop, secret, talk};
use crate::{
    clock,
    config::{Config, IdentityProvider, Report},
};
use portcullis_issuer::upstream::{Provider, Verdict, probe};
use portcullis_web::{Outgoing, OutgoingPolicy};
use url::Url;

/// The providers of a configuration, with their secrets.
pub(crate) fn providers(config: &Config) -> Result<Vec<Provider>, Stop> {
    config.identity_providers.iter().map(with_secret).collect()
}

fn with_secret(described: &IdentityProvider) -> Result<Provider, Stop> {
    let client_secret = described.client_secret.as_ref().map(secret).transpose()?;
    Ok(Provider { client_secret, ..described.provider.clone() })
}

/// What may be called to reach them. The operator named them, so they may be in a private network.
pub(crate) fn outgoing(config: &Config) -> Result<Outgoing, Stop> {
    let issuers = config.identity_providers.iter().map(|described| &described.provider.issuer);
    let named = issuers.filter_map(|issuer| Url::parse(issuer).ok()).map(|url| url.origin());
    let policy = OutgoingPolicy { named: named.collect(), ..OutgoingPolicy::default() };
    Outgoing::new(policy).map_err(Stop::cannot_run)
}

/// Asks each provider whether somebody could sign in with it. What is wrong goes into the report.
pub(super) async fn ask(config: &Config, report: &mut Report) -> Result<(), Stop> {
    let Some(issuing) = config.issuer.as_ref().filter(|_| !config.identity_providers.is_empty())
    else {
        return Ok(());
    };
    let outgoing = outgoing(config)?;
    for described in &config.identity_providers {
        let name = &described.provider.name;
        let provider = match with_secret(described) {
            Ok(provider) => provider,
            Err(stop) => {
                let (problem, hint) = stop.said();
                report.add(&described.place, problem, hint);
                continue;
            }
        };
        let issuer = issuing.url.as_str();
        for found in probe(&provider, issuer, &outgoing, clock::now()).await {
            match found.verdict {
                Verdict::Good => talk(format_args!("{name}: {}", found.text)),
                Verdict::Doubtful => {
                    let hint = found.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                    talk(format_args!("{name}: perhaps not: {}{hint}", found.text));
                }
                Verdict::Bad => {
                    report.add(&described.place, format!("{name}: {}", found.text), found.hint);
                }
            }
        }
    }
    Ok(())
}
