//! Threads and connections: a worker a thread, each with an event loop of its own, all accepting from
//! one socket, so that an idle worker takes the next connection.

use crate::{
    connect,
    forward::Passage,
    identity::Identities,
    metadata::Documents,
    metrics::Metrics,
    open::{Open, Ticket},
    refuse,
    relay::Answer,
    request::Peer,
    routes::{RouteFault, Routes},
    rules::{Rules, Tenants},
    settings::Settings,
    shared::Shared,
    tap::{Tap, Tapped},
    worker::Worker,
};
use http::{Request, Response};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use portcullis_audit::Journal;
use portcullis_keyring::{Circle, OurKeys, Verifier};
use portcullis_policy::Judge;
use portcullis_types::{Entropy, Timestamp};
use portcullis_web::PeerCertificate;
use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::LocalOptions,
    sync::{Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;

/// The longest head of a request, in bytes; longer ones are answered with 431.
const HEAD_LIMIT: usize = 64 * 1024;
/// Handshakes that a worker waits for at once; whoever comes then is not let in.
const HANDSHAKES: usize = 1024;

/// What a gateway is made of.
pub struct Parts {
    /// What it was told to do.
    pub settings: Settings,
    /// A bound socket.
    pub listener: TcpListener,
    /// TLS towards clients; `None` speaks plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Whom to trust, and what was revoked.
    pub circle: Arc<Circle>,
    /// Keys to sign identities for upstreams with, if any upstream wants them.
    pub keys: Option<OurKeys>,
    /// Where decisions are recorded.
    pub journal: Journal,
    /// What the policies are asked, if there are any.
    pub judge: Option<Judge>,
    /// What they are told of tenants.
    pub tenants: Tenants,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// A source of randomness for each worker.
    pub entropy: Arc<dyn Fn() -> Box<dyn Entropy> + Send + Sync>,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The routes make no table.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Routes(Vec<RouteFault>),
    /// TLS towards upstreams cannot be set up.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// A thread or socket could not be had.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A gateway that runs.
pub struct Gateway {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Starts all workers. Requests are answered from the moment this returns.
    pub fn start(
        parts: Parts,
        registry: &mut prometheus_client::registry::Registry,
    ) -> Result<Self, StartFault> {
        let Parts {
            settings,
            listener,
            tls,
            circle,
            keys,
            journal,
            judge,
            tenants,
            clock,
            entropy,
        } = parts;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let routes = Routes::new(&settings).map_err(StartFault::Routes)?;
        let metrics = Metrics::new(&routes, registry);
        let documents = Documents::new(&settings);
        let shared = Arc::new(Shared { settings, routes, documents, journal, metrics, clock });
        let connectors = connect::connectors(&shared.settings.upstreams)?;
        let (stop, stopped) = watch::channel(false);
        let mut workers = Vec::new();
        for number in 0..shared.settings.workers.max(1) {
            let listener = listener.try_clone()?;
            let (shared, circle, keys) = (shared.clone(), circle.clone(), keys.clone());
            let (tls, connectors, stopped) = (tls.clone(), connectors.clone(), stopped.clone());
            let (judge, tenants) = (judge.clone(), tenants.clone());
            let entropy = entropy();
            let thread = std::thread::Builder::new().name(format!("gateway-{number}"));
            workers.push(thread.spawn(move || {
                let identities = keys.map(|keys| identities(keys, &shared.settings));
                let verifier = Verifier::new(circle, shared.settings.token_cache);
                let passage = Passage::new(shared.clone(), identities, &connectors, entropy);
                let rules = Rules::new(judge.as_ref(), tenants, &shared.settings);
                let worker = Worker::new(shared.clone(), verifier, rules, passage);
                run(&shared, worker, listener, tls.map(TlsAcceptor::from), stopped);
            })?);
        }
        Ok(Self { address, stop, workers })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more, lets requests under way end within the drain time, then returns. Blocks.
    pub fn stop(self) {
        self.stop.send_replace(true);
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("a gateway worker had panicked");
            }
        }
    }
}

fn identities(keys: OurKeys, settings: &Settings) -> Identities {
    Identities::new(keys, portcullis_jose::Alg::ES256, settings.url.as_str().into())
}

/// One thread until the stop.
fn run(
    shared: &Arc<Shared>,
    worker: Worker,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    stopped: watch::Receiver<bool>,
) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = match runtime.enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "a gateway worker has no runtime"),
    };
    let serving = accept(shared.clone(), Rc::new(worker), listener, tls, stopped);
    if let Err(error) = runtime.block_on(serving) {
        tracing::error!(%error, "a gateway worker cannot accept");
    }
}

