//! The gateway: whom it trusts, what it guards, where requests go.

use super::{feed::Feed, issuer::Issuer, tls};
use crate::{
    cli::{House, Stop, secret},
    clock::{self, Chance},
    config::{self, Access, Authorities, Config, Credential, PrivateNetwork, Trust, TrustKeys},
};
use axum::http::{HeaderName, HeaderValue, Method};
use portcullis_audit::{Journal, JournalSettings, JournalTask};
use portcullis_directory::Directory;
use portcullis_gateway::{Gateway, Parts, Tenants, settings};
use portcullis_jose::{Alg, jwk::KeySet};
use portcullis_keyring::{Act, Circle, KeyAges, KeySource, OurKeys, Party, TheirKeys};
use portcullis_policy::Judge;
use portcullis_types::Ttl;
use portcullis_verify::{ACCESS_TOKEN, Apis, Profile, Speaks, TrustedIssuer};
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy, PRIVATE_NETWORKS};
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret;
use std::{net::TcpListener, sync::Arc};

/// Bytes of audit records that may wait for the disk; then requests wait too.
const JOURNAL: usize = 8 * 1024 * 1024;
/// What our own keys may be for.
const OURS: [Alg; 3] = [Alg::ES256, Alg::RS256, Alg::Ed25519];
/// DPoP proofs that may be in use at a time, 50 bytes each: about 8000 a second.
const PROOFS: usize = 512 * 1024;
/// By how much clocks may differ.
const LEEWAY: Ttl = Ttl::seconds(30);

/// What the gateway knows, and the jobs keep up to date.
pub(super) struct Guard {
    pub(super) circle: Arc<Circle>,
    pub(super) keys: Option<OurKeys>,
    /// What policies are told of tenants.
    tenants: Tenants,
    /// What issuers elsewhere revoke.
    pub(super) feeds: Vec<Feed>,
}

/// The journal of the gateway's decisions, and the task that writes it.
pub(super) fn journal(house: &House) -> (Journal, JournalTask) {
    let flush_interval =
        house.config.gateway.as_ref().map_or(Ttl::from_millis(10), |gateway| gateway.audit_flush);
    Journal::open(house.store.clone(), JournalSettings { capacity_bytes: JOURNAL, flush_interval })
}

/// Gathers whom to trust; `None` if no gateway runs here.
pub(super) async fn open(house: &House, issuer: Option<&Issuer>) -> Result<Option<Guard>, Stop> {
    let config = &house.config;
    if config.gateway.is_none() {
        return Ok(None);
    }
    let own = issuer.map(|issuer| own_party(house, issuer)).transpose()?;
    let theirs: Result<Vec<Party>, Stop> = config.trusts.iter().map(their_party).collect();
    let parties: Vec<Party> = own.into_iter().chain(theirs?).collect();
    for party in &parties {
        let keys = party.keys.clone();
        // Before the first token comes; an issuer that is down keeps nobody from starting.
        tokio::spawn(
            async move { keys.refresh(portcullis_keyring::Why::Stale, clock::now()).await },
        );
    }
    let revocations: Vec<_> = issuer.map(Issuer::revocations).into_iter().collect();
    let circle = Circle {
        parties,
        registry: config.registry.clone(),
        apis: config.apis.iter().map(|api| (api.name.clone(), api.resource.clone())).collect(),
        revocations: Arc::new(revocations).into(),
        possession: Arc::new(house.possession(PROOFS)?),
    };
    let circle = Arc::new(circle);
    let feeds = Feed::open(&config.trusts, &circle).await?;
    let keys = if config.shows_identities() {
        let act = Act::new("schedule", clock::now(), &mut Chance);
        Some(house.keys(house.gateway_keys(), act).await?)
    } else {
        None
    };
    let tenants = tenants(issuer.map(|issuer| issuer.directory.clone()));
    Ok(Some(Guard { circle, keys, tenants, feeds }))
}

/// The tenants of the directory here, as they are at the moment of each request. Without one nothing is known of any:
/// policies that ask for more than a token says deny.
fn tenants(directory: Option<Directory>) -> Tenants {
    Arc::new(move |_, tenant| directory.as_ref()?.tenants().facts(tenant))
}

