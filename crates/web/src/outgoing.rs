//! The one outgoing client (OWASP API7, RFC 8725 §3.10): https, judged and pinned addresses, no
//! redirects, no proxy from the environment, no cookies, bounded in bytes and in time.

use crate::{
    FetchFault, OutgoingPolicy,
    freshness::max_age,
    resolver::{Guarded, LookUp, system},
    roots::tls_roots,
};
use portcullis_types::Ttl;
use reqwest::{
    Client, Response,
    header::{ACCEPT, CONTENT_TYPE, HeaderName, LOCATION},
    redirect,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};
use std::sync::Arc;
use url::Url;

/// For a whole fetch, from look-up to last byte.
pub const TIME_OUT: Ttl = Ttl::seconds(3);

/// For look-up, connection and TLS handshake.
pub const CONNECT_TIME_OUT: Ttl = Ttl::from_millis(1500);

const ACCEPTED: &str = "application/json, application/jwk-set+json";

/// Fetches small JSON documents from addresses that others chose. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outgoing {
    policy: Arc<OutgoingPolicy>,
    client: Client,
}

/// The client could not be made: TLS is not usable on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the outgoing HTTP client cannot be set up: {0}")]
pub struct UnusableClient(String);

impl From<reqwest::Error> for UnusableClient {
    fn from(error: reqwest::Error) -> Self {
        Self(error.to_string())
    }
}

/// An answer. `body` is valid JSON of at most the asked size if `status` is a success, else empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// HTTP status, never a redirect.
    pub status: u16,
    /// The JSON text.
    pub body: bytes::Bytes,
    /// How long the server calls it fresh, from now.
    pub max_age: Option<Ttl>,
}

/// What came of [`Outgoing::ask`].
#[derive(Debug)]
pub enum Answered {
    /// An answer, whatever its status.
    Here(http::Response<bytes::Bytes>),
    /// Nothing but the word that it is there; nobody has judged yet whether that may be called.
    Elsewhere(Url),
}

enum Exchanged {
    Answer(http::Response<bytes::Bytes>),
    Redirect { from: Url, response: Response },
}

impl Outgoing {
    /// A client that resolves names as the operating system does and trusts the certificate authorities
    /// of the system (`SSL_CERT_FILE`, `SSL_CERT_DIR`); Mozilla's list, if the system has none.
    pub fn new(policy: OutgoingPolicy) -> Result<Self, UnusableClient> {
        Self::resolving_with(policy, system())
    }

    /// As [`Outgoing::new`], with another source of addresses. Its answers are judged all the same.
    pub fn resolving_with(policy: OutgoingPolicy, look_up: LookUp) -> Result<Self, UnusableClient> {
        Self::with(policy, look_up, tls_roots())
    }

    /// As [`Outgoing::new`], and believes these certificate authorities as well: the company's own.
    pub fn trusting(
        policy: OutgoingPolicy,
        authorities: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, UnusableClient> {
        let mut roots = tls_roots();
        for authority in authorities {
            roots.add(authority).map_err(|fault| UnusableClient(fault.to_string()))?;
        }
        Self::with(policy, system(), roots)
    }

    fn with(
        policy: OutgoingPolicy,
        look_up: LookUp,
        roots: RootCertStore,
    ) -> Result<Self, UnusableClient> {
        let policy = Arc::new(policy);
        let client = Client::builder()
            .tls_backend_preconfigured(trusting(roots)?)
            .dns_resolver(Arc::new(Guarded { policy: Arc::clone(&policy), look_up }))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .timeout(TIME_OUT.duration())
            .connect_timeout(CONNECT_TIME_OUT.duration())
            .pool_max_idle_per_host(1)
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { policy, client })
    }

    /// What may be called.
    pub fn policy(&self) -> &OutgoingPolicy {
        &self.policy
    }

    /// Gets a JSON document of at most `limit_bytes`. Does not look at what the JSON says.
    pub async fn get_json(&self, url: &Url, limit_bytes: usize) -> Result<Fetched, FetchFault> {
        self.policy.admit(url)?;
        let fetch = self.fetch(url, limit_bytes);
        // The client's own time-out covers the same span; this one needs no trust in it.
        tokio::time::timeout(TIME_OUT.duration(), fetch).await.unwrap_or(Err(FetchFault::TimedOut))
    }

