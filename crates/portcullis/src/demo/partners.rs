//! Two tenants, two providers, and an analytics API behind the gateway, from the files in `examples/analytics`.

mod acme;
mod analytics;
mod globex;
mod story;

use super::{Shown, Visitor, acting, clients, ground, key_file, taken, write};
use crate::{
    cli::{House, Stop, config},
    clock::Chance,
    config::Purpose,
    serve::{self, Listeners, Running},
};
use acme::Acme;
use globex::Globex;
use portcullis_directory::{Directory, GrantType, NewClient, TenantRecord};
use portcullis_types::{Audience, Scopes, Tenant};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const CONFIG: &str = include_str!("../../../../examples/analytics/portcullis.toml");
const T123: &str = include_str!("../../../../examples/analytics/tenants/t123.toml");
const T456: &str = include_str!("../../../../examples/analytics/tenants/t456.toml");
/// What the files of the example call the parts.
const ISSUER: &str = "http://localhost:8080";
const GATEWAY: &str = "http://127.0.0.1:8081";
const ADMIN: &str = "127.0.0.1:8082";
const PARTNER: &str = "http://127.0.0.1:8083";
const SERVICE: &str = "http://127.0.0.1:9000";
/// What Acme's applications may have, on either side.
const SCOPE: &str = "analytics:read dataset:read";

/// Where to listen; 0 is any port that is free.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) issuer: u16,
    pub(crate) gateway: u16,
    pub(crate) admin: u16,
    pub(crate) partner: u16,
}

/// The partners' demo, running.
pub(crate) struct Partners {
    directory: PathBuf,
    places: Places,
    /// Trades Acme's tokens.
    acme_app: Visitor,
    /// Trades Globex's.
    globex_app: Visitor,
    acme: Acme,
    globex: Globex,
    running: Running,
    service: analytics::Running,
    /// Gone when the demo is; `None` if it is to be kept.
    _directory: Option<TempDir>,
}

/// Where everything is.
struct Places {
    issuer: String,
    gateway: String,
    admin: String,
    partner: String,
    service: String,
}

impl Places {
    /// A file of the example, with the addresses of this start.
    fn fill(&self, text: &str) -> String {
        let authority =
            |url: &str| url.trim_start_matches("http://").replace("localhost", "127.0.0.1");
        // What is listened on is written without scheme, and goes first or last: neither is part of the other.
        let mut text = text.to_owned();
        for (usual, here) in [
            (ISSUER, &self.issuer),
            (GATEWAY, &self.gateway),
            (PARTNER, &self.partner),
            (SERVICE, &self.service),
        ] {
            text = text.replace(&format!("\"{usual}\""), &format!("\"{here}\""));
            text = text
                .replace(&format!("\"{}\"", authority(usual)), &format!("\"{}\"", authority(here)));
        }
        text.replace(&format!("\"{ADMIN}\""), &format!("\"{}\"", authority(&self.admin)))
    }
}

impl Partners {
    /// Starts everything; requests are answered from the moment this returns.
    pub(crate) async fn start(data: Option<&Path>, ports: Ports) -> Result<Self, Stop> {
        let [issuer, gateway, admin, partner] = taken([
            ("--issuer-port", ports.issuer),
            ("--gateway-port", ports.gateway),
            ("--admin-port", ports.admin),
            ("--partner-port", ports.partner),
        ])?;
        let service = analytics::bind()?;
        let places = Places {
            issuer: issuer.url("localhost"),
            gateway: gateway.url("127.0.0.1"),
            admin: admin.url("127.0.0.1"),
            // Cookies know no ports: two issuers must not share a host.
            partner: partner.url("127.0.0.1"),
            service: service.url("127.0.0.1"),
        };
        let (kept, directory) = ground(data)?;
        let globex = Globex::with_key_in(&directory)?;
        let service = analytics::start(service, &places.gateway)?;
        let acme = Acme::start((&directory, &places), partner).await?;

        let house = house(&directory, "portcullis", &places.fill(CONFIG))?;
        let known = house.directory().await?;
        apply(&known, (&directory, "t123"), &places.fill(T123)).await?;
        apply(&known, (&directory, "t456"), &globex.publish(&places.fill(T456))?).await?;
        let resource = Audience::new(&places.gateway).map_err(Stop::cannot_run)?;
        let acme_app = app(&known, ("acme-app", "t123"), &resource).await?;
        let globex_app = app(&known, ("globex-app", "t456"), &resource).await?;
        let listeners = Listeners {
            issuer: Some(issuer.listener),
            mtls: None,
            gateway: Some(gateway.listener),
            admin: Some(admin.listener),
        };
        let running = serve::start(house, listeners).await?;
        Ok(Self {
            directory,
            places,
            acme_app,
            globex_app,
            acme,
            globex,
            running,
            service,
            _directory: kept,
        })
    }

    /// What is shown of it, and told to a command.
    pub(crate) fn shown(&self) -> Shown {
        Shown {
            config: self.config(),
            page: self.page(),
            facts: self.facts(),
            environment: self.environment(),
        }
    }

    fn config(&self) -> PathBuf {
        self.directory.join("portcullis.toml")
    }

    /// Stops everything, and takes the directory away if it is nobody's.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
        self.acme.stop().await;
        self.service.stop().await;
    }
}

/// What the configuration NAME.toml describes, with NAME.key; both are written.
fn house(directory: &Path, name: &str, configuration: &str) -> Result<House, Stop> {
    let file = directory.join(format!("{name}.toml"));
    write(&file, configuration)?;
    key_file(&directory.join(format!("{name}.key")))?;
    House::of(config(&file, Purpose::Serve)?)
}

/// As `portcullis tenant apply` does it; the file stays there to be changed and applied again.
async fn apply(known: &Directory, (directory, id): (&Path, &str), text: &str) -> Result<(), Stop> {
    let tenants = directory.join("tenants");
    std::fs::create_dir_all(&tenants).map_err(Stop::cannot_run)?;
    write(&tenants.join(format!("{id}.toml")), text)?;
    let record: TenantRecord = toml::from_str(text).map_err(Stop::cannot_run)?;
    let id = Tenant::new(id).map_err(Stop::cannot_run)?;
    let version = known.tenant(&id).map_or(0, |tenant| tenant.version);
    let applied = known.apply_tenant(acting(&mut Chance), &id, record, Some(version)).await;
    applied.map(drop).map_err(Stop::cannot_run)
}

/// An application of a tenant's, which trades tokens and may do nothing else.
async fn app(
    known: &Directory,
    (id, tenant): (&str, &str),
    resource: &Audience,
) -> Result<Visitor, Stop> {
    let scopes: Scopes = SCOPE.parse().map_err(Stop::cannot_run)?;
    let new = NewClient {
        grant_types: vec![GrantType::TokenExchange],
        tenant: Some(Tenant::new(tenant).map_err(Stop::cannot_run)?),
        ..clients::client(id, scopes, resource)?
    };
    clients::with_secret(known, new).await
}
