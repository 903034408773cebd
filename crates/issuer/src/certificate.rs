//! The certificate that a request came with: from the handshake, or from a proxy that is trusted with it.

use crate::{Settings, remote::is_proxy};
use axum::extract::ConnectInfo;
use http::request::Parts;
use portcullis_web::{CertificateHeader, PeerCertificate};
use std::net::SocketAddr;

/// How clients can show certificates here. By default they cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates {
    /// Where: in the metadata, the methods of RFC 8705 stand only if there is such a place.
    pub shown: Shown,
    /// Whether authorities are configured that vouch for clients: without, there is no `tls_client_auth`.
    pub vouched: Vouched,
    /// The header in which the trusted proxies hand certificates on, if they do.
    pub header: Option<CertificateHeader>,
    /// Another base URL of this issuer, where certificates are asked for (RFC 8705 §5), with no slash at
    /// its end.
    pub mtls_url: Option<String>,
}

/// Whether clients are asked for certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Nowhere.
    #[default]
    Never,
    /// In handshakes, or by the proxy.
    Here,
}

/// Whether authorities are believed that vouch for clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vouched {
    /// None is.
    #[default]
    ByNobody,
    /// Some are.
    ByAuthorities,
}

/// The certificate whose key the caller holds; `None` if it showed none.
///
/// A trusted proxy ends TLS: the certificate of its own connection is never the client's, and what it says
/// in the header counts only if that was switched on. What anybody else says there counts for nothing.
pub(crate) fn peer_certificate(parts: &Parts, settings: &Settings) -> Option<PeerCertificate> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let behind = peer.is_some_and(|peer| is_proxy(peer.0.ip(), &settings.trusted_proxies));
    if !behind {
        return parts.extensions.get::<PeerCertificate>().cloned();
    }
    let header: CertificateHeader = settings.certificates.header?;
    header.read(&parts.headers).unwrap_or_else(|fault| {
        tracing::warn!(%fault, "a proxy sends no good certificate");
        None
    })
}
