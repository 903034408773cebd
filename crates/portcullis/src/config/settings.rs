//! The configuration as the program uses it: checked, typed, with nothing left to doubt.

use super::findings::Place;
use ipnet::IpNet;
use portcullis_directory::{GrantSettings, PeopleSettings, Tiers};
use portcullis_gateway::settings::{Models, Reads};
use portcullis_issuer::upstream::Provider;
use portcullis_issuer::{Documents, DpopNonce, Registrations};
use portcullis_jose::Alg;
use portcullis_policy::{
    OpaSettings, Point, SurroundingsSettings,
    source::{Place as PolicyOrigin, Trusted},
};
use portcullis_store::PostgresSettings;
use portcullis_types::{ApiName, Audience, Issuer, Registry, Scopes, Tenant, Ttl};
use portcullis_verify::{Apis, Demand, Speaks};
use portcullis_web::CertificateHeader;
use std::{net::SocketAddr, path::PathBuf};
use url::Url;

/// Everything in `portcullis.toml`.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file it came from.
    pub(crate) file: PathBuf,
    /// Where the database lies, unless it is on a server.
    pub(crate) data_dir: PathBuf,
    /// The database server, if there is one.
    pub(crate) store: Option<DatabaseServer>,
    /// What the private keys are encrypted with.
    pub(crate) key_encryption_key: SecretSource,
    /// The issuer that runs here, if one does.
    pub(crate) issuer: Option<Issuing>,
    /// What tokens are issued for, and what is guarded.
    pub(crate) apis: Vec<Api>,
    /// The gateway that runs here, if one does.
    pub(crate) gateway: Option<Gateway>,
    /// Where health and metrics are served.
    pub(crate) admin: Option<Admin>,
    /// Whose tokens the gateway accepts, besides our own issuer's.
    pub(crate) trusts: Vec<Trust>,
    /// What stands behind the gateway.
    pub(crate) upstreams: Vec<Upstream>,
    /// What the gateway lets through, and to where.
    pub(crate) routes: Vec<Route>,
    /// Whom people may sign in with besides ourselves.
    pub(crate) identity_providers: Vec<IdentityProvider>,
    /// What people may have, how they sign in, how they are written to.
    pub(crate) people: People,
    /// What tenants may have for what they pay.
    pub(crate) tiers: Tiers,
    /// The rules in Rego that are asked, if any are.
    pub(crate) policy: Option<Policing>,
    /// Every scope that exists here.
    pub(crate) registry: Registry,
}

/// `[policy]`.
#[derive(Clone, Debug)]
pub(crate) struct Policing {
    /// Where bundles come from, besides the command line.
    pub(crate) source: Option<PolicySource>,
    /// Who must have signed them; `None`: nobody needs to.
    pub(crate) trusted: Option<Trusted>,
    /// Where they are asked.
    pub(crate) points: Vec<Point>,
    /// Who is asked instead of the engine here.
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// The policies that decide in shadow, whatever the database says.
    pub(crate) shadow: Option<PathBuf>,
    /// The clock, the networks and the map that policies see.
    pub(crate) surroundings: SurroundingsSettings,
}

/// `[policy.opa.POINT]`: a policy server, and where it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    pub(crate) point: Point,
    /// All but the token.
    pub(crate) settings: OpaSettings,
    pub(crate) token: Option<SecretSource>,
}

/// Where bundles come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PolicySource {
    /// Files, looked at every second.
    Directory(PathBuf),
    /// A server.
    Remote(RemotePolicies),
}

/// A server that is polled for bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemotePolicies {
    pub(crate) place: PolicyOrigin,
    pub(crate) poll: Ttl,
    pub(crate) bearer_token: Option<SecretSource>,
    /// Authorities that are believed besides those of the system.
    pub(crate) ca_file: Option<PathBuf>,
}

/// `[roles.NAME]`, `[groups]`, `[sign_in]` and `[mail]`.
#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) settings: PeopleSettings,
    pub(crate) mail: Mail,
}

/// `[mail]`.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// Whom it comes from, if not from `no-reply` at the issuer's host.
    pub(crate) from: Option<String>,
    /// Where it goes, if not into the folder `mail` in `data_dir`.
    pub(crate) to: Option<MailTo>,
}

/// Where mail goes.
#[derive(Clone, Debug)]
pub(crate) enum MailTo {
    /// A server, and where its password is.
    Smtp(String, Option<SecretSource>),
    /// A folder.
    Folder(PathBuf),
    /// Standard error.
    Console,
}

