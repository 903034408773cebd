//! Who may be on the other side of a connection.

use crate::StoreFault;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{path::Path, sync::Arc};
use tokio_postgres_rustls::MakeRustlsConnect;

/// TLS that believes the authorities in `ca_file`, or those of the system, and asks for the host's name.
pub(super) fn verified(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, StoreFault> {
    let roots = match ca_file {
        Some(path) => from_file(path)?,
        None => of_the_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreFault::Settings(error.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    // Asked for where TLS is spoken from the first byte (sslnegotiation=direct).
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn from_file(path: &Path) -> Result<RootCertStore, StoreFault> {
    let cannot = |reason: &dyn std::fmt::Display| {
        StoreFault::Settings(format!(
            "the certificates in {} cannot be used: {reason}; expected PEM",
            path.display()
        ))
    };
    let mut roots = RootCertStore::empty();
    for found in CertificateDer::pem_file_iter(path).map_err(|error| cannot(&error))? {
        let certificate = found.map_err(|error| cannot(&error))?;
        roots.add(certificate).map_err(|error| cannot(&error))?;
    }
    if roots.is_empty() {
        return Err(cannot(&"there is none"));
    }
    Ok(roots)
}

fn of_the_system() -> Result<RootCertStore, StoreFault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let none =
            "this system has no certificate authorities; name a file with the database's own";
        return Err(StoreFault::Settings(none.to_owned()));
    }
    Ok(roots)
}
