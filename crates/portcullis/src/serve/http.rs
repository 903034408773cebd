//! A small HTTP server for the control plane: bounded headers, slow senders cut off, drained at the end.

use crate::cli::Stop;
use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};
use tokio::{net::TcpStream, sync::watch, task::JoinHandle};
use tower::ServiceExt;

/// For the headers of one request.
const HEADERS: Duration = Duration::from_secs(15);
/// For requests under way when the server stops.
const DRAIN: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes.
const HEAD_LIMIT: usize = 32 * 1024;

/// A server that runs until it is told to stop.
pub(super) struct Server(JoinHandle<()>);

impl Server {
    /// Answers with `router` what comes in on `listener`.
    pub(super) fn start(
        listener: TcpListener,
        router: Router,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, Stop> {
        listener.set_nonblocking(true).map_err(Stop::cannot_run)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Stop::cannot_run)?;
        Ok(Self(tokio::spawn(accept(listener, router, stopped))))
    }

    /// Returns when every request has ended, or had its time.
    pub(super) async fn drained(self) {
        if let Err(fault) = self.0.await {
            tracing::error!(%fault, "a server had panicked");
        }
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(HEAD_LIMIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(16 * 1024);
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
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
        serve(stream, address, (&builder, &open), router.clone());
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, open.shutdown()).await.is_err() {
        tracing::warn!("stopped before all requests had ended");
    }
}

fn serve(
    stream: TcpStream,
    address: SocketAddr,
    (builder, open): (&Builder<TokioExecutor>, &GracefulShutdown),
    router: Router,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().oneshot(request)
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = open.watch(connection);
    tokio::spawn(async move {
        if let Err(fault) = connection.await {
            tracing::debug!(%fault, "a connection ended");
        }
    });
}
