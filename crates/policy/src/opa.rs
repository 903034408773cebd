//! A policy server elsewhere, Open Policy Agent, asked at one point instead of the engine here.
//!
//! The same input, the same strict reading of the answer. Whatever keeps it from answering in time denies, as
//! [`Cause::Unreachable`]; after some failures in a row it is left alone for a while.

mod address;
mod answer;
mod breaker;

pub use address::{NoAddress, OpaAddress};
pub use breaker::BreakerSettings;

use crate::{Cause, Input, Point, Revision, Ruling};
use answer::Answer;
use breaker::Breaker;
use portcullis_types::Ttl;
use portcullis_web::{UnusableClient, tls_config};
use regorus::Value;
use reqwest::{
    Client, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{error::Error as _, fmt, sync::Arc};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

/// Bytes of an answer, at most.
const MAX_ANSWER: usize = 1 << 20;

/// How a policy server is asked.
#[derive(Clone, Debug)]
pub struct OpaSettings {
    /// Where it listens.
    pub address: OpaAddress,
    /// The path of the decision; by default that of the point: `/v1/data/portcullis/request/decision`.
    pub path: Option<String>,
    /// How long one decision may take, from the first byte sent to the last byte read.
    pub time_out: Ttl,
    /// What it knows us by.
    pub token: Option<SecretString>,
    /// Questions under way at once, at most. One more waits as long as a decision may take.
    pub in_flight: usize,
    /// When it is left alone.
    pub breaker: BreakerSettings,
}

impl OpaSettings {
    /// The usual: 50 ms, 64 questions at once, five failures in a row cost five seconds.
    pub fn at(address: OpaAddress) -> Self {
        Self {
            address,
            path: None,
            time_out: Ttl::from_millis(50),
            token: None,
            in_flight: 64,
            breaker: BreakerSettings::default(),
        }
    }
}

/// Why a policy server cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum UnusableOpa {
    /// The path is none.
    #[error(
        "'{0}' is no path of a decision; one starts with '/' and has no query, like '/v1/data/portcullis/request/decision'"
    )]
    Path(String),
    /// The token cannot be sent.
    #[error("the token for the policy server has characters that no HTTP header can hold")]
    Token,
    /// A limit of nothing.
    #[error("'{0}' of a policy server is 0; nothing would ever be asked")]
    Nothing(&'static str),
    /// There is no HTTP client on this machine.
    #[error(transparent)]
    Client(#[from] UnusableClient),
}

/// A ruling, and what the server's own log calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What was ruled.
    pub ruling: Ruling,
    /// The server's `decision_id`, if it keeps a log.
    pub decision_log_id: Option<String>,
}

/// Asks one policy server at one point. Cheap to clone; clones share connections and the breaker.
#[derive(Clone)]
pub struct Opa(Arc<Inner>);

struct Inner {
    point: Point,
    client: Client,
    url: Url,
    authorization: Option<HeaderValue>,
    time_out: Ttl,
    in_flight: Semaphore,
    breaker: Breaker,
    settings: OpaSettings,
}

impl Opa {
    /// Makes ready; calls nobody yet.
    pub fn new(point: Point, settings: OpaSettings) -> Result<Self, UnusableOpa> {
        for (name, value) in [
            ("time_out", settings.time_out.duration().as_millis()),
            ("in_flight", settings.in_flight as u128),
            ("failures", settings.breaker.failures.into()),
        ] {
            if value == 0 {
                return Err(UnusableOpa::Nothing(name));
            }
        }
        let path = match &settings.path {
            Some(path) if !path.starts_with('/') || path.contains(['?', '#']) => {
                return Err(UnusableOpa::Path(path.clone()));
            }
            Some(path) => path.clone(),
            None => format!("/v1/data/{}", point.entry().replace('.', "/")),
        };
        let mut url = settings.address.base();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        // Which bundles it decided by.
        url.set_query(Some("provenance=true"));
        let authorization = settings.token.as_ref().map(bearer).transpose()?;
        Ok(Self(Arc::new(Inner {
            point,
            client: client(&settings)?,
            url,
            authorization,
            time_out: settings.time_out,
            in_flight: Semaphore::new(settings.in_flight.min(Semaphore::MAX_PERMITS)),
            breaker: Breaker::new(settings.breaker),
            settings,
        })))
    }

