//! A client that proves itself with a certificate (RFC 8705 §2).

use crate::cli::Stop;
use portcullis_directory::{CertificateMatcher, ClientKeys, NameKind, NewAuth};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::path::{Path, PathBuf};

/// Which certificate is the client's; at most one of these.
#[derive(Debug, clap::Args)]
#[group(multiple = false, conflicts_with_all = ["auth", "public", "secret_stdin"])]
pub(super) struct CertificateFlags {
    /// The subject of its certificate, as RFC 4514 writes it: 'CN=app,O=Example,C=CH'.
    #[arg(long, value_name = "NAME")]
    tls_subject_dn: Option<String>,
    /// The host in its certificate.
    #[arg(long, value_name = "HOST")]
    tls_san_dns: Option<String>,
    /// The URI in its certificate, such as a SPIFFE ID.
    #[arg(long, value_name = "URI")]
    tls_san_uri: Option<String>,
    /// The address in its certificate.
    #[arg(long, value_name = "ADDRESS")]
    tls_san_ip: Option<String>,
    /// The mailbox in its certificate.
    #[arg(long, value_name = "MAILBOX")]
    tls_san_email: Option<String>,
    /// A certificate that it made itself, as PEM: whoever holds its private key is the client.
    #[arg(long, value_name = "FILE")]
    self_signed_cert: Option<PathBuf>,
}

impl CertificateFlags {
    /// What was asked for, if anything.
    pub(super) fn credentials(&self) -> Result<Option<NewAuth>, Stop> {
        if let Some(file) = &self.self_signed_cert {
            return Ok(Some(NewAuth::SelfSigned(keys(file)?)));
        }
        let given = [
            (NameKind::SubjectDn, &self.tls_subject_dn),
            (NameKind::SanDns, &self.tls_san_dns),
            (NameKind::SanUri, &self.tls_san_uri),
            (NameKind::SanIp, &self.tls_san_ip),
            (NameKind::SanEmail, &self.tls_san_email),
        ];
        let given = given.into_iter().find_map(|(kind, value)| Some((kind, value.as_ref()?)));
        let matcher = given.map(|(kind, value)| CertificateMatcher::new(kind, value)).transpose();
        Ok(matcher.map_err(Stop::refused)?.map(NewAuth::Certificate))
    }
}

fn keys(file: &Path) -> Result<ClientKeys, Stop> {
    let fault = |fault: &dyn std::fmt::Display| {
        Stop::refused(format!("{} cannot be used: {fault}", file.display()))
            .hint("it must be a certificate in PEM, '-----BEGIN CERTIFICATE-----'")
    };
    let all = CertificateDer::pem_file_iter(file).map_err(|found| fault(&found))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|found| fault(&found))?;
    ClientKeys::of_certificates(&all).map_err(|found| fault(&found))
}
