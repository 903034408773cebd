//! Everything at once, on loopback, in a directory that goes away: the same wiring as `serve`, from a
//! configuration file that is written like anybody else's.

mod command;
mod model;
mod welcome;

pub(crate) use command::Command;

use crate::{
    cli::{House, Stop, Who, config, create},
    clock::{self, Chance},
    config::Purpose,
    serve::{self, Listeners, Place, Running},
};
use portcullis_directory::{
    Acting, ClientSecret, Directory, GrantType, NewAuth, NewClient, Registration,
};
use portcullis_keyring::KeyEncryptionKey;
use portcullis_types::{Audience, ClientId, Scopes, Ttl};
use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const FREE: &str = "free-app";
const FREE_SCOPE: &str = "generate:basic model:list";
const PREMIUM: &str = "premium-app";
const PREMIUM_SCOPE: &str = "generate:advanced generate:basic model:list";
/// How long a secret from an earlier start of the same directory works on.
const OVERLAP: Ttl = Ttl::seconds(86_400);

/// Where to listen; 0 is any port that is free.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) issuer: u16,
    pub(crate) gateway: u16,
    pub(crate) admin: u16,
}

/// A client of the demo, with its secret.
pub(crate) struct Visitor {
    id: ClientId,
    secret: ClientSecret,
}

/// A demo that runs.
pub(crate) struct Demo {
    config: PathBuf,
    issuer: String,
    gateway: String,
    admin: String,
    free: Visitor,
    premium: Visitor,
    running: Running,
    model: model::Running,
    /// Gone when the demo is; `None` if it is to be kept.
    _directory: Option<TempDir>,
}

impl Demo {
    /// Starts everything; requests are answered from the moment this returns.
    pub(crate) async fn start(data: Option<&Path>, ports: Ports) -> Result<Self, Stop> {
        let bound = bind(ports)?;
        let model = model::start()?;
        let (directory, path) = ground(data)?;
        let config_file = path.join("portcullis.toml");
        let url = |listener: &TcpListener| {
            listener.local_addr().map(|address| format!("http://{address}"))
        };
        let [issuer, gateway, admin] = [url(&bound.issuer), url(&bound.gateway), url(&bound.admin)]
            .map(|url| url.map_err(Stop::cannot_run));
        let (issuer, gateway, admin) = (issuer?, gateway?, admin?);
        let upstream = model.url();
        write(&config_file, &configuration([&issuer, &gateway, &admin, &upstream]))?;
        let key = path.join("portcullis.key");
        if !key.exists() {
            create(&key, &KeyEncryptionKey::generate(&mut Chance), Who::Owner)?;
        }
        let house = House::of(config(&config_file, Purpose::Serve)?)?;
        let directory_of_clients = house.directory().await?;
        let resource = Audience::new(&gateway).map_err(Stop::cannot_run)?;
        let free = visitor(&directory_of_clients, FREE, FREE_SCOPE, &resource).await?;
        let premium = visitor(&directory_of_clients, PREMIUM, PREMIUM_SCOPE, &resource).await?;
        let listeners = Listeners {
            issuer: Some(bound.issuer),
            mtls: None,
            gateway: Some(bound.gateway),
            admin: Some(bound.admin),
        };
        let running = serve::start(house, listeners).await?;
        Ok(Self {
            config: config_file,
            issuer,
            gateway,
            admin,
            free,
            premium,
            running,
            model,
            _directory: directory,
        })
    }

    /// Stops everything, and takes the directory away if it is nobody's.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
        self.model.stop().await;
    }
}

struct Bound {
    issuer: TcpListener,
    gateway: TcpListener,
    admin: TcpListener,
}

