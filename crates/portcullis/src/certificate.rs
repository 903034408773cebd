//! What the PEM files of a listener hold: a certificate with its key, and authorities.

use portcullis_types::{Timestamp, Ttl};
use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate is renewed when this much of its life is left, or a third if that is less.
const RENEWAL: Ttl = Ttl::seconds(14 * 86_400);

/// A certificate with the private key that belongs to it, and how long it is good for.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: CertifiedKey,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Pair {
    /// Reads a chain, with the server's own certificate first, and its key. Says what is wrong with which.
    pub(crate) fn parse(cert: &[u8], key: &[u8], with: &CryptoProvider) -> Result<Self, String> {
        let certificate = |fault: &dyn std::fmt::Display| format!("the certificate: {fault}");
        let chain = CertificateDer::pem_slice_iter(cert).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|fault| certificate(&fault))?;
        let leaf = chain.first().ok_or_else(|| certificate(&"there is none in the file"))?;
        let (_, x509) = X509Certificate::from_der(leaf).map_err(|fault| certificate(&fault))?;
        let validity = x509.validity();
        let (not_before, not_after) =
            (validity.not_before.timestamp(), validity.not_after.timestamp());
        let private = PrivateKeyDer::from_pem_slice(key)
            .map_err(|fault| format!("the private key: {fault}"))?;
        let key = CertifiedKey::from_der(chain, private, with)
            .map_err(|fault| format!("the private key: {fault}"))?;
        Ok(Self {
            key,
            not_before: Timestamp::from_seconds(not_before),
            not_after: Timestamp::from_seconds(not_after),
        })
    }

    /// What an operator should know about its time, if anything.
    pub(crate) fn warning(&self, now: Timestamp) -> Option<String> {
        if now >= self.not_after {
            return Some(format!("the certificate has expired {}", self.not_after));
        }
        if now < self.not_before {
            return Some(format!("the certificate is not valid before {}", self.not_before));
        }
        let third = (self.not_after.seconds() - self.not_before.seconds()) / 3;
        let left = self.not_after.seconds() - now.seconds();
        let soon = left < third.min(RENEWAL.as_seconds().try_into().unwrap_or(i64::MAX));
        soon.then(|| format!("the certificate expires {}", self.not_after))
    }
}

/// The certificate authorities in a PEM file: at least one.
pub(crate) fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|fault| fault.to_string())?;
        roots.add(certificate).map_err(|fault| fault.to_string())?;
    }
    if roots.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(roots) }
}
