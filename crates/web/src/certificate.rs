//! The certificate that a client showed: in the TLS handshake, or to a proxy of ours that hands it on.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::{fmt, sync::Arc};

/// More than any certificate has, in bytes.
const LONGEST: usize = 16 * 1024;
/// More than any chain has.
const MOST: usize = 8;

/// A certificate whose private key the client has proven to hold. Nothing more is known of it: who vouches
/// for it, whose it is and whether it is still valid is for others to judge. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    leaf: Vec<u8>,
    chain: Vec<Vec<u8>>,
    thumbprint: [u8; 32],
}

impl PeerCertificate {
    /// Of the client's own certificate and those that it sent along, all DER.
    pub fn new(leaf: Vec<u8>, chain: Vec<Vec<u8>>) -> Self {
        let mut thumbprint = [0; 32];
        thumbprint
            .iter_mut()
            .zip(digest(&SHA256, &leaf).as_ref())
            .for_each(|(to, from)| *to = *from);
        Self(Arc::new(Inner { leaf, chain, thumbprint }))
    }

    /// Of what a handshake has brought: the client's own first. `None` if it brought nothing.
    pub fn of_handshake(shown: &[CertificateDer<'_>]) -> Option<Self> {
        let (leaf, chain) = shown.split_first()?;
        Some(Self::new(leaf.to_vec(), chain.iter().map(|link| link.to_vec()).collect()))
    }

    /// The client's own certificate, DER.
    pub fn leaf(&self) -> &[u8] {
        &self.0.leaf
    }

    /// What the client sent along, DER: from nearest to farthest, if it keeps to the rules.
    pub fn chain(&self) -> impl Iterator<Item = &[u8]> {
        self.0.chain.iter().map(Vec::as_slice)
    }

    /// SHA-256 of the client's own certificate: `x5t#S256` before base64url (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> [u8; 32] {
        self.0.thumbprint
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate")
            .field("bytes", &self.0.leaf.len())
            .field("chain", &self.0.chain.len())
            .finish_non_exhaustive()
    }
}

/// How a proxy that ends TLS hands the client's certificate on. Whoever reads such a header must know that
/// it was the proxy who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateHeader {
    /// RFC 9440: `Client-Cert` and `Client-Cert-Chain`.
    ClientCert,
    /// `ssl-client-cert`, PEM, percent-encoded: nginx's `$ssl_client_escaped_cert`.
    SslClientCert,
}

/// What a proxy sent as a certificate is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header {header} holds no certificate: {problem}")]
pub struct CertificateHeaderFault {
    /// Which header.
    pub header: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl CertificateHeader {
    /// Every header by which any proxy may say who the client is: taken out of what others send.
    pub const ALL: [HeaderName; 3] = [
        HeaderName::from_static("client-cert"),
        HeaderName::from_static("client-cert-chain"),
        HeaderName::from_static("ssl-client-cert"),
    ];

    /// The certificate in the headers; `None` if the client showed the proxy none.
    pub fn read(
        self,
        headers: &HeaderMap,
    ) -> Result<Option<PeerCertificate>, CertificateHeaderFault> {
        match self {
            Self::ClientCert => rfc9440(headers),
            Self::SslClientCert => nginx(headers),
        }
    }
}

fn rfc9440(headers: &HeaderMap) -> Result<Option<PeerCertificate>, CertificateHeaderFault> {
    let Some(value) = only(headers, "client-cert")? else { return Ok(None) };
    let leaf = bytes(value).map_err(|problem| fault("client-cert", problem))?;
    let mut chain = Vec::new();
    for value in headers.get_all("client-cert-chain") {
        let refuse = |problem| fault("client-cert-chain", problem);
        let list = value.to_str().map_err(|_| refuse("it is not ASCII"))?;
        for member in list.split(',') {
            if chain.len() == MOST {
                return Err(refuse("there are too many"));
            }
            chain.push(bytes(member).map_err(refuse)?);
        }
    }
    Ok(Some(PeerCertificate::new(leaf, chain)))
}

/// A byte sequence (RFC 9651 §3.3.5).
fn bytes(member: &str) -> Result<Vec<u8>, &'static str> {
    let inner = member.trim().strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    let inner = inner.ok_or("it is not base64 between two colons")?;
    if inner.len() > LONGEST {
        return Err("it is too long");
    }
    let der = STANDARD.decode(inner).map_err(|_| "it is not base64")?;
    if der.is_empty() { Err("it is empty") } else { Ok(der) }
}

