//! A request on its way through: whom it came from, which credentials leave it, what goes on.

use crate::{
    forwarded,
    settings::{Dialect, Route, Upstream},
    tap::Tap,
    worker::DECISION_ID,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, header};
use portcullis_types::DecisionId;
use smallvec::SmallVec;
use std::net::IpAddr;

/// The other end of a client's connection.
#[derive(Clone)]
pub(crate) struct Peer {
    /// Its address.
    pub ip: IpAddr,
    /// `http` or `https`.
    pub proto: &'static str,
    /// What came over the wire last, for HTTP/1.
    pub tap: Option<Tap>,
}

impl Peer {
    /// The head of `request` as it came, if its framing makes a second look worthwhile.
    pub(crate) fn raw_head<B>(&self, request: &Request<B>) -> Option<Vec<u8>> {
        let tap = self.tap.as_ref()?;
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            tap.forget();
            return None;
        }
        tap.head_of(request.method().as_str(), request.uri())
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

/// The request as the upstream gets it.
pub(crate) fn outgoing<B>(
    request: Request<B>,
    route: &Route,
    upstream: &Upstream,
    peer: &Peer,
    (id, credential): (DecisionId, Option<(HeaderName, HeaderValue)>),
) -> Result<Request<B>, http::Error> {
    let (mut head, body) = request.into_parts();
    let host = head.headers.remove(header::HOST).or_else(|| {
        head.uri.authority().and_then(|authority| HeaderValue::try_from(authority.as_str()).ok())
    });
    forwarded::strip_hop_by_hop(&mut head.headers);
    forwarded::strip_claims(&mut head.headers);
    forwarded::say_forwarded(&mut head.headers, peer.ip, peer.proto, host);
    head.headers.insert(header::HOST, HeaderValue::try_from(upstream.authority.as_str())?);
    head.headers.insert(DECISION_ID, HeaderValue::try_from(id.to_string())?);
    if let Some((name, value)) = credential {
        head.headers.insert(name, value);
    }
    head.uri = target(&head.uri, route, upstream)?;
    head.version = Version::HTTP_11;
    head.extensions.clear();
    Ok(Request::from_parts(head, body))
}

/// In origin form (RFC 9112 §3.2.1), with the query as it came.
fn target(uri: &Uri, route: &Route, upstream: &Upstream) -> Result<Uri, http::Error> {
    let unchanged = route.upstream_path.is_none() && upstream.base_path.is_empty();
    if unchanged && uri.scheme().is_none() && uri.authority().is_none() {
        return Ok(uri.clone());
    }
    let path = route.upstream_path.as_deref().unwrap_or_else(|| uri.path());
    let target = match uri.query() {
        Some(query) => format!("{}{path}?{query}", upstream.base_path),
        None => format!("{}{path}", upstream.base_path),
    };
    Ok(target.parse()?)
}