    /// Where it is asked.
    pub fn point(&self) -> Point {
        self.0.point
    }

    /// Where it listens.
    pub fn address(&self) -> &OpaAddress {
        &self.0.settings.address
    }

    /// Whether it failed so often that it is left alone now, or on trial.
    pub fn is_resting(&self) -> bool {
        self.0.breaker.is_open()
    }

    /// Asks. Whatever fails denies.
    pub async fn rule(&self, input: &Input) -> Answered {
        if input.point != self.0.point || matches!(input.value, Value::Undefined) {
            return denied(Cause::Input);
        }
        let now = Instant::now();
        let Some(attempt) = self.0.breaker.attempt(now) else {
            return denied(Cause::Unreachable(
                "it failed several times in a row and is left alone for a moment".to_owned(),
            ));
        };
        let until = now + self.0.time_out.duration();
        let asked = async {
            let permit = timeout_at(until, self.0.in_flight.acquire()).await;
            let Ok(Ok(_permit)) = permit else { return Err(Fault::Busy) };
            timeout_at(until, self.ask(input)).await.unwrap_or(Err(Fault::TimedOut))
        };
        match asked.await {
            Ok(answer) => {
                attempt.succeeded();
                answer.read()
            }
            Err(fault) => {
                // That we ask too much at once says nothing about the server.
                if !matches!(fault, Fault::Busy) {
                    attempt.failed(Instant::now(), &self.0.settings.address, &fault);
                }
                denied(Cause::Unreachable(fault.to_string()))
            }
        }
    }

    async fn ask(&self, input: &Input) -> Result<Answer, Fault> {
        let body = format!("{{\"input\":{}}}", input.to_json());
        let mut request = self.0.client.post(self.0.url.clone()).body(body);
        request = request.header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.0.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await?;
        if response.status() != 200 {
            return Err(Fault::Status(response.status().as_u16()));
        }
        let body = bounded(response).await?;
        Answer::parse(&body).map_err(Fault::Nonsense)
    }
}

/// What kept it from answering.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("too many questions are waiting for it")]
    Busy,
    #[error("it took too long")]
    TimedOut,
    #[error("{0}")]
    Call(String),
    #[error("it answered with the status {0}")]
    Status(u16),
    #[error("its answer is longer than {MAX_ANSWER} bytes")]
    TooLarge,
    #[error("its answer cannot be read: {0}")]
    Nonsense(String),
}

impl From<reqwest::Error> for Fault {
    fn from(fault: reqwest::Error) -> Self {
        if fault.is_timeout() {
            return Self::TimedOut;
        }
        // The innermost says what happened; those around it repeat the address.
        let mut inner = fault.source();
        let mut text = fault.to_string();
        while let Some(cause) = inner {
            text = cause.to_string();
            inner = cause.source();
        }
        Self::Call(text.chars().take(200).collect())
    }
}

fn denied(cause: Cause) -> Answered {
    let ruling = Ruling::failed(cause, Revision::of_server(""));
    Answered { ruling, decision_log_id: None }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, UnusableOpa> {
    let text = format!("Bearer {}", token.expose_secret());
    let mut value = HeaderValue::try_from(text).map_err(|_| UnusableOpa::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Not the guarded client: the operator chose the address, and a sidecar is on loopback.
fn client(settings: &OpaSettings) -> Result<Client, UnusableOpa> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls_config()?)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        .timeout(settings.time_out.duration())
        .pool_max_idle_per_host(settings.in_flight)
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")));
    if let OpaAddress::Unix(path) = &settings.address {
        builder = builder.unix_socket(path.clone());
    }
    builder.build().map_err(|fault| UnusableClient::from(fault).into())
}

/// The body up to the limit, whatever `Content-Length` claims.
async fn bounded(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > MAX_ANSWER - body.len() {
            return Err(Fault::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl fmt::Debug for Opa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opa")
            .field("point", &self.0.point)
            .field("settings", &self.0.settings)
            .finish()
    }
}
