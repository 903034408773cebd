//! What the gateway was told to do: typed, checked, immutable. The binary builds it from the
//! configuration file.

use http::{HeaderName, HeaderValue, Method, uri::Authority};
use ipnet::IpNet;
use portcullis_types::{ApiName, Audience, Scopes, Tenant, Ttl};
use portcullis_web::CertificateHeader;
use rustls::RootCertStore;
use std::{fmt, sync::Arc};

pub use portcullis_verify::{Demand, Dialect, Need};

/// The whole of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The public base URL, as clients write it, without a trailing slash.
    pub url: String,
    /// Threads that proxy, each with an event loop, a pool and a token cache of its own.
    pub workers: usize,
    /// How many verified tokens each worker remembers; 0 turns the cache off.
    pub token_cache: usize,
    /// The proxies in front. Without TLS, nobody else is answered, but for this machine.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they hand the certificates of clients on, if they do.
    pub client_certificate_header: Option<CertificateHeader>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// The APIs behind this gateway.
    pub apis: Vec<Api>,
    /// Where requests go.
    pub upstreams: Vec<Upstream>,
    /// Which requests may pass at all, and on what terms.
    pub routes: Vec<Route>,
    /// The models that requests may name.
    pub models: Models,
    /// The largest body that is read before it goes on, in bytes.
    pub body_limit: u64,
}

/// The models that requests may name.
#[derive(Clone, Debug, Default)]
pub struct Models(Vec<Model>);

/// A model, or several whose names begin alike.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name; with an asterisk at the end, how the names begin.
    pub name: String,
    /// Its class, which policies speak of.
    pub class: Option<String>,
    /// The tenant that owns it; `None` if it is everybody's.
    pub tenant: Option<Tenant>,
}

impl Models {
    /// A model that is named in full comes before all patterns, and of two patterns the longer one.
    pub fn new(mut models: Vec<Model>) -> Self {
        models
            .sort_by_key(|model| (model.name.ends_with('*'), std::cmp::Reverse(model.name.len())));
        Self(models)
    }

    /// What is known of that model, byte by byte; `None`: nothing.
    pub fn find(&self, name: &str) -> Option<&Model> {
        self.0.iter().find(|model| match model.name.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => model.name == name,
        })
    }
}

/// Where a route's requests say what they are about, besides their path: what a policy and the
/// `authorization_details` of tokens need to know. Only then, and of methods that have one, the body is read
/// before it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// Nowhere.
    #[default]
    Nothing,
    /// As OpenAI's API has it: `model`.
    OpenAi,
    /// As Anthropic's API has it: `model`.
    Anthropic,
    /// As MCP has it: the tool that is called (JSON-RPC).
    Mcp {
        /// What policies call the server.
        server: Box<str>,
    },
}

/// How long things may take. A stream may run for as long as its parts keep coming.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// A request's headers, from the first byte: the defence against slow senders.
    pub request_headers: Ttl,
    /// A connection to an upstream.
    pub connect: Ttl,
    /// From the request to the first byte of the answer.
    pub response_headers: Ttl,
    /// Between two parts of a body.
    pub idle: Ttl,
    /// For requests under way when the gateway is asked to stop.
    pub drain: Ttl,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_headers: Ttl::seconds(30),
            connect: Ttl::seconds(2),
            response_headers: Ttl::seconds(60),
            idle: Ttl::seconds(120),
            drain: Ttl::seconds(30),
        }
    }
}

/// An API: a resource with an audience of its own.
#[derive(Clone, Debug)]
pub struct Api {
    /// The operator's name for it.
    pub name: ApiName,
    /// The `aud` of its tokens and the `resource` of its metadata.
    pub resource: Audience,
    /// A name for people (RFC 9728 `resource_name`).
    pub title: Option<String>,
    /// What its tokens may hold.
    pub scopes: Scopes,
    /// The tenant it belongs to, if it is one tenant's own.
    pub tenant: Option<Tenant>,
    /// What all of its routes demand besides scopes.
    pub demand: Demand,
    /// Who issues its tokens (RFC 9728 `authorization_servers`).
    pub issuers: Vec<String>,
}

/// One line of the table of what may pass.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name in records and metrics: normally the path pattern.
    pub name: String,
    /// The methods.
    pub methods: Vec<Method>,
    /// The path: `{name}` captures a segment, `{*rest}` the rest; `{tenant}` must be the token's.
    pub path: String,
    /// An index into [`Settings::apis`].
    pub api: usize,
    /// Who may pass.
    pub access: Access,
    /// What it demands besides scopes, on top of what its API does.
    pub demand: Demand,
    /// An index into [`Settings::upstreams`].
    pub upstream: usize,
    /// The path to ask the upstream for, if not the same.
    pub upstream_path: Option<String>,
    /// How refusals are said.
    pub dialect: Dialect,
    /// Where its requests say what they are about. `{model}` and `{dataset}` in the path say it too.
    pub reads: Reads,
}

/// Who may pass.
#[derive(Clone, Debug)]
pub enum Access {
    /// Anyone. Said in so many words in the configuration; never a default.
    Public,
    /// Who shows a token with all of these scopes.
    Scoped(Scopes),
}

/// A server behind the gateway.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The operator's name for it.
    pub name: ApiName,
    /// Whether to speak TLS to it.
    pub scheme: Scheme,
    /// Host and port.
    pub authority: Authority,
    /// A path before every path, without a trailing slash; mostly empty.
    pub base_path: String,
    /// What it is shown instead of the caller's token.
    pub credential: Credential,
    /// Who may vouch for it, if it is reached by TLS.
    pub authorities: Authorities,
}

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub enum Authorities {
    /// The certificate authorities of the system; Mozilla's, if it has none.
    System,
    /// These, and no other.
    Only(Arc<RootCertStore>),
}

/// Plain or encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// No TLS.
    Http,
    /// TLS, verified against [`Upstream::authorities`].
    Https,
}

/// What an upstream is shown. Never the caller's token.
#[derive(Clone)]
pub enum Credential {
    /// Nothing.
    None,
    /// The gateway's own key for it.
    Header {
        /// Such as `authorization` or `x-api-key`.
        name: HeaderName,
        /// The whole value, marked sensitive.
        value: HeaderValue,
    },
    /// A short access token made for this request's caller: `iss` is the gateway, `aud` is this.
    Identity {
        /// The upstream's own audience.
        audience: Arc<str>,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Header { name, .. } => write!(f, "Header({name}: …)"),
            Self::Identity { audience } => write!(f, "Identity({audience})"),
        }
    }
}
