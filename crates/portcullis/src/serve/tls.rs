//! TLS of our listeners: the certificate that each shows, replaced while it runs when its files change, and
//! the certificates that it asks of clients.

mod clients;
#[cfg(test)]
mod tests;
mod watch;

pub(super) use watch::{Watch, Watches};

use crate::{
    certificate::{self, Pair},
    cli::Stop,
    config::{ClientCertificates, Tls},
};
use arc_swap::ArcSwap;
use clients::{AnyClient, VouchedClient};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{path::Path, sync::Arc};

/// How a listener speaks: TLS 1.2 and 1.3, HTTP/2 preferred. The watches are told to `watches`.
pub(super) fn server(
    listener: &'static str,
    tls: &Tls,
    watches: &mut Vec<Watch>,
) -> Result<Arc<ServerConfig>, Stop> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let (shown, watch) = Shown::open(listener, tls, &provider)?;
    watches.push(watch);
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(Stop::cannot_run)?;
    let builder = match (tls.client_certificates, &tls.client_ca) {
        (ClientCertificates::None, _) => builder.with_no_client_auth(),
        (ClientCertificates::Ask, _) => {
            builder.with_client_cert_verifier(Arc::new(AnyClient::new(provider)))
        }
        (ClientCertificates::Require, Some(file)) => {
            let (verifier, watch) = VouchedClient::open(listener, file, &provider)?;
            watches.push(watch);
            builder.with_client_cert_verifier(Arc::new(verifier))
        }
        (ClientCertificates::Require, None) => {
            return Err(Stop::cannot_run(format!("[{listener}] tls has no client_ca")));
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if tls.client_certificates != ClientCertificates::None {
        // A resumed session would carry a certificate that nobody has looked at since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// What a listener shows now.
#[derive(Clone, Debug)]
struct Shown(Arc<ArcSwap<CertifiedKey>>);

impl Shown {
    fn open(
        listener: &'static str,
        tls: &Tls,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(Self, Watch), Stop> {
        let read = |path: &Path| std::fs::read(path).unwrap_or_default();
        let first = Pair::parse(&read(&tls.cert), &read(&tls.key), provider);
        let files = [tls.cert.clone(), tls.key.clone()];
        let unusable = |fault| Stop::cannot_run(watch::unusable(&files, &fault));
        let shown = Self(Arc::new(ArcSwap::from_pointee(first.map_err(unusable)?.key)));
        let (put, provider) = (shown.clone(), provider.clone());
        let watch = Watch::open(listener, files.to_vec(), move |contents| {
            let [cert, key] = contents else { return Err("a file is missing".to_owned()) };
            let pair = Pair::parse(cert, key, &provider)?;
            put.0.store(Arc::new(pair.key));
            Ok(Some(pair.not_after))
        })?;
        Ok((shown, watch))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The certificate authorities in a PEM file.
pub(super) fn authorities(file: &Path) -> Result<Arc<RootCertStore>, Stop> {
    let fault = |fault: &dyn std::fmt::Display| {
        Stop::cannot_run(format!("the authorities in {} cannot be used: {fault}", file.display()))
    };
    let pem = std::fs::read(file).map_err(|found| fault(&found))?;
    certificate::authorities(&pem).map(Arc::new).map_err(|found| fault(&found))
}