    /// Sends `request`, whatever its method, and reads at most `limit_bytes` of the answer, whatever its
    /// status and type. A redirect is a fault.
    pub async fn call(
        &self,
        request: http::Request<Vec<u8>>,
        limit_bytes: usize,
    ) -> Result<http::Response<bytes::Bytes>, FetchFault> {
        match self.exchange(request, limit_bytes).await? {
            Exchanged::Answer(answer) => Ok(answer),
            Exchanged::Redirect { from, response } => {
                let (status, origin) = (response.status().as_u16(), target(&from, &response));
                Err(FetchFault::Redirect { status, origin })
            }
        }
    }

    /// As [`Outgoing::call`], and says where a redirect leads, for whoever can tell from what comes there whether
    /// it is right. Whoever follows sends no credentials along.
    pub async fn ask(
        &self,
        request: http::Request<Vec<u8>>,
        limit_bytes: usize,
    ) -> Result<Answered, FetchFault> {
        match self.exchange(request, limit_bytes).await? {
            Exchanged::Answer(answer) => Ok(Answered::Here(answer)),
            Exchanged::Redirect { from, response } => {
                let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                let status = response.status().as_u16();
                let to = location.and_then(|to| from.join(to).ok());
                to.map(Answered::Elsewhere).ok_or(FetchFault::Redirect { status, origin: None })
            }
        }
    }

    async fn exchange(
        &self,
        request: http::Request<Vec<u8>>,
        limit_bytes: usize,
    ) -> Result<Exchanged, FetchFault> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| FetchFault::NoHost)?;
        self.policy.admit(&url)?;
        let request = self.client.request(parts.method, url.clone()).headers(parts.headers);
        let host = url.host_str().unwrap_or_default().to_owned();
        let exchange = async {
            let response = request.body(body).send().await;
            let response = response.map_err(|error| FetchFault::from_error(&host, &error))?;
            let status = response.status();
            // 304 is no redirect: it says that nothing has changed.
            if status.is_redirection() && status != http::StatusCode::NOT_MODIFIED {
                return Ok(Exchanged::Redirect { from: url, response });
            }
            let headers = response.headers().clone();
            let mut answer = http::Response::new(bounded_body(&host, response, limit_bytes).await?);
            (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
            Ok(Exchanged::Answer(answer))
        };
        tokio::time::timeout(TIME_OUT.duration(), exchange)
            .await
            .unwrap_or(Err(FetchFault::TimedOut))
    }

    async fn fetch(&self, url: &Url, limit_bytes: usize) -> Result<Fetched, FetchFault> {
        let host = url.host_str().unwrap_or_default();
        let response = self.client.get(url.clone()).header(ACCEPT, ACCEPTED).send().await;
        let response = response.map_err(|error| FetchFault::from_error(host, &error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(FetchFault::Redirect {
                status: status.as_u16(),
                origin: target(url, &response),
            });
        }
        let max_age = max_age(response.headers());
        let body = if status.is_success() {
            json(host, response, limit_bytes).await?
        } else {
            bytes::Bytes::new()
        };
        Ok(Fetched { status: status.as_u16(), body, max_age })
    }
}

/// Reads the body up to the limit and makes sure that it is JSON.
async fn json(host: &str, response: Response, limit: usize) -> Result<bytes::Bytes, FetchFault> {
    let content_type = text(&response, &CONTENT_TYPE).unwrap_or_else(|| "unknown".to_owned());
    let body = bounded_body(host, response, limit).await?;
    if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
        return Err(FetchFault::NotJson { content_type });
    }
    Ok(body)
}

/// Reads the body up to the limit, whatever `Content-Length` claims.
async fn bounded_body(
    host: &str,
    mut response: Response,
    limit: usize,
) -> Result<bytes::Bytes, FetchFault> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(FetchFault::TooLarge { limit });
    }
    let mut body = bytes::BytesMut::new();
    let next = |error: reqwest::Error| FetchFault::from_error(host, &error);
    while let Some(chunk) = response.chunk().await.map_err(next)? {
        if chunk.len() > limit.saturating_sub(body.len()) {
            return Err(FetchFault::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A short header value that is visible ASCII.
fn text(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    (value.len() <= 256).then(|| value.to_owned())
}

/// Where a redirect points, without path and query: those may hold what is nobody's business.
fn target(from: &Url, response: &Response) -> Option<String> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let origin = from.join(location).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// TLS as all our clients speak it, for one that an operator points at a server of their own. Trusts the
/// certificate authorities of the system; Mozilla's list, if it has none.
pub fn tls_config() -> Result<ClientConfig, UnusableClient> {
    trusting(tls_roots())
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, UnusableClient> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| UnusableClient(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
