//! Everything at once, on loopback, in a directory that goes away: the same wiring as `serve`, from a
//! configuration file that is written like anybody else's.

mod clients;
mod command;
mod model;
mod notebook;
pub(crate) mod partners;
mod people;
mod welcome;

pub(crate) use command::Command;

use crate::{
    cli::{House, Stop, Who, config, create},
    clock::{self, Chance},
    config::Purpose,
    serve::{self, Listeners, Place, Running},
};
use clients::Visitor;
use people::Person;
use portcullis_directory::Acting;
use portcullis_keyring::{Act, KeyEncryptionKey};
use portcullis_types::{Audience, Ttl};
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
    pub(crate) app: u16,
}

/// A demo that runs.
pub(crate) struct Demo {
    config: PathBuf,
    issuer: String,
    gateway: String,
    admin: String,
    app: String,
    free: Visitor,
    premium: Visitor,
    people: Vec<Person>,
    running: Running,
    model: model::Running,
    notebook: notebook::Running,
    /// Gone when the demo is; `None` if it is to be kept.
    _directory: Option<TempDir>,
}

impl Demo {
    /// Starts everything; requests are answered from the moment this returns.
    pub(crate) async fn start(data: Option<&Path>, ports: Ports) -> Result<Self, Stop> {
        let [issuing, guarding, admitting, showing] = taken([
            ("--issuer-port", ports.issuer),
            ("--gateway-port", ports.gateway),
            ("--admin-port", ports.admin),
            ("--app-port", ports.app),
        ])?;
        let mut model = model::start()?;
        let (directory, path) = ground(data)?;
        let config_file = path.join("portcullis.toml");
        // Passkeys need a name, and cookies know no ports: the app must not share a host with the issuer.
        let issuer = issuing.url("localhost");
        let [gateway, admin, app] =
            [&guarding, &admitting, &showing].map(|taken| taken.url("127.0.0.1"));
        let upstream = model.url();
        write(&config_file, &configuration([&issuer, &gateway, &admin, &upstream]))?;
        key_file(&path.join("portcullis.key"))?;
        let house = House::of(config(&config_file, Purpose::Serve)?)?;
        let known = house.directory().await?;
        // Their passwords cost as much time as the issuer's RSA key: side by side.
        let people = tokio::spawn(people::invite(known.clone(), &people::PEOPLE));
        house.keys(house.issuer_keys(), Act::new("demo", clock::now(), &mut Chance)).await?;
        let resource = Audience::new(&gateway).map_err(Stop::cannot_run)?;
        let free = clients::service(&known, FREE, FREE_SCOPE, &resource).await?;
        let premium = clients::service(&known, PREMIUM, PREMIUM_SCOPE, &resource).await?;
        let settings = notebook::settings(&issuer, &app, &gateway)?;
        let client = clients::notebook(&known, &settings, &resource).await?;
        clients::command_line(&known, clients::EVERYTHING, &resource).await?;
        let people = people.await.map_err(Stop::cannot_run)??;
        let notebook = notebook::start(showing.listener, settings, &client)?;
        let listeners = Listeners {
            issuer: Some(issuing.listener),
            mtls: None,
            gateway: Some(guarding.listener),
            admin: Some(admitting.listener),
        };
        let running = serve::start(house, listeners).await?;
        model.trained().await?;
        Ok(Self {
            config: config_file,
            issuer,
            gateway,
            admin,
            app,
            free,
            premium,
            people,
            running,
            model,
            notebook,
            _directory: directory,
        })
    }

    /// What is shown of it, and told to a command.
    pub(crate) fn shown(&self) -> Shown {
        Shown {
            config: self.config.clone(),
            page: self.welcome(),
            facts: self.facts(),
            environment: self.environment(),
        }
    }

    /// Stops everything, and takes the directory away if it is nobody's.
    pub(crate) async fn stop(self) {
        self.notebook.stop().await;
        self.running.stop().await;
        self.model.stop().await;
    }
}

/// What a demo shows when it is ready, and what it tells a command.
pub(crate) struct Shown {
    /// Where commands find it.
    pub(crate) config: PathBuf,
    /// For people.
    pub(crate) page: String,
    /// For programs.
    pub(crate) facts: serde_json::Value,
    /// For a command that runs meanwhile.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A port on this machine that is ours.
struct Taken {
    listener: TcpListener,
    port: u16,
}

impl Taken {
    /// As `host` reaches it.
    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }
}

/// Takes ports, each named by its flag.
fn taken<const N: usize>(all: [(&'static str, u16); N]) -> Result<[Taken; N], Stop> {
    for (place, one) in all.iter().enumerate() {
        let same = |other: &&(&str, u16)| other.1 == one.1 && one.1 != 0;
        if let Some(other) = all.iter().take(place).find(same) {
            let both = format!("{} and {} are both {}", other.0, one.0, one.1);
            return Err(Stop::usage(both).hint("each needs a port of its own; 0 takes any"));
        }
    }
    let take = |(flag, port)| {
        let listener = serve::bind(loopback(port), Place::Flag(flag))?;
        let port = listener.local_addr().map_err(Stop::cannot_run)?.port();
        Ok(Taken { listener, port })
    };
    let taken: Vec<Taken> = all.into_iter().map(take).collect::<Result<_, Stop>>()?;
    taken.try_into().map_err(|_| Stop::cannot_run("a port was lost"))
}

/// A key-encryption key in that file, unless it is there.
fn key_file(key: &Path) -> Result<(), Stop> {
    if key.exists() {
        return Ok(());
    }
    create(key, &KeyEncryptionKey::generate(&mut Chance), Who::Owner)
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
    text.push_str(people::ROLES);
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

/// Where to listen: on this machine alone, whatever it is called.
fn authority(url: &str) -> String {
    url.trim_start_matches("http://").replace("localhost", "127.0.0.1")
}

fn acting(chance: &mut Chance) -> Acting<'_> {
    Acting { actor: "demo", now: clock::now(), entropy: chance }
}
