//! `tls` of a listener, and who may speak to one that has none.

use super::{
    files::{Machine, Purpose, reason},
    findings::{Findings, Place},
    read::{Section, Value},
    settings::{ClientCertificates, Tls},
};
use crate::certificate::{self, Pair};
use ipnet::IpNet;
use portcullis_web::CertificateHeader;
use rustls::crypto::aws_lc_rs::default_provider;
use std::{net::SocketAddr, path::PathBuf};

const ASKING: [(&str, ClientCertificates); 3] = [
    ("none", ClientCertificates::None),
    ("ask", ClientCertificates::Ask),
    ("require", ClientCertificates::Require),
];
const HEADERS: [(&str, CertificateHeader); 2] = [
    ("client-cert", CertificateHeader::ClientCert),
    ("ssl-client-cert", CertificateHeader::SslClientCert),
];

/// `tls = { cert = …, key = …, client_certificates = …, client_ca = … }`.
pub(super) fn tls(value: &Value<'_>, machine: &Machine<'_>, out: &mut Findings) -> Option<Tls> {
    let mut table = value.section(out)?;
    let cert_value = table.need("cert", "\"cert.pem\"", out);
    let cert = cert_value.as_ref().and_then(|cert| machine.file(cert, out));
    let key = table.need("key", "\"key.pem\"", out).and_then(|key| machine.file(&key, out));
    let asking = table.get("client_certificates");
    let place = asking.as_ref().map_or_else(|| value.place(), Value::place);
    let client_certificates =
        asking.map_or(Some(ClientCertificates::None), |asking| asking.choice(&ASKING, out));
    let client_ca = authorities(&mut table, "client_ca", machine, out);
    table.finish(out);
    if client_certificates == Some(ClientCertificates::Require) && client_ca.is_none() {
        out.error(&place, "certificates are required of clients, and nobody vouches for them")
            .expected("client_ca, a file with the authorities in PEM")
            .hint("\"ask\" takes any certificate, and leaves it to the issuer to judge it");
    }
    // A command must work also while the server lives on a pair that is not in the files any more.
    if machine.purpose != Purpose::Command
        && let (Some(value), Some(cert), Some(key)) = (&cert_value, &cert, &key)
    {
        pair(&value.place(), (cert, key), machine, out);
    }
    Some(Tls { cert: cert?, key: key?, client_certificates: client_certificates?, client_ca })
}

/// Whether certificate and key are such, belong together and are valid.
fn pair(
    place: &Place,
    (cert, key): (&PathBuf, &PathBuf),
    machine: &Machine<'_>,
    out: &mut Findings,
) {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|fault| format!("{}: {}", path.display(), reason(&fault)))
    };
    let found = read(cert).and_then(|cert| {
        let key = read(key)?;
        Pair::parse(&cert, &key, &default_provider())
    });
    match found {
        Ok(pair) => {
            if let Some(warning) = pair.warning(machine.now) {
                out.warning(place, warning).hint(
                    "write the renewed one to the same files: a running server takes it over",
                );
            }
        }
        Err(fault) => {
            out.error(place, format!("this pair cannot be used: {fault}")).expected(
                "a chain in PEM, the server's own certificate first, and its private key",
            );
        }
    }
}

/// A file of authorities, if it is named.
pub(super) fn authorities(
    table: &mut Section<'_>,
    key: &'static str,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Option<PathBuf> {
    let value = table.get(key)?;
    let path = machine.file(&value, out)?;
    let read = std::fs::read(&path).map_err(|fault| reason(&fault));
    if let Err(fault) = read.and_then(|pem| certificate::authorities(&pem)) {
        out.error(&value.place(), format!("the authorities in this file cannot be used: {fault}"))
            .expected("certificates in PEM");
        return None;
    }
    Some(path)
}

/// `client_certificate_header`: only proxies that are named can be believed.
pub(super) fn header(
    table: &mut Section<'_>,
    proxies: &[IpNet],
    out: &mut Findings,
) -> Option<CertificateHeader> {
    let value = table.get("client_certificate_header")?;
    let header = value.choice(&HEADERS, out)?;
    if proxies.is_empty() {
        out.error(&value.place(), "nobody is trusted to send this header")
            .expected("trusted_proxies, the addresses of the proxies that send it")
            .hint("whoever may send it can pretend to hold any certificate");
        return None;
    }
    Some(header)
}

/// Without TLS, a listener is for this machine, or for proxies that are named.
pub(super) fn in_the_clear(
    section: &str,
    (value, listen): (Option<&Value<'_>>, Option<SocketAddr>),
    (has_tls, proxies): (bool, &[IpNet]),
    out: &mut Findings,
) {
    // Only an address that somebody wrote can be another than loopback.
    let (Some(value), Some(listen)) = (value, listen) else { return };
    if listen.ip().to_canonical().is_loopback() || has_tls || !proxies.is_empty() {
        return;
    }
    let problem = format!("[{section}] would speak in the clear to the network, on {listen}");
    out.error(&value.place(), problem)
        .expected("tls = { cert = \"cert.pem\", key = \"key.pem\" }, or a loopback address")
        .hint(
            "if a proxy with TLS stands in front, name its addresses: \
             trusted_proxies = [\"10.0.0.7\"]; nobody else is answered then",
        );
}
