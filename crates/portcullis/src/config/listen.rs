//! Addresses to listen on.

use super::{findings::Findings, read::Value};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Loopback, with the usual port.
#[expect(clippy::unnecessary_wraps, reason = "it stands for an address that may be wrong")]
pub(super) fn default(port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// An address and a port.
pub(super) fn address(value: &Value<'_>, out: &mut Findings) -> Option<SocketAddr> {
    let text = value.text(out)?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    out.error(&value.place(), format!("'{text}' is not an address to listen on"));
    out.expected("an IP address and a port, such as \"127.0.0.1:8080\"");
    match text.rsplit_once(':') {
        Some(("localhost", port)) => out.hint(format!("write \"127.0.0.1:{port}\"")),
        Some(("", port)) => {
            out.hint(format!("write \"0.0.0.0:{port}\" for every address of this machine"))
        }
        _ => out,
    };
    None
}

/// Networks, each an address and the length of its prefix, or one address alone.
pub(super) fn networks(value: &Value<'_>, out: &mut Findings) -> Vec<IpNet> {
    let mut all = Vec::new();
    for member in value.list(out) {
        let Some(text) = member.text(out) else { continue };
        let one = || text.parse::<IpAddr>().map(IpNet::from);
        match text.parse::<IpNet>().or_else(|_| one()) {
            Ok(network) if network.prefix_len() == 0 => {
                out.error(&member.place(), "this is everybody")
                    .expected("the addresses of your own proxies")
                    .hint("whoever is trusted can pretend to be any other address");
            }
            Ok(network) => all.push(network.trunc()),
            Err(_) => {
                out.error(&member.place(), format!("'{text}' is not a network"))
                    .expected("such as \"10.0.0.0/8\", \"fd00::/8\" or \"192.0.2.7\"");
            }
        }
    }
    all
}

/// Whether both cannot be listened on at once.
pub(super) fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
    let same = a.ip().to_canonical() == b.ip().to_canonical();
    a.port() != 0 && a.port() == b.port() && (same || everywhere)
}