/// Starts the workers.
pub(super) fn start(
    (house, guard, judge): (&House, &Guard, Option<Judge>),
    listener: TcpListener,
    journal: Journal,
    (registry, watches): (&mut Registry, &mut Vec<tls::Watch>),
) -> Result<Gateway, Stop> {
    let gateway = house.config.gateway.as_ref();
    let tls = gateway.and_then(|gateway| gateway.tls.as_ref());
    let tls = tls.map(|tls| tls::server("gateway", tls, watches)).transpose()?;
    let parts = Parts {
        settings: settings(&house.config)?,
        listener,
        tls,
        circle: guard.circle.clone(),
        keys: guard.keys.clone(),
        journal,
        judge,
        tenants: guard.tenants.clone(),
        clock: clock::clock(),
        entropy: clock::entropy(),
    };
    Gateway::start(parts, registry)
        .map_err(|fault| Stop::cannot_run(format!("the gateway cannot start: {fault}")))
}

fn own_party(house: &House, issuer: &Issuer) -> Result<Party, Stop> {
    let trusted = TrustedIssuer {
        issuer: house.issuer()?,
        // All that we ever sign with: a token outlives a change of the configuration.
        algs: OURS.to_vec(),
        typ: vec![ACCESS_TOKEN.to_owned()],
        profile: Profile::AccessToken,
        apis: Apis::All,
        speaks: Speaks::ForAnyTenant,
        // Even if the configuration says less now than when they were made.
        max_lifetime: Ttl::LONGEST_ACCESS_TOKEN,
        leeway: LEEWAY,
    };
    let source = KeySource::Ours(issuer.keys.clone());
    let keys = TheirKeys::new(
        trusted.issuer.clone(),
        source,
        outgoing(OutgoingPolicy::default())?,
        KeyAges::default(),
    );
    Ok(Party { trusted, keys })
}

fn their_party(trust: &Trust) -> Result<Party, Stop> {
    let trusted = TrustedIssuer {
        issuer: trust.issuer.clone(),
        algs: trust.algs.clone(),
        typ: trust.typ.clone(),
        profile: match trust.profile {
            config::Profile::Rfc9068 => Profile::AccessToken,
            config::Profile::Legacy => Profile::Legacy,
        },
        apis: trust.apis.clone(),
        speaks: trust.speaks.clone(),
        max_lifetime: trust.max_lifetime,
        leeway: trust.leeway,
    };
    let source = match &trust.keys {
        TrustKeys::Discovery => KeySource::Discovery,
        TrustKeys::Uri(url) => KeySource::JwksUri(url.clone()),
        TrustKeys::File(path) => {
            let fault = |fault: &dyn std::fmt::Display| {
                Stop::cannot_run(format!("{}: {fault}", path.display()))
            };
            let bytes = std::fs::read(path).map_err(|found| fault(&found))?;
            KeySource::Inline(Arc::new(KeySet::parse(&bytes).map_err(|found| fault(&found))?))
        }
    };
    let keys =
        TheirKeys::new(trust.issuer.clone(), source, outgoing(policy(trust))?, KeyAges::default());
    Ok(Party { trusted, keys })
}

/// An issuer on this machine may be called on this machine, and one in a private network if that is said.
fn policy(trust: &Trust) -> OutgoingPolicy {
    let mut policy = OutgoingPolicy::default();
    if trust.issuer.as_str().starts_with("http://") {
        policy.loopback = Loopback::Allowed;
    }
    if trust.private_network == PrivateNetwork::Allowed {
        policy.allowed_private = PRIVATE_NETWORKS.to_vec();
    }
    policy
}

fn outgoing(policy: OutgoingPolicy) -> Result<Outgoing, Stop> {
    Outgoing::new(policy).map_err(Stop::cannot_run)
}

/// The configuration in the gateway's own words.
pub(super) fn settings(config: &Config) -> Result<settings::Settings, Stop> {
    let gateway =
        config.gateway.as_ref().ok_or_else(|| Stop::cannot_run("there is no [gateway]"))?;
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let upstreams: Result<Vec<_>, Stop> = config.upstreams.iter().map(upstream).collect();
    let routes: Result<Vec<_>, Stop> =
        config.routes.iter().map(|found| route(found, config)).collect();
    Ok(settings::Settings {
        url: gateway.url.as_str().trim_end_matches('/').to_owned(),
        workers: gateway.workers.unwrap_or_else(cores),
        token_cache: gateway.token_cache,
        trusted_proxies: gateway.trusted_proxies.clone(),
        client_certificate_header: gateway.client_certificate_header,
        timeouts: settings::Timeouts {
            connect: gateway.timeouts.connect,
            response_headers: gateway.timeouts.headers,
            idle: gateway.timeouts.idle,
            ..settings::Timeouts::default()
        },
        apis: config.apis.iter().map(|found| api(found, config)).collect(),
        upstreams: upstreams?,
        routes: routes?,
        models: gateway.models.clone(),
        body_limit: gateway.body_limit,
    })
}

