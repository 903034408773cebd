//! A request on its way through: whom it came from, which credentials leave it, what goes on.

use crate::{
    forwarded,
    pool::Pool,
    routes::Matched,
    settings::{Dialect, Upstream},
    tap::Tap,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, header};
use ipnet::IpNet;
use portcullis_web::CertificateHeader;
use smallvec::SmallVec;
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The other end of a client's connection.
pub(crate) struct Peer {
    ip: IpAddr,
    /// Its address, as upstreams are told.
    address: HeaderValue,
    /// `http` or `https`.
    proto: &'static str,
    /// What came over the wire last, for HTTP/1.
    tap: Option<Tap>,
    /// The SHA-256 of the certificate that it showed in the handshake.
    certificate: Option<[u8; 32]>,
    standing: Standing,
}

/// What the address of the other end makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// A client.
    Client,
    /// A proxy of ours: it speaks for clients.
    Proxy,
    /// A client that speaks in the clear from another machine.
    InTheClear,
}

impl Peer {
    /// Who connected, and how; `trusted` are our own proxies.
    pub(crate) fn new(
        ip: IpAddr,
        proto: &'static str,
        tap: Option<Tap>,
        trusted: &[IpNet],
    ) -> Self {
        let ip = ip.to_canonical();
        let address = HeaderValue::try_from(ip.to_string());
        let address = address.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        let standing = if trusted.iter().any(|network| network.contains(&ip)) {
            Standing::Proxy
        } else if proto == "https" || ip.is_loopback() {
            Standing::Client
        } else {
            Standing::InTheClear
        };
        Self { ip, address, proto, tap, certificate: None, standing }
    }

    /// With the certificate that it showed in the handshake.
    pub(crate) fn showing(self, certificate: Option<[u8; 32]>) -> Self {
        Self { certificate, ..self }
    }

    /// Whether it is answered at all: not if it speaks in the clear from where nobody is expected to.
    pub(crate) fn is_answered(&self) -> bool {
        self.standing != Standing::InTheClear
    }

    /// The SHA-256 of the certificate whose key the caller holds (RFC 8705 §3). A proxy's own certificate
    /// is never the caller's; what it says in the header counts only if that was switched on, and what
    /// anybody else says there counts for nothing.
    pub(crate) fn certificate(
        &self,
        headers: &HeaderMap,
        header: Option<CertificateHeader>,
    ) -> Option<[u8; 32]> {
        if self.standing != Standing::Proxy {
            return self.certificate;
        }
        let read = header?.read(headers).unwrap_or_else(|fault| {
            tracing::warn!(%fault, "a proxy sends no good certificate");
            None
        });
        read.map(|certificate| certificate.thumbprint())
    }

    /// Who is at the far end, as far as our proxies can be believed. `None`: one of them does not say.
    pub(crate) fn remote(&self, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
        match self.standing {
            Standing::Proxy => portcullis_web::remote_address(self.ip, headers, trusted),
            Standing::Client | Standing::InTheClear => Some(self.ip),
        }
    }

    /// What came over the wire.
    pub(crate) const fn wire(&self) -> Option<&Tap> {
        self.tap.as_ref()
    }
}

/// Takes every credential out of the request, so that none can go on by mistake. Where Anthropic's
/// clients speak, the token may stand in `x-api-key`.
pub(crate) fn take_credentials(
    headers: &mut HeaderMap,
    dialect: Dialect,
) -> SmallVec<[HeaderValue; 1]> {
    const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
    let mut found: SmallVec<[HeaderValue; 1]> = SmallVec::new();
    if let header::Entry::Occupied(entry) = headers.entry(header::AUTHORIZATION) {
        found.extend(entry.remove_entry_mult().1);
    }
    if dialect == Dialect::Anthropic
        && let header::Entry::Occupied(entry) = headers.entry(API_KEY)
    {
        let bearer =
            |key: HeaderValue| HeaderValue::from_bytes(&[b"Bearer ", key.as_bytes()].concat()).ok();
        found.extend(entry.remove_entry_mult().1.filter_map(bearer));
    }
    found
}

