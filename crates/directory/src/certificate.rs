//! The client proves itself with a certificate (RFC 8705 §2).
//!
//! That it holds the private key was proven in the handshake. Here it is judged whose certificate it is:
//! one that an authority vouches for and that names the client (§2.1), or one whose key the client has
//! registered (§2.2). Whether an authority has revoked it is not looked up.

mod matcher;
mod name;

pub use matcher::{CertificateMatcher, MatcherFault, NameKind};

use crate::{
    AuthMethod, ClientAuth, ClientKeys, ClientKeysFault, Credentials, Directory, PublicKeys,
    WantedKey, authenticate::wrong_method, directory::Entry,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_jose::jwk::Jwk;
use portcullis_types::{CertificateFault as Fault, ClientProof, Timestamp};
use portcullis_web::PeerCertificate;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage};
use x509_parser::prelude::{FromDer as _, X509Certificate};

impl Directory {
    /// What proves a client that sent nothing but its name: its certificate, if it is registered for one
    /// (RFC 8705 §2). A certificate proves nothing of a client that is registered for something else.
    #[must_use]
    pub fn or_certificate(
        &self,
        credentials: Credentials,
        shown: Option<PeerCertificate>,
    ) -> Credentials {
        let Credentials::Missing { client_id: Some(client_id) } = credentials else {
            return credentials;
        };
        let known = self.known(&client_id);
        let method = match known.as_ref().map(|entry| &entry.client.auth) {
            Some(ClientAuth::SelfSignedTls { .. }) => AuthMethod::SelfSignedTlsClientAuth,
            Some(ClientAuth::TlsClient { .. }) => AuthMethod::TlsClientAuth,
            // As with a client that we know: nobody learns by the time who is one.
            None if shown.is_some() => AuthMethod::TlsClientAuth,
            _ => return Credentials::Missing { client_id: Some(client_id) },
        };
        Credentials::Certificate { client_id, method, certificate: shown }
    }

    pub(crate) async fn by_certificate(
        &self,
        method: AuthMethod,
        entry: Option<&Entry>,
        shown: Option<&PeerCertificate>,
        now: Timestamp,
    ) -> Result<(), ClientProof> {
        let refuse = |fault| ClientProof::Certificate { fault };
        let shown = shown.ok_or_else(|| refuse(Fault::Absent))?;
        // Before it is known who asks: the time tells nothing about the client.
        let vouched = vouched(shown, &self.inner().authorities.load(), now);
        let client = &entry.ok_or(ClientProof::UnknownClient)?.client;
        let judged = match &client.auth {
            ClientAuth::TlsClient { matcher } => vouched.and_then(|()| names(shown, matcher)),
            ClientAuth::SelfSignedTls { .. } => {
                let keys = self
                    .keys_of(client, WantedKey::Any, now)
                    .await
                    .map_err(|trouble| refuse(Fault::Untrusted { problem: trouble.to_string() }))?;
                registered(shown, &keys, now)
            }
            _ => return Err(wrong_method(method, client)),
        };
        judged.map_err(refuse)
    }
}

/// RFC 8705 §2.1: an authority of ours vouches for it, now and for a client. Whose it is, is another
/// question.
fn vouched(
    certificate: &PeerCertificate,
    authorities: &[TrustAnchor<'_>],
    now: Timestamp,
) -> Result<(), Fault> {
    let leaf = CertificateDer::from(certificate.leaf());
    let chain: Vec<_> = certificate.chain().map(CertificateDer::from).collect();
    let malformed = |fault: Error| Fault::Malformed { problem: fault.to_string() };
    let leaf = EndEntityCert::try_from(&leaf).map_err(malformed)?;
    let seconds = u64::try_from(now.seconds()).unwrap_or_default();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let usage = KeyUsage::client_auth();
    let path =
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, authorities, &chain, time, usage, None, None);
    path.map(drop).map_err(|fault| of_webpki(&fault))
}

fn of_webpki(fault: &Error) -> Fault {
    match fault {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
            Fault::Time { problem: fault.to_string() }
        }
        _ => Fault::Untrusted { problem: fault.to_string() },
    }
}

/// RFC 8705 §2.1.2: it names the client, in the one way that is registered.
fn names(certificate: &PeerCertificate, matcher: &CertificateMatcher) -> Result<(), Fault> {
    matcher.check(&parsed(certificate)?)
}

/// RFC 8705 §2.2: its key is one of those that the client has registered. Who signed it does not matter.
fn registered(
    certificate: &PeerCertificate,
    jwks: &PublicKeys,
    now: Timestamp,
) -> Result<(), Fault> {
    let x509 = parsed(certificate)?;
    let validity = x509.validity();
    if now.seconds() < validity.not_before.timestamp() {
        return Err(Fault::Time { problem: format!("it is valid from {}", validity.not_before) });
    }
    if now.seconds() > validity.not_after.timestamp() {
        return Err(Fault::Time { problem: format!("it ended {}", validity.not_after) });
    }
    let key = public_key(&x509)?.thumbprint();
    let known = jwks.thumbprints();
    if known.contains(&key) { Ok(()) } else { Err(Fault::UnknownKey { thumbprint: key }) }
}

fn parsed(certificate: &PeerCertificate) -> Result<X509Certificate<'_>, Fault> {
    let malformed = |problem: String| Fault::Malformed { problem };
    match X509Certificate::from_der(certificate.leaf()) {
        Ok((&[], x509)) => Ok(x509),
        Ok(_) => Err(malformed("something follows the certificate".into())),
        Err(fault) => Err(malformed(fault.to_string())),
    }
}

fn public_key(x509: &X509Certificate<'_>) -> Result<Jwk, Fault> {
    let spki = STANDARD.encode(x509.public_key().raw);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
    Jwk::from_pem(&pem).map_err(|fault| Fault::Malformed { problem: fault.to_string() })
}

impl ClientKeys {
    /// The keys of certificates, for a client that proves itself with one of them (RFC 8705 §2.2). The
    /// certificates themselves are not kept: a client may have a new one made for the same key.
    pub fn of_certificates(certificates: &[CertificateDer<'_>]) -> Result<Self, ClientKeysFault> {
        let mut keys = Vec::new();
        for (place, der) in certificates.iter().enumerate() {
            let certificate = PeerCertificate::new(der.to_vec(), Vec::new());
            let key = parsed(&certificate).and_then(|x509| public_key(&x509));
            let key = key.map_err(|fault| ClientKeysFault::Certificate {
                place: place + 1,
                reason: fault.problem(),
            })?;
            let rsa = key.kty() == "RSA";
            let mut key = serde_json::to_value(key).unwrap_or_default();
            if let (true, Some(members)) = (rsa, key.as_object_mut()) {
                // A set must say what an RSA key signs. This one only ends handshakes.
                members.insert("alg".into(), "PS256".into());
            }
            keys.push(key);
        }
        Self::parse(&serde_json::json!({ "keys": keys }).to_string())
    }
}
