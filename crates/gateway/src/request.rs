//! A request on its way through: whom it came from, which credentials leave it, what goes on.

use crate::{
    forwarded,
    pool::Pool,
    routes::Matched,
    settings::{Dialect, Upstream},
    tap::Tap,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, header};
use smallvec::SmallVec;
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The other end of a client's connection.
pub(crate) struct Peer {
    /// Its address, as upstreams are told.
    address: HeaderValue,
    /// `http` or `https`.
    proto: &'static str,
    /// What came over the wire last, for HTTP/1.
    tap: Option<Tap>,
}

impl Peer {
    /// Who connected, and how.
    pub(crate) fn new(ip: IpAddr, proto: &'static str, tap: Option<Tap>) -> Self {
        let address = HeaderValue::try_from(ip.to_canonical().to_string());
        let address = address.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self { address, proto, tap }
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
