//! Addresses to listen on.

use super::{findings::Findings, read::Value};
use std::net::{Ipv4Addr, SocketAddr};

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

/// Whether both cannot be listened on at once.
pub(super) fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || everywhere)
}
