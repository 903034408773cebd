//! Who sends a request, as far as that can be believed.

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;
pub(crate) use portcullis_web::is_proxy;
use std::net::{IpAddr, SocketAddr};

/// As [`portcullis_web::remote_address`] tells it.
pub(crate) fn address(
    extensions: &Extensions,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip();
    portcullis_web::remote_address(peer, headers, trusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARDED_FOR: &str = "x-forwarded-for";

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
