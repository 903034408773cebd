//! One new connection to an upstream, plain or over TLS.

use crate::{
    settings::{Authorities, Scheme, Upstream},
    upload::Upload,
};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use std::{io, sync::Arc, time::Duration};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How TLS to upstreams is verified. Cheap to clone.
pub(crate) type Connector = TlsConnector;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectFault {
    /// Name look-up, TCP or TLS failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("no connection in time")]
    Timeout,
    /// The HTTP handshake failed.
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// One for each upstream, in order, that believes whom it says. The system's authorities are read once.
pub(crate) fn connectors(upstreams: &[Upstream]) -> Result<Vec<Connector>, rustls::Error> {
    let system = connector(Arc::new(portcullis_web::tls_roots()))?;
    let of = |upstream: &Upstream| match &upstream.authorities {
        Authorities::System => Ok(system.clone()),
        Authorities::Only(roots) => connector(roots.clone()),
    };
    upstreams.iter().map(of).collect()
}

fn connector(roots: Arc<RootCertStore>) -> Result<Connector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}

/// Connects and drives the connection on this thread until it closes.
pub(crate) async fn open(
    upstream: &Upstream,
    tls: &Connector,
    within: Duration,
) -> Result<SendRequest<Upload>, ConnectFault> {
    tokio::time::timeout(within, handshake(upstream, tls))
        .await
        .map_err(|_| ConnectFault::Timeout)?
}

async fn handshake(
    upstream: &Upstream,
    tls: &Connector,
) -> Result<SendRequest<Upload>, ConnectFault> {
    let host = upstream.authority.host().trim_start_matches('[').trim_end_matches(']');
    let default_port = match upstream.scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let port = upstream.authority.port_u16().unwrap_or(default_port);
    let tcp = TcpStream::connect((host, port)).await?;
    tcp.set_nodelay(true)?;
    match upstream.scheme {
        Scheme::Http => drive(TokioIo::new(tcp)).await,
        Scheme::Https => {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            drive(TokioIo::new(tls.connect(name, tcp).await?)).await
        }
    }
}

async fn drive<Io>(io: Io) -> Result<SendRequest<Upload>, ConnectFault>
where
    Io: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let (sender, connection) =
        hyper::client::conn::http1::Builder::new().writev(false).handshake(io).await?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an upstream connection ended");
        }
    });
    Ok(sender)
}