/// Takes every DPoP proof out of the request: none is for the upstream.
pub(crate) fn take_proofs(headers: &mut HeaderMap) -> Vec<HeaderValue> {
    const DPOP: HeaderName = HeaderName::from_static("dpop");
    match headers.entry(DPOP) {
        header::Entry::Occupied(entry) => entry.remove_entry_mult().1.collect(),
        header::Entry::Vacant(_) => Vec::new(),
    }
}

/// The request as the upstream gets it. `said` is what we say to it on our own account.
pub(crate) fn outgoing<B>(
    request: Request<B>,
    matched: &Matched<'_>,
    pool: &Pool,
    peer: &Peer,
    said: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
) -> Result<Request<B>, http::Error> {
    let (mut head, body) = request.into_parts();
    let host = head.headers.insert(header::HOST, pool.host().clone()).or_else(|| {
        head.uri.authority().and_then(|authority| HeaderValue::try_from(authority.as_str()).ok())
    });
    forwarded::strip_request(&mut head.headers);
    head.headers.insert(FORWARDED_FOR, peer.address.clone());
    head.headers.insert(FORWARDED_PROTO, HeaderValue::from_static(peer.proto));
    if let Some(host) = host {
        head.headers.insert(FORWARDED_HOST, host);
    }
    // RFC 9110 §7.6.3. After those of the proxies before us.
    head.headers.append(header::VIA, via(head.version));
    for (name, value) in said {
        // In the place of whatever the caller has put there.
        head.headers.insert(name, value);
    }
    head.uri = target(&head.uri, matched, pool.upstream())?;
    head.version = Version::HTTP_11;
    head.extensions.clear();
    Ok(Request::from_parts(head, body))
}

const fn via(version: Version) -> HeaderValue {
    match version {
        Version::HTTP_2 => HeaderValue::from_static("2 portcullis"),
        Version::HTTP_10 => HeaderValue::from_static("1.0 portcullis"),
        _ => HeaderValue::from_static("1.1 portcullis"),
    }
}

/// In origin form (RFC 9112 §3.2.1), with the query as it came.
fn target(uri: &Uri, matched: &Matched<'_>, upstream: &Upstream) -> Result<Uri, http::Error> {
    let unchanged = matched.upstream_path.is_none() && upstream.base_path.is_empty();
    if unchanged && uri.scheme().is_none() && uri.authority().is_none() {
        return Ok(uri.clone());
    }
    let path = matched.upstream_path.as_deref().unwrap_or_else(|| uri.path());
    let target = match uri.query() {
        Some(query) => format!("{}{path}?{query}", upstream.base_path),
        None => format!("{}{path}", upstream.base_path),
    };
    Ok(target.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: Option<[u8; 32]> = Some([7; 32]);

    fn found(ip: &str, header: Option<CertificateHeader>) -> Option<[u8; 32]> {
        let mut headers = HeaderMap::new();
        headers.insert("client-cert", HeaderValue::from_static(":YWJj:"));
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let peer = Peer::new(ip.parse().unwrap(), "https", None, &trusted).showing(SHOWN);
        peer.certificate(&headers, header)
    }

    #[test]
    fn a_header_counts_from_a_trusted_proxy_alone() {
        let header = Some(CertificateHeader::ClientCert);
        assert_eq!(found("192.0.2.1", header), SHOWN, "what it wrote itself counts for nothing");
        let said = found("10.0.0.1", header).unwrap();
        assert_eq!(said[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(found("::ffff:10.0.0.1", header), Some(said));
        assert_eq!(found("10.0.0.1", None), None, "the proxy's own is not the caller's");
    }

    #[test]
    fn in_the_clear_only_this_machine_and_proxies_are_answered() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for (ip, proto, answered) in [
            ("127.0.0.1", "http", true),
            ("10.0.0.1", "http", true),
            ("192.0.2.1", "http", false),
            ("192.0.2.1", "https", true),
        ] {
            let peer = Peer::new(ip.parse().unwrap(), proto, None, &trusted);
            assert_eq!(peer.is_answered(), answered, "{ip} {proto}");
        }
    }
}
