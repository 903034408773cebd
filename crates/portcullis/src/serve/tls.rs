//! The certificates of the issuer and of the gateway, and the authorities that upstreams are believed by.

use crate::{cli::Stop, config::Tls};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{path::Path, sync::Arc};

/// TLS 1.2 and 1.3, HTTP/2 preferred.
pub(super) fn server(tls: &Tls) -> Result<Arc<ServerConfig>, Stop> {
    let certificate = |fault: &dyn std::fmt::Display| {
        Stop::cannot_run(format!(
            "the certificate in {} cannot be used: {fault}",
            tls.cert.display()
        ))
    };
    let key = |fault: &dyn std::fmt::Display| {
        Stop::cannot_run(format!(
            "the private key in {} cannot be used: {fault}",
            tls.key.display()
        ))
    };
    let chain = CertificateDer::pem_file_iter(&tls.cert).map_err(|fault| certificate(&fault))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|fault| certificate(&fault))?;
    let private = PrivateKeyDer::from_pem_file(&tls.key).map_err(|fault| key(&fault))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Stop::cannot_run)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|fault| certificate(&fault))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificate authorities in a PEM file.
pub(super) fn authorities(file: &Path) -> Result<Arc<RootCertStore>, Stop> {
    let fault = |fault: &dyn std::fmt::Display| {
        Stop::cannot_run(format!("the authorities in {} cannot be used: {fault}", file.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|found| fault(&found))? {
        let certificate = certificate.map_err(|found| fault(&found))?;
        roots.add(certificate).map_err(|found| fault(&found))?;
    }
    if roots.is_empty() {
        return Err(fault(&"there is no certificate in it"));
    }
    Ok(Arc::new(roots))
}