/// `[[identity_provider]]`.
#[derive(Debug)]
pub(crate) struct IdentityProvider {
    /// Where it stands in the file.
    pub(crate) place: Place,
    /// Everything but the secret.
    pub(crate) provider: Provider,
    /// Where the secret is.
    pub(crate) client_secret: Option<SecretSource>,
}

/// `[store]`.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseServer {
    pub(crate) settings: PostgresSettings,
    pub(crate) password: Option<SecretSource>,
    /// Where its URL stands in the file.
    pub(crate) place: Place,
}

/// Where a secret is, never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// The whole content of a file, without white space around it.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// `[issuer]`.
#[derive(Debug)]
pub(crate) struct Issuing {
    pub(crate) url: Issuer,
    pub(crate) listen: SocketAddr,
    pub(crate) access_token_ttl: Ttl,
    /// How long what people grant lives.
    pub(crate) grants: GrantSettings,
    /// Whether DPoP proofs must hold a nonce.
    pub(crate) dpop_nonce: DpopNonce,
    pub(crate) keys: KeyPolicy,
    pub(crate) tls: Option<Tls>,
    /// Whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The header in which they hand certificates on.
    pub(crate) client_certificate_header: Option<CertificateHeader>,
    /// Who vouches for the certificates of clients.
    pub(crate) client_ca: Option<PathBuf>,
    /// Where certificates are asked for, if not at `url`.
    pub(crate) mtls: Option<Mtls>,
    /// Apps that nobody registered by hand.
    pub(crate) admission: Admission,
}

/// `[issuer.registration]`, `[issuer.client_documents]`, `[issuer.outgoing]`.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    pub(crate) registrations: Option<Registrations>,
    pub(crate) documents: Option<Documents>,
    /// Authorities that are believed besides those of the system, when apps' documents are fetched.
    pub(crate) ca_file: Option<PathBuf>,
    /// Special-use networks that may be called for them all the same.
    pub(crate) private_networks: Vec<IpNet>,
}

/// `mtls_url` and `mtls_listen`.
#[derive(Debug)]
pub(crate) struct Mtls {
    /// Without a slash at its end.
    pub(crate) url: String,
    /// `None`: a proxy listens there.
    pub(crate) listen: Option<SocketAddr>,
}

/// `[admin]`.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) listen: SocketAddr,
    pub(crate) tls: Option<Tls>,
    /// Who may speak in the clear from elsewhere.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

/// How our keys come and go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyPolicy {
    /// A key signs for this long.
    pub(crate) rotate_every: Ttl,
    /// A key is published this long before it signs.
    pub(crate) publish_before: Ttl,
    /// A key stays published this long after it signed last.
    pub(crate) retire_after: Ttl,
}

/// How an API says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
    Problem,
}

/// `[[api]]`.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) name: ApiName,
    pub(crate) resource: Audience,
    pub(crate) title: String,
    pub(crate) scopes: Scopes,
    pub(crate) signing_alg: Alg,
    pub(crate) access_token_ttl: Option<Ttl>,
    pub(crate) tenant: Option<Tenant>,
    /// What all of its routes demand besides scopes.
    pub(crate) demand: Demand,
    pub(crate) dialect: Dialect,
}

/// `[gateway]`.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) url: Url,
    pub(crate) listen: SocketAddr,
    /// `None`: one for each core.
    pub(crate) workers: Option<usize>,
    /// Tokens that each worker remembers; 0 turns it off.
    pub(crate) token_cache: usize,
    pub(crate) tls: Option<Tls>,
    /// Who may speak in the clear from elsewhere, and hand certificates on.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The header in which they do.
    pub(crate) client_certificate_header: Option<CertificateHeader>,
    pub(crate) audit_flush: Ttl,
    /// The largest body that is read before it goes on, in bytes.
    pub(crate) body_limit: u64,
    /// The models that requests may name.
    pub(crate) models: Models,
    pub(crate) timeouts: Timeouts,
}

/// Where certificate chain and private key are, both PEM, and what is asked of clients.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client_certificates: ClientCertificates,
    pub(crate) client_ca: Option<PathBuf>,
}

/// Whether clients are asked for certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientCertificates {
    /// They are not.
    None,
    /// Whoever has one may show it, whoever made it.
    Ask,
    /// Nobody connects without one that `client_ca` vouches for.
    Require,
}

