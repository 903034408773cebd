//! What a message may carry across the gateway (RFC 9110 §7.6, RFC 7239).

use http::{HeaderMap, HeaderName, HeaderValue, header};
use smallvec::SmallVec;
use std::net::IpAddr;

/// Names one hop only (RFC 9110 §7.6.1), whether or not `Connection` lists them.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
];

/// The proxy's own statements, and those that services behind proxies believe: from outside, all lies.
const SPOOFABLE: [&str; 21] = [
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
    "x-host",
    "x-user",
    "x-user-id",
    "x-remote-user",
    "remote-user",
    "x-auth-request-user",
    "x-authenticated-user",
    "x-tenant",
    "x-scope",
    "txn-token",
    "x-decision-id",
    "x-api-key",
];

/// Removes what is for one hop only. `TE: trailers` survives no hop: no trailer is forwarded.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: SmallVec<[HeaderName; 4]> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        for name in named {
            // A request may not use this to have its framing or its host removed.
            if name != header::HOST && name != header::CONTENT_LENGTH {
                headers.remove(name);
            }
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(header::TRANSFER_ENCODING);
}

/// Removes from a request what only we may say to the upstream, and every credential of the caller.
pub(crate) fn strip_claims(headers: &mut HeaderMap) {
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::COOKIE);
    headers.remove(header::EXPECT);
    let lies: SmallVec<[HeaderName; 8]> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.starts_with("x-forwarded-")
                || name.starts_with("portcullis-")
                || name.contains('_') // CGI and WSGI read `x_user` as `x-user`.
                || SPOOFABLE.contains(&name)
        })
        .cloned()
        .collect();
    for name in lies {
        headers.remove(name);
    }
}

/// Says who asked, by what scheme and for which host.
pub(crate) fn say_forwarded(
    headers: &mut HeaderMap,
    client: IpAddr,
    proto: &'static str,
    host: Option<HeaderValue>,
) {
    if let Ok(client) = HeaderValue::try_from(client.to_string()) {
        headers.insert(HeaderName::from_static("x-forwarded-for"), client);
    }
    headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static(proto));
    if let Some(host) = host {
        headers.insert(HeaderName::from_static("x-forwarded-host"), host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let mut map =
            headers(&[("connection", "close, x-secret"), ("x-secret", "1"), ("accept", "*/*")]);
        strip_hop_by_hop(&mut map);
        assert_eq!(map, headers(&[("accept", "*/*")]));
    }

    #[test]
    fn connection_cannot_take_the_host_or_the_length_away() {
        let mut map = headers(&[
            ("connection", "host, content-length"),
            ("host", "a"),
            ("content-length", "3"),
        ]);
        strip_hop_by_hop(&mut map);
        assert_eq!(map, headers(&[("host", "a"), ("content-length", "3")]));
    }

    #[test]
    fn nobody_outside_speaks_for_the_gateway() {
        let mut map = headers(&[
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-anything", "1"),
            ("forwarded", "for=10.0.0.1"),
            ("x-user", "admin"),
            ("x_user", "admin"),
            ("portcullis-subject", "admin"),
            ("cookie", "session=1"),
            ("authorization", "Bearer x"),
            ("x-stainless-lang", "python"),
        ]);
        strip_claims(&mut map);
        assert_eq!(map, headers(&[("x-stainless-lang", "python")]));
    }
}