fn nginx(headers: &HeaderMap) -> Result<Option<PeerCertificate>, CertificateHeaderFault> {
    const NAME: &str = "ssl-client-cert";
    let Some(value) = only(headers, NAME)? else { return Ok(None) };
    if value.len() > 3 * LONGEST {
        return Err(fault(NAME, "it is too long"));
    }
    let pem = percent_decoded(value).ok_or(fault(NAME, "it is not percent-encoded"))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).take(MOST + 1).collect();
    let all = all.map_err(|_| fault(NAME, "it is not PEM"))?;
    match PeerCertificate::of_handshake(&all) {
        Some(certificate) if all.len() <= MOST => Ok(Some(certificate)),
        Some(_) => Err(fault(NAME, "there are too many")),
        None => Err(fault(NAME, "it is not PEM")),
    }
}

/// A plus sign stays one: base64 has it.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut decoded = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        decoded.extend_from_slice(rest.as_bytes());
    }
    Some(decoded)
}

/// A header that is there once at most; one that is empty says that there is nothing to say.
fn only<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<Option<&'h str>, CertificateHeaderFault> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(fault(name, "it is there twice"));
    }
    let value = value.to_str().map_err(|_| fault(name, "it is not ASCII"))?;
    Ok(Some(value.trim()).filter(|value| !value.is_empty()))
}

const fn fault(header: &'static str, problem: &'static str) -> CertificateHeaderFault {
    CertificateHeaderFault { header, problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_certificate_comes_with_its_chain() {
        let map = headers(&[
            ("client-cert", ":AQID:"),
            ("client-cert-chain", ":BA==:, :BQ==:"),
            ("client-cert-chain", ":Bg==:"),
        ]);
        let found = CertificateHeader::ClientCert.read(&map).unwrap().unwrap();
        assert_eq!(found.leaf(), [1, 2, 3]);
        assert_eq!(found.chain().collect::<Vec<_>>(), [&[4][..], &[5], &[6]]);
        assert_eq!(CertificateHeader::SslClientCert.read(&map), Ok(None));
        assert_eq!(CertificateHeader::ClientCert.read(&headers(&[("client-cert", "")])), Ok(None));
    }

    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        for value in ["AQID", ":AQID", ":?:", "::", &format!(":{}:", "A".repeat(LONGEST + 1))] {
            let found = CertificateHeader::ClientCert.read(&headers(&[("client-cert", value)]));
            assert!(found.is_err(), "{value}");
        }
        let twice = headers(&[("client-cert", ":AQID:"), ("client-cert", ":BA==:")]);
        assert!(CertificateHeader::ClientCert.read(&twice).is_err());
        let long = [":BA==:"; MOST + 1].join(",");
        let long = headers(&[("client-cert", ":AQID:"), ("client-cert-chain", &long)]);
        assert!(CertificateHeader::ClientCert.read(&long).is_err());
    }

    #[test]
    fn nginx_writes_pem_with_every_sign_escaped() {
        let pem = "-----BEGIN%20CERTIFICATE-----%0AAQID%0A-----END%20CERTIFICATE-----%0A";
        let found = CertificateHeader::SslClientCert.read(&headers(&[("ssl-client-cert", pem)]));
        assert_eq!(found.unwrap().unwrap().leaf(), [1, 2, 3]);
        for value in ["AQID", "%", "%zz", "%2"] {
            let map = headers(&[("ssl-client-cert", value)]);
            assert!(CertificateHeader::SslClientCert.read(&map).is_err(), "{value}");
        }
    }

    #[test]
    fn a_thumbprint_is_the_sha_256_of_the_certificate() {
        let found = PeerCertificate::new(b"abc".to_vec(), Vec::new()).thumbprint();
        assert_eq!(found[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
