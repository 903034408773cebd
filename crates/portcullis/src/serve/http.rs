//! A small HTTP server for the control plane: bounded heads, bounded connections, those who keep it
//! waiting cut off, drained at the end.

use crate::cli::Stop;
use axum::{body::Body, extract::ConnectInfo};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use ipnet::IpNet;
use portcullis_web::PeerCertificate;
use rustls::ServerConfig;
use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_rustls::TlsAcceptor;
use tower::{Service, ServiceExt as _};

/// The longest head of a request, in bytes.
const HEAD_LIMIT: usize = 32 * 1024;
/// Between two pings to an HTTP/2 client, and until its answer.
const PING: Duration = Duration::from_secs(20);

/// How long a server waits, and for how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For a TLS handshake, for the first request of a connection, and for the head of each.
    head: Duration,
    /// Between two requests; and for a client that was told to go.
    idle: Duration,
    /// For requests under way when the server stops.
    drain: Duration,
    /// Connections at once; more wait to be accepted.
    connections: u32,
}

impl Limits {
    /// For everybody who asks as clients do.
    pub(super) const USUAL: Self = Self {
        head: Duration::from_secs(15),
        idle: Duration::from_secs(30),
        drain: Duration::from_secs(10),
        connections: 4096,
    };
}

/// How a server speaks.
pub(super) enum Speaks {
    /// TLS.
    Tls(Arc<ServerConfig>),
    /// In the clear: with this machine and with these, and with nobody else.
    Clear(Vec<IpNet>),
}

impl Speaks {
    /// Whether somebody at that address is answered.
    fn with(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        match self {
            Self::Tls(_) => true,
            Self::Clear(named) => {
                ip.is_loopback() || named.iter().any(|network| network.contains(&ip))
            }
        }
    }
}

/// What a server answers with: a router, or what is laid around one.
pub(super) trait Endpoints:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<E> Endpoints for E where
    E: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A server that runs until it is told to stop.
pub(super) struct Server(JoinHandle<()>);

impl Server {
    /// Answers with `endpoints` what comes in on `listener`. A certificate that a client shows in its handshake
    /// is an extension of each of its requests.
    pub(super) fn start(
        (listener, speaks): (TcpListener, Speaks),
        endpoints: impl Endpoints,
        limits: Limits,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, Stop> {
        listener.set_nonblocking(true).map_err(Stop::cannot_run)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Stop::cannot_run)?;
        let serving = Serving { builder: builder(limits), endpoints, speaks, limits, stopped };
        let serving = Arc::new(serving);
        Ok(Self(tokio::spawn(accept(listener, serving))))
    }

    /// Returns when every request has ended, or had its time.
    pub(super) async fn drained(self) {
        if let Err(fault) = self.0.await {
            tracing::error!(%fault, "a server had panicked");
        }
    }
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_LIMIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(128)
        .max_header_list_size(16 * 1024);
    builder
}

/// What every connection of a server shares.
struct Serving<E> {
    builder: Builder<TokioExecutor>,
    endpoints: E,
    speaks: Speaks,
    limits: Limits,
    stopped: watch::Receiver<bool>,
}

async fn accept<E: Endpoints>(listener: tokio::net::TcpListener, serving: Arc<Serving<E>>) {
    let mut stopped = serving.stopped.clone();
    let Limits { connections, drain, .. } = serving.limits;
    let slots = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(usize::MAX)));
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                // Out of file descriptors, mostly: others must close before more can open.
                tracing::warn!(%fault, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let serving = serving.clone();
        tokio::spawn(async move {
            serving.connection(stream, address).await;
            drop(slot);
        });
    }
    drop(listener);
    if timeout(drain, slots.acquire_many(connections)).await.is_err() {
        tracing::warn!("stopped before all requests had ended");
    }
}

impl<E: Endpoints> Serving<E> {
    async fn connection(&self, stream: TcpStream, address: SocketAddr) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Speaks::Tls(tls) = &self.speaks else {
            return self.converse(stream, address, None).await;
        };
        let handshake = TlsAcceptor::from(tls.clone()).accept(stream);
        match timeout(self.limits.head, handshake).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates();
                let shown = shown.and_then(PeerCertificate::of_handshake);
                self.converse(stream, address, shown).await;
            }
            Ok(Err(fault)) => tracing::debug!(%fault, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    /// Answers until the client or the server has enough. A connection on which nothing is asked for is
    /// told to end, and cut off if it does not; hyper itself waits for its first bytes for ever.
    async fn converse<S>(
        &self,
        stream: S,
        address: SocketAddr,
        certificate: Option<PeerCertificate>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::default());
        let welcome = self.speaks.with(address);
        let (endpoints, begun) = (self.endpoints.clone(), activity.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let under_way = UnderWay::begin(&begun);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(address));
            if let Some(certificate) = &certificate {
                request.extensions_mut().insert(certificate.clone());
            }
            let answer = welcome.then(|| endpoints.clone().oneshot(request));
            async move {
                let answer = match answer {
                    Some(answer) => answer.await,
                    None => Ok(in_the_clear()),
                };
                drop(under_way);
                answer
            }
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut look = interval_at(Instant::now() + self.limits.head, self.limits.idle);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopped = self.stopped.clone();
        let (mut leaving, mut seen) = (false, 0);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(fault) = ended {
                        tracing::debug!(%fault, "a connection ended");
                    }
                    return;
                }
                _ = stopped.wait_for(|stop| *stop), if !leaving => {}
                _ = look.tick() => {
                    if activity.was_there(&mut seen) {
                        continue;
                    }
                    if leaving {
                        return tracing::debug!("a connection was cut off");
                    }
                }
            }
            leaving = true;
            connection.as_mut().graceful_shutdown();
        }
    }
}

/// What strangers are told where TLS is missing.
fn in_the_clear() -> Response<Body> {
    let mut response = Response::new(Body::from(
        "This listener speaks in the clear, with its own machine and with trusted_proxies only.\n",
    ));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// The requests of one connection, counted.
#[derive(Default)]
struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    /// Whether a request is under way, or has begun since the last question.
    fn was_there(&self, seen: &mut u64) -> bool {
        let begun = self.begun.load(Ordering::Relaxed);
        let before = std::mem::replace(seen, begun);
        begun != before || begun != self.ended.load(Ordering::Relaxed)
    }
}

/// A request that is not answered yet.
struct UnderWay(Arc<Activity>);

impl UnderWay {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        Self(activity.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