fn api(api: &config::Api, config: &Config) -> settings::Api {
    let own = config.issuer.iter().map(|issuer| issuer.url.to_string());
    let theirs = config.trusts.iter().filter(|trust| trust.apis.hold(&api.name));
    let theirs = theirs.map(|trust| trust.issuer.to_string());
    settings::Api {
        name: api.name.clone(),
        resource: api.resource.clone(),
        title: Some(api.title.clone()),
        scopes: api.scopes.clone(),
        tenant: api.tenant.clone(),
        demand: api.demand.clone(),
        issuers: own.chain(theirs).collect(),
    }
}

fn upstream(upstream: &config::Upstream) -> Result<settings::Upstream, Stop> {
    let fault = |fault: &dyn std::fmt::Display| {
        Stop::cannot_run(format!("upstream {}: {fault}", upstream.name))
    };
    let credential = match &upstream.credential {
        None => settings::Credential::None,
        Some(Credential::Identity(audience)) => {
            settings::Credential::Identity { audience: audience.as_str().into() }
        }
        Some(Credential::Header { name, prefix, secret: source }) => {
            let secret = secret(source)?;
            let value = HeaderValue::from_str(&format!("{prefix}{}", secret.expose_secret()));
            let mut value = value
                .map_err(|_| fault(&"its credential has characters that no header may have"))?;
            value.set_sensitive(true);
            let name = HeaderName::try_from(name.as_str()).map_err(|found| fault(&found))?;
            settings::Credential::Header { name, value }
        }
    };
    let url = &upstream.url;
    let host = url.host_str().unwrap_or_default();
    let https = url.scheme() == "https";
    let port = url.port().unwrap_or(if https { 443 } else { 80 });
    Ok(settings::Upstream {
        name: upstream.name.clone(),
        scheme: if https { settings::Scheme::Https } else { settings::Scheme::Http },
        authority: format!("{host}:{port}").parse().map_err(|found| fault(&found))?,
        base_path: url.path().trim_end_matches('/').to_owned(),
        credential,
        authorities: match &upstream.authorities {
            Authorities::System => settings::Authorities::System,
            Authorities::Only(file) => settings::Authorities::Only(tls::authorities(file)?),
        },
    })
}

fn route(route: &config::Route, config: &Config) -> Result<settings::Route, Stop> {
    let missing =
        |what: &str| Stop::cannot_run(format!("route {}: its {what} is gone", route.path));
    let api =
        config.apis.iter().position(|api| api.name == route.api).ok_or_else(|| missing("API"))?;
    let upstream = config.upstreams.iter().position(|upstream| upstream.name == route.upstream);
    let methods: Result<Vec<Method>, _> =
        route.methods.iter().map(|method| method.parse()).collect();
    let dialect = route.dialect.or_else(|| config.apis.get(api).map(|api| api.dialect));
    let dialect = match dialect {
        Some(config::Dialect::OpenAi) => settings::Dialect::OpenAi,
        Some(config::Dialect::Anthropic) => settings::Dialect::Anthropic,
        Some(config::Dialect::Problem) | None => settings::Dialect::Problem,
    };
    let usual = match dialect {
        settings::Dialect::OpenAi => settings::Reads::OpenAi,
        settings::Dialect::Anthropic => settings::Reads::Anthropic,
        settings::Dialect::Problem => settings::Reads::Nothing,
    };
    Ok(settings::Route {
        name: route.path.clone(),
        methods: methods.map_err(Stop::cannot_run)?,
        path: route.path.clone(),
        api,
        access: match &route.access {
            Access::Public => settings::Access::Public,
            Access::Scoped(scopes) => settings::Access::Scoped(scopes.clone()),
        },
        demand: route.demand.clone(),
        upstream: upstream.ok_or_else(|| missing("upstream"))?,
        upstream_path: route.upstream_path.clone(),
        dialect,
        reads: route.reads.clone().unwrap_or(usual),
    })
}
