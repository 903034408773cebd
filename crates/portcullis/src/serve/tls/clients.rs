//! Who may connect, by certificate.

use super::watch::Watch;
use crate::{certificate, cli::Stop};
use arc_swap::ArcSwapOption;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use std::{fmt, path::Path, sync::Arc};

/// Asks for a certificate, and takes any whose private key the client proves to hold. Who vouches for it,
/// whose it is and whether it is valid is not asked here: that is judged where it is known who calls.
#[derive(Debug)]
pub(super) struct AnyClient(Arc<CryptoProvider>);

impl AnyClient {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self(provider)
    }
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Lets nobody in whom the authorities of a file do not vouch for. The file may change.
pub(super) struct VouchedClient {
    any: AnyClient,
    now: Arc<ArcSwapOption<Arc<dyn ClientCertVerifier>>>,
}

impl VouchedClient {
    pub(super) fn open(
        listener: &'static str,
        file: &Path,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(Self, Watch), Stop> {
        let now = Arc::new(ArcSwapOption::empty());
        let verifier = Self { any: AnyClient::new(provider.clone()), now: now.clone() };
        let provider = provider.clone();
        let watch = Watch::open(listener, vec![file.to_owned()], move |contents| {
            let roots = certificate::authorities(contents.first().map_or(&[], Vec::as_slice))?;
            let roots = Arc::new(roots);
            let built =
                WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
            now.store(Some(Arc::new(built.map_err(|fault| fault.to_string())?)));
            Ok(None)
        })?;
        Ok((verifier, watch))
    }
}

impl fmt::Debug for VouchedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VouchedClient")
    }
}

impl ClientCertVerifier for VouchedClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verifier = self.now.load_full();
        let verifier = verifier.ok_or_else(|| Error::General("no authorities".into()))?;
        verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.any.supported_verify_schemes()
    }
}
