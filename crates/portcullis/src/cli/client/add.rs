//! `portcullis client add`

use super::{acting, certificate::CertificateFlags, refused, show};
use crate::{
    cli::{Format, House, Outcome, Stop, house},
    clock::Chance,
    config::{self, Config},
};
use clap::ValueEnum;
use portcullis_directory::{ClientKeys, ClientSecret, Directory, GrantType, NewAuth, NewClient};
use portcullis_types::{ApiName, Audience, ClientId, Pattern, Scope, Scopes, Tenant};
use secrecy::{ExposeSecret, SecretString};
use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// More than any secret has, in bytes.
const LONGEST_SECRET: u64 = 4096;

/// Register a client; its secret is shown this once.
///
/// A client may ask for what --scope lists, for tokens of the APIs that --api or --resource name.
///
/// NAME becomes its client_id too, if it can be one and --id names no other. A client that asks for no
/// scope gets --default-scope; without it, every --scope that is neither a wildcard nor privileged.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis client add my-app --api text --scope generate:basic
  portcullis client add 'Nightly batch' --id batch --api text --scope 'batch:*'
  portcullis client add partner --api text --scope generate:basic --jwks partner.jwks.json
  portcullis client add mesh-job --api text --scope generate:basic \
    --tls-san-uri spiffe://example.com/job
  portcullis client add moved --api text --scope generate:basic --secret-stdin < old-secret")]
pub(in crate::cli) struct Add {
    /// What people call it.
    name: String,
    /// Its client_id.
    #[arg(long)]
    id: Option<ClientId>,
    /// What it may ask for: a scope, or a wildcard such as model:*; may be repeated.
    #[arg(long, required = true, value_name = "SCOPE", value_delimiter = ' ')]
    scope: Vec<Pattern>,
    /// An API that it may have tokens for, by name; may be repeated.
    #[arg(long, value_name = "NAME")]
    api: Vec<ApiName>,
    /// An API that it may have tokens for, by resource; may be repeated.
    #[arg(long, value_name = "URI")]
    resource: Vec<Audience>,
    /// What it gets if it asks for no scope.
    #[arg(long, value_name = "SCOPES")]
    default_scope: Option<Scopes>,
    /// The API it gets a token for if it names none; without it, the first.
    #[arg(long, value_name = "URI")]
    default_resource: Option<Audience>,
    /// The customer it belongs to.
    #[arg(long)]
    tenant: Option<Tenant>,
    /// How it proves who it is.
    #[arg(long, value_enum)]
    auth: Option<Auth>,
    /// Its public keys, as a JWK Set; for private-key-jwt.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Take the secret from standard input, for a client that moves here with the one it has. It is kept as
    /// Argon2id, which costs every request some 20 ms; rotate it to one of ours when you can.
    #[arg(long, conflicts_with = "jwks")]
    secret_stdin: bool,
    #[command(flatten)]
    certificate: CertificateFlags,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// A secret in the Authorization header.
    SecretBasic,
    /// A secret in the body.
    SecretPost,
    /// A signed assertion (RFC 7523), with keys that only it has.
    PrivateKeyJwt,
}

impl Add {
    pub(super) async fn run(self, house: &House, directory: &Directory, format: Format) -> Outcome {
        let config = &house.config;
        let auth = self.credentials()?;
        let resources = self.resources(config)?;
        check_scopes(&self.scope, config, &resources)?;
        let id = self.id.or_else(|| self.name.parse().ok());
        let new = NewClient {
            id,
            name: self.name,
            auth,
            grant_types: vec![GrantType::ClientCredentials],
            default_scope: self.default_scope.or_else(|| default_scope(&self.scope)),
            default_resource: self.default_resource.or_else(|| resources.first().cloned()),
            scopes: self.scope,
            resources,
            tenant: self.tenant,
        };
        let added = directory.add(acting(&mut Chance, &house::actor()), new).await;
        show::added(&added.map_err(|fault| refused(fault, directory))?, format)
    }

    fn credentials(&self) -> Result<NewAuth, Stop> {
        if let Some(auth) = self.certificate.credentials()? {
            return Ok(auth);
        }
        match (self.auth, &self.jwks) {
            (None | Some(Auth::PrivateKeyJwt), Some(file)) => Ok(NewAuth::Keys(keys(file)?)),
            (Some(Auth::PrivateKeyJwt), None) => Err(Stop::usage(
                "private-key-jwt needs the client's public keys",
            )
            .hint("add --jwks FILE; 'portcullis jose generate --alg ES256' makes a key pair")),
            (Some(Auth::SecretBasic | Auth::SecretPost), Some(_)) => {
                Err(Stop::usage("a client has either a secret or keys")
                    .hint("leave out --jwks, or --auth"))
            }
            (_, None) if self.secret_stdin => Ok(NewAuth::Chosen(chosen_secret()?)),
            (_, None) => Ok(NewAuth::Generated),
        }
    }