async fn accept(
    shared: Arc<Shared>,
    worker: Rc<Worker>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let open = Rc::new(Open::default());
    let handshakes = Rc::new(Semaphore::new(HANDSHAKES));
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let silent = shared.settings.timeouts.request_headers.as_seconds().max(1);
    let stalled = shared.settings.timeouts.idle.as_seconds().max(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = second.tick() => {
                open.tick(silent, stalled);
                worker.tick();
                continue;
            }
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: others must close before more can open.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let connection = Connection {
            shared: shared.clone(),
            worker: worker.clone(),
            address,
            ticket: open.enter(),
            handshakes: handshakes.clone(),
        };
        let tls = tls.clone();
        tokio::task::spawn_local(async move {
            let connections = connection.shared.metrics.connections.clone();
            connections.inc();
            connection.serve(stream, tls).await;
            connections.dec();
        });
    }
    open.stop();
    let drain = shared.settings.timeouts.drain.duration();
    if tokio::time::timeout(drain, open.empty()).await.is_err() {
        tracing::warn!(connections = open.len(), "stopped before all requests had ended");
    }
    Ok(())
}

/// One client connection, before it is known what it speaks.
struct Connection {
    shared: Arc<Shared>,
    worker: Rc<Worker>,
    address: SocketAddr,
    ticket: Ticket,
    handshakes: Rc<Semaphore>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let limit = self.shared.settings.timeouts.request_headers.duration();
        match tls {
            None => {
                let first = tokio::time::timeout(limit, speaks_http2(&stream));
                match self.ticket.unless_stopped(first).await {
                    Some(Ok(Ok(true))) => self.client("http", None, None).http2(stream).await,
                    Some(Ok(Ok(false))) => self.http1(stream, "http", None).await,
                    _ => {}
                }
            }
            Some(tls) => {
                let Ok(turn) = self.handshakes.try_acquire() else {
                    return tracing::warn!("too many handshakes at once");
                };
                let first = tokio::time::timeout(limit, tls.accept(stream));
                let Some(Ok(Ok(stream))) = self.ticket.unless_stopped(first).await else { return };
                drop(turn);
                let session = stream.get_ref().1;
                let shown = session.peer_certificates().and_then(PeerCertificate::of_handshake);
                let shown = shown.map(|certificate| certificate.thumbprint());
                if session.alpn_protocol() == Some(b"h2") {
                    self.client("https", None, shown).http2(stream).await;
                } else {
                    self.http1(stream, "https", shown).await;
                }
            }
        }
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin + 'static>(
        self,
        stream: S,
        proto: &'static str,
        certificate: Option<[u8; 32]>,
    ) {
        let tap = Tap::default();
        self.client(proto, Some(tap.clone()), certificate).http1(Tapped::new(stream, tap)).await;
    }

    fn client(
        self,
        proto: &'static str,
        tap: Option<Tap>,
        certificate: Option<[u8; 32]>,
    ) -> Client {
        let trusted = &self.shared.settings.trusted_proxies;
        let peer = Peer::new(self.address.ip(), proto, tap, trusted).showing(certificate);
        Client { worker: self.worker, peer, ticket: self.ticket }
    }
}

/// Who is at the other end of a connection, and who answers.
struct Client {
    worker: Rc<Worker>,
    peer: Peer,
    ticket: Ticket,
}

impl Client {
    async fn http1<S: AsyncRead + AsyncWrite + Unpin + 'static>(self, stream: S) {
        // No timer of hyper's: `Open::tick` watches over those who keep us waiting, for less.
        let connection = http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .max_header_size(HEAD_LIMIT)
            .writev(false)
            .serve_connection(TokioIo::new(stream), service_fn(|request| self.answer(request)));
        let connection = std::pin::pin!(connection);
        self.ticket.drive(connection, http1::Connection::graceful_shutdown).await;
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + 'static>(self, stream: S) {
        let this = Rc::new(self);
        let client = this.clone();
        let service = service_fn(move |request| {
            let client = client.clone();
            async move { client.answer(request).await }
        });
        let connection = http2::Builder::new(Local)
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .max_header_list_size(16 * 1024)
            .max_concurrent_streams(256)
            .serve_connection(TokioIo::new(stream), service);
        let connection = std::pin::pin!(connection);
        this.ticket.drive(connection, http2::Connection::graceful_shutdown).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
        if !self.peer.is_answered() {
            return Ok(refuse::in_the_clear());
        }
        let busy = self.ticket.busy();
        let mut response = self.worker.handle(request, &self.peer).await;
        response.body_mut().hold(busy);
        Ok(response)
    }
}

/// RFC 9113 §3.3: without TLS, HTTP/2 is recognised by its first bytes.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; 3];
    loop {
        match stream.peek(&mut first).await? {
            0 => return Ok(false),
            3 => return Ok(&first == b"PRI"),
            seen if first.get(..seen) != b"PRI".get(..seen) => return Ok(false),
            // Peeking does not consume, so the socket stays readable: wait for more without spinning.
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Spawns on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
