//! Who sends a request, as far as that can be believed.
//!
//! A proxy appends the address that it sees to `X-Forwarded-For`. What stands left of the addresses of our
//! own proxies is whatever the caller wrote.

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The nearest address that is not a trusted proxy's; the farthest one, if all are. Where a trusted proxy says it in
/// no way that can be read, its own: whoever cannot be told apart is counted together. `None`: it says nothing.
pub fn remote_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer.to_canonical();
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
pub fn is_proxy(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// An address, with a port or without.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}
