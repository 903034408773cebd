//! Whom to believe when a server says who it is.

use rustls::RootCertStore;

/// The certificate authorities of the system (`SSL_CERT_FILE`, `SSL_CERT_DIR`); Mozilla's list, if the
/// system has none.
pub fn tls_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