fn bind(ports: Ports) -> Result<Bound, Stop> {
    let [issuer, gateway, admin] = [
        ("--issuer-port", ports.issuer),
        ("--gateway-port", ports.gateway),
        ("--admin-port", ports.admin),
    ];
    for (one, other) in [(issuer, gateway), (issuer, admin), (gateway, admin)] {
        if one.1 == other.1 && one.1 != 0 {
            let both = format!("{} and {} are both {}", one.0, other.0, one.1);
            return Err(Stop::usage(both).hint("each needs a port of its own; 0 takes any"));
        }
    }
    let bind = |(flag, port)| serve::bind(loopback(port), Place::Flag(flag));
    Ok(Bound { issuer: bind(issuer)?, gateway: bind(gateway)?, admin: bind(admin)? })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The directory that everything is kept in.
fn ground(data: Option<&Path>) -> Result<(Option<TempDir>, PathBuf), Stop> {
    let Some(path) = data else {
        let directory = TempDir::with_prefix("portcullis-demo-").map_err(|fault| {
            Stop::cannot_run(format!("cannot make a temporary directory: {fault}"))
        })?;
        let path = directory.path().to_owned();
        return Ok((Some(directory), path));
    };
    std::fs::create_dir_all(path)
        .and_then(|()| path.canonicalize())
        .map(|path| (None, path))
        .map_err(|fault| {
            Stop::cannot_run(format!("cannot use the directory {}: {fault}", path.display()))
                .hint("see --data")
        })
}

fn write(file: &Path, text: &str) -> Result<(), Stop> {
    std::fs::write(file, text)
        .map_err(|fault| Stop::cannot_run(format!("cannot write {}: {fault}", file.display())))
}

/// One API: a token for it opens everything here that its scope covers.
fn configuration([issuer, gateway, admin, model]: [&String; 4]) -> String {
    let mut text = format!(
        r#"# Written by 'portcullis demo', anew at each start.
data_dir = "portcullis-data"
key_encryption_key = {{ file = "portcullis.key" }}

[issuer]
url = "{issuer}"
listen = "{}"

[gateway]
url = "{gateway}"
listen = "{}"

[admin]
listen = "{}"

[[api]]
name = "demo"
resource = "{gateway}"
title = "Text generation"
scopes = ["generate:basic", "generate:advanced", "model:list"]
signing_alg = "ES256"
dialect = "openai"

[[upstream]]
name = "model"
url = "{model}"
"#,
        authority(issuer),
        authority(gateway),
        authority(admin),
    );
    for (methods, path, scope, dialect) in [
        ("\"POST\"", "/v1/chat/completions", "generate:basic", "openai"),
        ("\"POST\"", "/v1/completions", "generate:basic", "openai"),
        ("\"POST\"", "/v1/messages", "generate:basic", "anthropic"),
        ("\"GET\"", "/v1/models", "model:list", "openai"),
        ("\"GET\"", "/v1/models/{id}", "model:list", "openai"),
        ("\"GET\", \"POST\"", "/generate", "generate:basic", "problem"),
        ("\"GET\", \"POST\"", "/generate/premium", "generate:advanced", "problem"),
    ] {
        let _ = write!(
            text,
            r#"
[[route]]
methods = [{methods}]
path = "{path}"
api = "demo"
scopes = ["{scope}"]
upstream = "model"
dialect = "{dialect}"
"#
        );
    }
    text
}

fn authority(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// A client that gets what it may without asking; one that was there before gets a new secret.
async fn visitor(
    directory: &Directory,
    name: &str,
    scopes: &str,
    resource: &Audience,
) -> Result<Visitor, Stop> {
    let scopes: Scopes = scopes.parse().map_err(Stop::cannot_run)?;
    let id: ClientId = name.parse().map_err(Stop::cannot_run)?;
    let mut chance = Chance;
    let added = if directory.client(&id).is_some() {
        let resource = resource.clone();
        let moved = directory.update(acting(&mut chance), &id, move |client| {
            client.scopes = scopes.iter().cloned().map(Into::into).collect();
            client.default_scope = Some(scopes);
            client.resources = vec![resource.clone()];
            client.default_resource = Some(resource);
        });
        moved.await.map_err(Stop::cannot_run)?;
        directory.rotate_secret(acting(&mut chance), &id, OVERLAP).await
    } else {
        let new = NewClient {
            id: Some(id.clone()),
            name: name.to_owned(),
            auth: NewAuth::Generated,
            grant_types: vec![GrantType::ClientCredentials],
            scopes: scopes.iter().cloned().map(Into::into).collect(),
            default_scope: Some(scopes),
            resources: vec![resource.clone()],
            default_resource: Some(resource.clone()),
            tenant: None,
            registration: Registration::default(),
            expires: None,
        };
        directory.add(acting(&mut chance), new).await
    };
    let secret = added.map_err(Stop::cannot_run)?.secret;
    secret
        .map(|secret| Visitor { id, secret })
        .ok_or_else(|| Stop::cannot_run("no secret was made"))
}

fn acting(chance: &mut Chance) -> Acting<'_> {
    Acting { actor: "demo", now: clock::now(), entropy: chance }
}