/// How long the gateway waits for an upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) connect: Ttl,
    pub(crate) headers: Ttl,
    pub(crate) idle: Ttl,
}

/// `[[trust]]`.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) issuer: Issuer,
    pub(crate) keys: TrustKeys,
    pub(crate) algs: Vec<Alg>,
    pub(crate) typ: Vec<String>,
    pub(crate) profile: Profile,
    pub(crate) apis: Apis,
    pub(crate) speaks: Speaks,
    pub(crate) max_lifetime: Ttl,
    pub(crate) leeway: Ttl,
    pub(crate) private_network: PrivateNetwork,
    pub(crate) revocations: Hears,
}

/// Whether we hear what an issuer elsewhere has revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hears {
    /// No: its tokens end when they expire.
    Nothing,
    /// By asking there every second. A list older than `max_age` vouches for nobody.
    From { url: Url, max_age: Ttl },
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub(crate) enum TrustKeys {
    Discovery,
    Uri(Url),
    File(PathBuf),
}

/// Which shape an issuer's tokens have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// RFC 9068.
    Rfc9068,
    /// From before it.
    Legacy,
}

/// Whether keys may be fetched from a private address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrivateNetwork {
    Allowed,
    Refused,
}

/// `[[upstream]]`.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: ApiName,
    pub(crate) url: Url,
    pub(crate) credential: Option<Credential>,
    pub(crate) authorities: Authorities,
}

/// Who may vouch for an upstream that is reached by https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authorities {
    /// Those of the system.
    System,
    /// Those in a PEM file, and no other.
    Only(PathBuf),
}

/// What the gateway shows an upstream in place of the caller's token.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// A secret of the upstream's making, in a header.
    Header { name: String, prefix: String, secret: SecretSource },
    /// A short token of the gateway's own making, for that audience.
    Identity(Audience),
}

/// `[[route]]`.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) methods: Vec<String>,
    pub(crate) path: String,
    pub(crate) api: ApiName,
    pub(crate) access: Access,
    /// What it demands besides, on top of what its API does.
    pub(crate) demand: Demand,
    pub(crate) upstream: ApiName,
    pub(crate) upstream_path: Option<String>,
    pub(crate) dialect: Option<Dialect>,
    /// Where its requests say what they are about, if not as the dialect has it.
    pub(crate) reads: Option<Reads>,
}

/// Who may use a route.
#[derive(Debug)]
pub(crate) enum Access {
    /// Everybody.
    Public,
    /// Who holds a token for its API with all of these scopes.
    Scoped(Scopes),
}

impl KeyPolicy {
    /// Ninety days, published a day before, and for as long as a token may live after.
    pub(crate) fn usual(longest: Ttl) -> Self {
        let day = Ttl::seconds(86_400);
        Self {
            rotate_every: Ttl::seconds(90 * 86_400),
            publish_before: day,
            retire_after: day.max(Ttl::seconds(longest.as_seconds() + 300)),
        }
    }
}

impl Config {
    /// The API of that name.
    pub(crate) fn api(&self, name: &str) -> Option<&Api> {
        self.apis.iter().find(|api| api.name.as_str() == name)
    }

    /// Whether the gateway shows identities of its own making to some upstream.
    pub(crate) fn shows_identities(&self) -> bool {
        self.upstreams
            .iter()
            .any(|upstream| matches!(upstream.credential, Some(Credential::Identity(_))))
    }

    /// The one database file, unless there is a server.
    pub(crate) fn database_file(&self) -> PathBuf {
        self.data_dir.join("portcullis.db")
    }

    /// The database as people are told of it.
    pub(crate) fn database(&self) -> String {
        match &self.store {
            Some(server) => server.settings.to_string(),
            None => self.database_file().display().to_string(),
        }
    }

    /// The longest life of any token issued here.
    pub(crate) fn longest_ttl(&self) -> Ttl {
        let own = self.issuer.as_ref().map(|issuer| issuer.access_token_ttl);
        let apis = self.apis.iter().filter_map(|api| api.access_token_ttl);
        own.into_iter().chain(apis).max().unwrap_or(Ttl::seconds(900))
    }

    /// How keys come and go: as `[issuer]` says, or as usual.
    pub(crate) fn key_policy(&self) -> KeyPolicy {
        self.issuer
            .as_ref()
            .map_or_else(|| KeyPolicy::usual(self.longest_ttl()), |issuer| issuer.keys)
    }
}
