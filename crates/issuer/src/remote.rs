//! Who sends a request, as far as that can be believed.
//!
//! A proxy appends the address that it sees to `X-Forwarded-For`. What stands left of the addresses of our
//! own proxies is whatever the caller wrote.

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderValue};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The nearest address that is not a trusted proxy's; the farthest one, if all are. Where a trusted proxy says it in
/// no way that can be read, its own: whoever cannot be told apart is counted together. `None`: it says nothing.
pub(crate) fn address(
    extensions: &Extensions,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
    if !is_proxy(peer, trusted) {
        return Some(peer);
    }
    if !headers.contains_key(FORWARDED_FOR) {
        return None;
    }
    let values = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
    Some(forwarded(values, trusted).unwrap_or(peer))
}

/// Whom a list of hops speaks for. `None`: the nearest that is not a proxy's is no address. What stands left of
/// it is not looked at, whatever its bytes are.
fn forwarded<'h>(
    values: impl DoubleEndedIterator<Item = &'h [u8]>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let mut farthest = None;
    // Several headers are one list (RFC 9110 §5.3).
    for value in values.rev() {
        for hop in value.rsplit(|byte| *byte == b',') {
            let address = parse(std::str::from_utf8(hop).ok()?.trim())?;
            if !is_proxy(address, trusted) {
                return Some(address);
            }
            farthest = Some(address);
        }
    }
    farthest
}

/// Whether it is the address of a proxy of ours.
pub(crate) fn is_proxy(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// An address, with a port or without.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, headers: &[&str]) -> Option<String> {
        let headers: Vec<_> = headers.iter().map(|text| text.as_bytes()).collect();
        seen_bytes(peer, &headers)
    }

    fn seen_bytes(peer: &str, headers: &[&[u8]]) -> Option<String> {
        let mut request = http::Request::post("/token");
        for value in headers {
            request = request.header(FORWARDED_FOR, *value);
        }
        let peer: IpAddr = peer.parse().unwrap();
        let request = request.extension(ConnectInfo(SocketAddr::from((peer, 1)))).body(());
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let (parts, ()) = request.unwrap().into_parts();
        address(&parts.extensions, &parts.headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(seen("::ffff:192.0.2.1", &["198.51.100.7"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.7:80"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(seen("fd00::1", &["[2001:db8::1]:443"]).as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn what_the_caller_wrote_itself_does_not_count() {
        for forged in
            [&["1.1.1.1, 198.51.100.7, 10.9.9.9"][..], &["1.1.1.1", "198.51.100.7", "10.9.9.9"]]
        {
            assert_eq!(seen("10.0.0.1", forged).as_deref(), Some("198.51.100.7"), "{forged:?}");
        }
        assert_eq!(seen("10.0.0.1", &["nonsense, 198.51.100.7"]).as_deref(), Some("198.51.100.7"));
    }

    #[test]
    fn a_byte_that_is_no_text_hides_nobody() {
        let forged = b"\xff, 198.51.100.7".as_slice();
        assert_eq!(seen_bytes("10.0.0.1", &[forged]).as_deref(), Some("198.51.100.7"));
        let forged = [b"\xff\xfe".as_slice(), b"198.51.100.7, 10.2.2.2"];
        assert_eq!(seen_bytes("10.0.0.1", &forged).as_deref(), Some("198.51.100.7"));
        assert_eq!(seen_bytes("10.0.0.1", &[b"198.51.100.7, \xff"]).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn who_is_not_known_counts_as_the_proxy() {
        for unknown in [&["unknown"][..], &["198.51.100.7, unknown"], &["198.51.100.7,"], &[""]] {
            assert_eq!(seen("10.0.0.1", unknown).as_deref(), Some("10.0.0.1"), "{unknown:?}");
        }
        assert_eq!(seen("10.0.0.1", &[]), None, "a proxy that tells nothing");
        assert_eq!(seen("10.0.0.1", &["10.3.3.3, 10.2.2.2"]).as_deref(), Some("10.3.3.3"));
    }
}