    /// The APIs that were named; the only one there is, if none was.
    fn resources(&self, config: &Config) -> Result<Vec<Audience>, Stop> {
        let named = resources(&self.api, &self.resource, config)?;
        match config.apis.as_slice() {
            _ if !named.is_empty() => Ok(named),
            [only] => Ok(vec![only.resource.clone()]),
            _ => Err(Stop::usage("it is not said for which API")
                .hint("add --api NAME or --resource URI")),
        }
    }
}

/// A secret that somebody else made; one line.
fn chosen_secret() -> Result<ClientSecret, Stop> {
    let mut line = String::new();
    let read = std::io::stdin().take(LONGEST_SECRET).read_to_string(&mut line);
    read.map_err(|fault| Stop::cannot_run(format!("cannot read the secret: {fault}")))?;
    let line = SecretString::from(line);
    ClientSecret::chosen(line.expose_secret().trim_end_matches(['\r', '\n'])).map_err(Stop::refused)
}

/// The public keys in a file.
pub(super) fn keys(file: &Path) -> Result<ClientKeys, Stop> {
    let text = std::fs::read_to_string(file)
        .map_err(|fault| Stop::cannot_run(format!("cannot read {}: {fault}", file.display())))?;
    ClientKeys::parse(&text).map_err(|fault| Stop::refused(format!("{}: {fault}", file.display())))
}

/// The resources of APIs that are configured, each once, in the order in which they were given.
pub(super) fn resources(
    names: &[ApiName],
    given: &[Audience],
    config: &Config,
) -> Result<Vec<Audience>, Stop> {
    let mut resources: Vec<Audience> = Vec::new();
    let by_name = names.iter().map(|name| (name.as_str(), config.api(name.as_str())));
    let find = |resource: &Audience| config.apis.iter().find(|api| api.resource == *resource);
    let by_resource = given.iter().map(|resource| (resource.as_str(), find(resource)));
    for (name, api) in by_name.chain(by_resource) {
        let api = api.ok_or_else(|| unknown_api(name, config))?;
        if !resources.contains(&api.resource) {
            resources.push(api.resource.clone());
        }
    }
    Ok(resources)
}

/// A right that no token of these APIs can have would be a promise that is never kept.
pub(super) fn check_scopes(
    patterns: &[Pattern],
    config: &Config,
    resources: &[Audience],
) -> Result<(), Stop> {
    let apis = config.apis.iter().filter(|api| resources.contains(&api.resource));
    let offered: Scopes = apis.flat_map(|api| api.scopes.iter().cloned()).collect();
    let offered = config.registry.closure(&offered);
    for pattern in patterns {
        if let Ok(scope) = pattern.to_string().parse::<Scope>() {
            config.registry.known(&scope).map_err(Stop::refused)?;
        }
        if !offered.iter().any(|scope| pattern.matches(scope)) && !spans_one(pattern, &offered) {
            let offers: Vec<_> = offered.iter().map(ToString::to_string).collect();
            return Err(Stop::refused(format!("no token for these APIs can have '{pattern}'"))
                .hint(format!("they offer {}", offers.join(", "))));
        }
    }
    Ok(())
}

/// Whether some offered scope is wider than the pattern: `mcp:call` than `mcp:call/github`.
fn spans_one(pattern: &Pattern, offered: &Scopes) -> bool {
    let text = pattern.to_string();
    let narrow = text.trim_end_matches("/*").parse::<Scope>();
    narrow
        .is_ok_and(|narrow| offered.iter().any(|wide| Pattern::from(wide.clone()).matches(&narrow)))
}

fn default_scope(patterns: &[Pattern]) -> Option<Scopes> {
    let exact = patterns.iter().filter_map(|pattern| pattern.to_string().parse::<Scope>().ok());
    let ordinary: Scopes = exact.filter(|scope| !scope.is_privileged()).collect();
    (!ordinary.is_empty()).then_some(ordinary)
}

fn unknown_api(name: &str, config: &Config) -> Stop {
    let names: Vec<&str> = config.apis.iter().map(|api| api.name.as_str()).collect();
    let resources: Vec<&str> = config.apis.iter().map(|api| api.resource.as_str()).collect();
    let stop = Stop::refused(format!("there is no API '{name}' in {}", config.file.display()));
    match config::did_you_mean(name, names.iter().chain(&resources).copied()) {
        Some(hint) => stop.hint(hint),
        None if names.is_empty() => stop.hint("add an [[api]] there"),
        None => stop.hint(format!("there are: {}", names.join(", "))),
    }
}
