//! `portcullis client add`

use super::{acting, app::AppFlags, certificate::CertificateFlags, refused, show};
use crate::{
    cli::{Format, House, Outcome, Stop, house},
    clock::Chance,
    config::{self, Config},
};
use clap::ValueEnum;
use portcullis_directory::{
    ClientKeys, ClientSecret, Directory, GrantType, NewAuth, NewClient, Registration,
};
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
///
/// An app that people sign in to has a --redirect-uri, and --identity for what it may learn about them. An
/// app on people's own machines keeps no secret: it is --public.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis client add my-app --api text --scope generate:basic
  portcullis client add 'Nightly batch' --id batch --api text --scope 'batch:*'
  portcullis client add partner --api text --scope generate:basic --jwks partner.jwks.json
  portcullis client add mesh-job --api text --scope generate:basic \
    --tls-san-uri spiffe://example.com/job
  portcullis client add notebook --redirect-uri https://notebook.example.com/back \
    --identity 'openid profile email' --first-party
  portcullis client add terminal --public --native --redirect-uri http://127.0.0.1/back \
    --identity openid --grant-type authorization_code --grant-type device_code
  portcullis client add the-api --introspects text
  portcullis client add moved --api text --scope generate:basic --secret-stdin < old-secret")]
pub(in crate::cli) struct Add {
    /// What people call it.
    name: String,
    /// Its client_id.
    #[arg(long)]
    id: Option<ClientId>,
    /// What it may ask for: a scope, or a wildcard such as model:*; may be repeated.
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ')]
    #[arg(required_unless_present_any = ["redirect_uri", "identity", "introspects"])]
    scope: Vec<Pattern>,
    /// An API that it may have tokens for, by name; may be repeated.
    #[arg(long, value_name = "NAME")]
    api: Vec<ApiName>,
    /// An API that it may have tokens for, by resource; may be repeated.
    #[arg(long, value_name = "URI")]
    resource: Vec<Audience>,
    /// What it gets if it asks for no scope; or, for a person, if it names an API and no scope of it (openid alone).
    #[arg(long, value_name = "SCOPES")]
    default_scope: Option<Scopes>,
    /// The API it gets a token for if it names none; without it, the first.
    #[arg(long, value_name = "URI")]
    default_resource: Option<Audience>,
    /// The customer it belongs to.
    #[arg(long)]
    tenant: Option<Tenant>,
    /// It proves nothing: a public client, such as an app on people's own machines or in their browsers.
    #[arg(long, conflicts_with_all = ["auth", "secret_stdin"])]
    public: bool,
    /// How it proves who it is; with a secret beside keys, the keys are for request objects and encryption.
    #[arg(long, value_enum)]
    auth: Option<Auth>,
    /// Its public keys, as a JWK Set; for private-key-jwt.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Where it publishes its public keys, in place of --jwks.
    #[arg(long, value_name = "URL", conflicts_with = "jwks")]
    jwks_uri: Option<String>,
    /// Take the secret from standard input, for a client that moves here with the one it has. It is kept as
    /// Argon2id, which costs every request some 20 ms; rotate it to one of ours when you can.
    #[arg(long)]
    secret_stdin: bool,
    #[command(flatten)]
    certificate: CertificateFlags,
    #[command(flatten)]
    app: Box<AppFlags>,
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
    pub(super) async fn run(
        mut self,
        house: &House,
        directory: &Directory,
        format: Format,
    ) -> Outcome {
        let config = &house.config;
        let keys = published_or(self.jwks.as_deref(), self.jwks_uri.as_deref())?;
        let (auth, keys) = self.credentials(keys)?;
        let resources = self.resources(config)?;
        check_scopes(&self.scope, config, &resources)?;
        self.app.check(house)?;
        let id = self.id.or_else(|| self.name.parse().ok());
        let mut registration = Registration { jwks: keys, ..Registration::default() };
        let mut grant_types = Vec::new();
        self.app.apply(&mut registration, &mut grant_types);
        if grant_types.is_empty() {
            grant_types = usual_grants(&registration);
        }
        let new = NewClient {
            id,
            name: self.name,
            auth,
            grant_types,
            default_scope: self.default_scope.or_else(|| default_scope(&self.scope)),
            default_resource: self.default_resource.or_else(|| resources.first().cloned()),
            scopes: self.scope,
            resources,
            tenant: self.tenant,
            registration,
            expires: None,
        };
        let added = directory.add(acting(&mut Chance, &house::actor()), new).await;
        show::added(&added.map_err(|fault| refused(fault, directory))?, format)
    }

    /// How it proves itself, and its keys if they are for something else.
    fn credentials(&self, keys: Option<ClientKeys>) -> Result<(NewAuth, Option<ClientKeys>), Stop> {
        if let Some(auth) = self.certificate.credentials()? {
            return Ok((auth, keys));
        }
        match (self.auth, keys) {
            (_, keys) if self.public => Ok((NewAuth::Public, keys)),
            (None, Some(_)) if self.secret_stdin => {
                Err(Stop::usage("a client proves itself with a secret or with keys")
                    .hint("add --auth secret-basic if the keys are for something else"))
            }
            (None | Some(Auth::PrivateKeyJwt), Some(keys)) => Ok((NewAuth::Keys(keys), None)),
            (Some(Auth::PrivateKeyJwt), None) => Err(Stop::usage(
                "private-key-jwt needs the client's public keys",
            )
            .hint("add --jwks FILE; 'portcullis jose generate --alg ES256' makes a key pair")),
            (_, keys) if self.secret_stdin => Ok((NewAuth::Chosen(chosen_secret()?), keys)),
            (_, keys) => Ok((NewAuth::Generated, keys)),
        }
    }

    /// The APIs that were named; the only one there is, if none was.
    fn resources(&self, config: &Config) -> Result<Vec<Audience>, Stop> {
        let named = resources(&self.api, &self.resource, config)?;
        match config.apis.as_slice() {
            _ if !named.is_empty() || self.scope.is_empty() => Ok(named),
            [only] => Ok(vec![only.resource.clone()]),
            _ => Err(Stop::usage("it is not said for which API")
                .hint("add --api NAME or --resource URI")),
        }
    }
}

/// An app that people come back to signs them in; another one acts for itself.
fn usual_grants(registration: &Registration) -> Vec<GrantType> {
    if registration.redirect_uris.is_empty() {
        vec![GrantType::ClientCredentials]
    } else {
        vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
    }
}

/// The keys in a file, or those at an address.
pub(super) fn published_or(
    file: Option<&Path>,
    uri: Option<&str>,
) -> Result<Option<ClientKeys>, Stop> {
    match (file, uri) {
        (Some(file), _) => keys(file).map(Some),
        (None, Some(uri)) => ClientKeys::published(uri).map(Some).map_err(Stop::refused),
        (None, None) => Ok(None),
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
