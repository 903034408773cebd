//! `portcullis.toml`: read, checked as a whole, and made into settings.
//!
//! Every mistake is found at once. What comes out of [`load`] can be used without another look.

mod admission;
mod api;
mod cross;
mod demand;
mod files;
mod findings;
mod gateway;
mod identity_provider;
mod listen;
mod models;
mod opa;
mod people;
mod policy;
mod read;
mod render;
mod route;
mod scopes;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod tiers;
mod tls;
mod trust;
mod words;

pub(crate) use files::{Machine, Purpose, reason};
pub(crate) use findings::{Report, Severity};
pub(crate) use read::ttl;
pub(crate) use settings::{
    Access, Api, Authorities, ClientCertificates, Config, Credential, DatabaseServer, Dialect,
    Hears, IdentityProvider, Issuing, MailTo, Policing, PolicySource, PrivateNetwork, Profile,
    RemotePolicies, Route, SecretSource, Tls, Trust, TrustKeys, Upstream,
};
pub(crate) use words::did_you_mean;

use cross::Names;
use findings::{Findings, Place};
use read::Section;
use std::path::Path;
use toml::de::DeTable;

/// Reads `text`, the content of `file`. The report holds warnings even if the settings are usable.
pub(crate) fn load(file: &Path, text: String, machine: &Machine<'_>) -> (Option<Config>, Report) {
    let mut out = Findings::default();
    let config = {
        let (table, faults) = DeTable::parse_recoverable(&text);
        for fault in &faults {
            let span = fault.span().unwrap_or(0..0);
            out.error(
                &Place { key: String::new(), span },
                format!("this is not TOML: {}", fault.message()),
            );
        }
        // Half a file has mistakes that the whole one has not.
        if faults.is_empty() {
            config(file, Section::root(table.get_ref()), machine, &mut out)
        } else {
            None
        }
    };
    let config = config.filter(|_| out.usable());
    (config, out.report(file.to_owned(), text))
}

fn config(
    file: &Path,
    mut root: Section<'_>,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Option<Config> {
    let data_dir = machine.data_dir(root.get("data_dir").as_ref(), out);
    let faults_before = out.errors();
    let store = store::store(&mut root, machine, out);
    let store_is_right = out.errors() == faults_before;
    let key = root
        .need("key_encryption_key", "{ file = \"portcullis.key\" }", out)
        .and_then(|key| machine.key(&key, out));
    let mut names = Names::default();
    let registry = scopes::registry(&mut root, out);
    let apis = api::apis(&mut root, &registry, &mut names, out);
    let issuer = api::issuer(&mut root, &apis, machine, out);
    let gateway = gateway::gateway(&mut root, machine, out);
    let admin = gateway::admin(&mut root, machine, out);
    let faults_before = out.errors();
    let trusts = trust::trusts(&mut root, issuer.as_ref(), (machine, &names), out);
    let trusts_are_right = out.errors() == faults_before;
    let upstreams = gateway::upstreams(&mut root, machine, &mut names, out);
    let routes = route::routes(&mut root, &registry, &mut names, &upstreams, out);
    names.unused(out);
    if let Some(gateway) = &gateway {
        names.uncertified(gateway, out);
    }
    let mut people = people::people(&mut root, &registry, machine, out);
    let tiers = tiers::tiers(&mut root, &registry, out);
    let policy = policy::policy(&mut root, &registry, machine, out);
    let roles: Vec<String> = people.settings.roles.by_name.keys().cloned().collect();
    let identity_providers = identity_provider::providers(&mut root, machine, &roles, out);
    let told = identity_providers.iter().map(|described| described.provider.roles.clone());
    people.settings.providers = told.collect();
    cross::listeners(&mut root, out);
    let has_issuer = root.get("issuer").is_some();
    if !has_issuer && root.get("gateway").is_none() {
        out.error(root.place(), "there is neither an [issuer] nor a [gateway]")
            .hint("'portcullis init' writes a file to start from");
    }
    if has_issuer && trusts_are_right {
        names.impossible_acrs(&trusts, out);
    }
    cross::whole(&root, (gateway.as_ref(), &trusts), has_issuer, out);
    root.finish(out);
    let config = Config {
        file: file.to_owned(),
        data_dir: data_dir?,
        store: if store_is_right { store } else { None },
        key_encryption_key: key?,
        issuer,
        apis,
        gateway,
        admin,
        trusts,
        upstreams,
        routes,
        identity_providers,
        people,
        tiers,
        policy,
        registry,
    };
    cross::resources(&config, &names, out);
    Some(config)
}
