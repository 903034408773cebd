//! With certificates made for each test, over real sockets.

use super::*;
use crate::serve::http::{Limits, Server, Speaks};
use axum::{Extension, Router, routing::get};
use portcullis_web::PeerCertificate;
use prometheus_client::{encoding::text, registry::Registry};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};
use tokio_rustls::TlsConnector;

type Authority = CertifiedIssuer<'static, KeyPair>;
type Held = (CertificateDer<'static>, PrivateKeyDer<'static>);

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn held(by: Option<&Authority>) -> Held {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["client.example".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let made = match by {
        Some(authority) => params.signed_by(&key, authority),
        None => params.self_signed(&key),
    };
    (made.unwrap().der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
}

struct House {
    folder: tempfile::TempDir,
    roots: RootCertStore,
    authority: Authority,
    next: AtomicU64,
}

impl House {
    fn new() -> Self {
        let authority = authority();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let house = Self { folder, roots, authority, next: AtomicU64::new(1) };
        house.renew();
        house
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes another pair to the same files; gives its certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.serial_number = Some(self.next.fetch_add(1, Ordering::Relaxed).into());
        let made = params.signed_by(&key, &self.authority).unwrap();
        std::fs::write(self.file("cert.pem"), made.pem()).unwrap();
        std::fs::write(self.file("key.pem"), key.serialize_pem()).unwrap();
        made.der().clone()
    }

    fn tls(&self, client_certificates: ClientCertificates, client_ca: Option<PathBuf>) -> Tls {
        let (cert, key) = (self.file("cert.pem"), self.file("key.pem"));
        Tls { cert, key, client_certificates, client_ca }
    }
}

fn serve(tls: &Tls) -> Running {
    let mut watches = Vec::new();
    let config = server("issuer", tls, &mut watches);
    let config = config.unwrap_or_else(|_| panic!("it cannot be served"));
    let router = Router::new().route(
        "/",
        get(async |shown: Option<Extension<PeerCertificate>>| {
            shown.map_or_else(|| "none".to_owned(), |shown| format!("{:?}", shown.leaf().len()))
        }),
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let speaks = Speaks::Tls(config);
    let server = Server::start((listener, speaks), router, Limits::USUAL, stopped);
    let server = server.unwrap_or_else(|_| panic!("it does not start"));
    let mut registry = Registry::default();
    let watches = Watches::new(watches, &mut registry);
    Running { address, watches, registry, _server: server, _stop: stop }
}

struct Running {
    address: SocketAddr,
    watches: Watches,
    registry: Registry,
    _server: Server,
    _stop: watch::Sender<bool>,
}

impl Running {
    fn metric(&self, line: &str) -> bool {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).unwrap();
        out.lines().any(|found| found == line)
    }

    /// What it shows, and what it answers to a request; nothing if it hangs up.
    async fn ask(
        &self,
        house: &House,
        shown: Option<Held>,
    ) -> (Option<CertificateDer<'static>>, String) {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(house.roots.clone());
        let config = match shown {
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, stream).await
        else {
            return (None, String::new());
        };
        let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let mut answer = Vec::new();
        let _ = stream.write_all(request).await;
        let _ = stream.read_to_end(&mut answer).await;
        (Some(certificate), String::from_utf8(answer).unwrap())
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let house = House::new();
    let first = house.renew();
    let running = serve(&house.tls(ClientCertificates::None, None));
    assert_eq!(running.ask(&house, None).await.0, Some(first));
    let second = house.renew();
    running.watches.look();
    let (shown, answer) = running.ask(&house, None).await;
    assert_eq!(shown, Some(second));
    assert!(answer.ends_with("none"), "{answer}");
}

#[tokio::test]
async fn a_renewal_that_cannot_be_used_leaves_the_old_one_and_is_told() {
    let house = House::new();
    let first = house.renew();
    let running = serve(&house.tls(ClientCertificates::None, None));
    let problem = |running: &Running| running.watches.health()[0]["problem"].clone();
    assert!(problem(&running).is_null());
    let stranger = KeyPair::generate().unwrap().serialize_pem();
    for (file, content) in
        [("key.pem", stranger.as_str()), ("cert.pem", "half a file"), ("cert.pem", "")]
    {
        std::fs::write(house.file(file), content).unwrap();
        running.watches.look();
        assert!(problem(&running).as_str().unwrap().contains("cannot be used"), "{file}");
        assert!(running.metric("portcullis_tls_renewal_failing{listener=\"issuer\"} 1"));
        assert_eq!(running.ask(&house, None).await.0.as_ref(), Some(&first), "{file}");
    }
    std::fs::remove_file(house.file("cert.pem")).unwrap();
    running.watches.look();
    assert!(problem(&running).as_str().unwrap().contains("does not exist"));
    let second = house.renew();
    running.watches.look();
    assert!(problem(&running).is_null());
    assert!(running.metric("portcullis_tls_renewal_failing{listener=\"issuer\"} 0"));
    assert_eq!(running.ask(&house, None).await.0, Some(second));
}

#[tokio::test]
async fn a_client_that_is_asked_may_show_any_certificate_or_none() {
    let house = House::new();
    let running = serve(&house.tls(ClientCertificates::Ask, None));
    let own = held(None);
    let length = own.0.len().to_string();
    let (_, answer) = running.ask(&house, Some(own)).await;
    assert!(answer.ends_with(&length), "{answer}");
    assert!(running.ask(&house, None).await.1.ends_with("none"));
    // Another's certificate without its key.
    let (certificate, key) = (held(None).0, held(None).1);
    let stolen =
        rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(house.roots.clone())
            .with_client_cert_resolver(Arc::new(Thief::new(certificate, &key)));
    let stream = TcpStream::connect(running.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut answer = Vec::new();
    if let Ok(mut stream) = TlsConnector::from(Arc::new(stolen)).connect(name, stream).await {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let _ = stream.read_to_end(&mut answer).await;
    }
    assert_eq!(answer, b"", "the key was not proven");
}

/// Shows a certificate with a signature of another key.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl Thief {
    fn new(certificate: CertificateDer<'static>, key: &PrivateKeyDer<'static>) -> Self {
        let key = aws_lc_rs::sign::any_supported_type(key).unwrap();
        Self(Arc::new(CertifiedKey::new(vec![certificate], key)))
    }
}

impl rustls::client::ResolvesClientCert for Thief {
    fn resolve(
        &self,
        _hints: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn where_certificates_are_required_nobody_comes_in_without_a_good_one() {
    let house = House::new();
    let (ours, theirs) = (authority(), authority());
    std::fs::write(house.file("clients.pem"), ours.pem()).unwrap();
    let tls = house.tls(ClientCertificates::Require, Some(house.file("clients.pem")));
    let running = serve(&tls);
    let (_, answer) = running.ask(&house, Some(held(Some(&ours)))).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for bad in [None, Some(held(None)), Some(held(Some(&theirs)))] {
        assert_eq!(running.ask(&house, bad).await.1, "");
    }
    std::fs::write(house.file("clients.pem"), theirs.pem()).unwrap();
    running.watches.look();
    let (_, answer) = running.ask(&house, Some(held(Some(&theirs)))).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "the new authority is believed: {answer}");
    assert_eq!(running.ask(&house, Some(held(Some(&ours)))).await.1, "");
}

#[tokio::test]
async fn handshakes_that_do_not_come_hold_up_nobody() {
    let house = House::new();
    let running = serve(&house.tls(ClientCertificates::None, None));
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(running.address).await.unwrap());
    }
    let asked = tokio::time::timeout(Duration::from_secs(20), running.ask(&house, None)).await;
    assert!(asked.unwrap().1.starts_with("HTTP/1.1 200"));
    drop(silent);
}

#[test]
fn a_pair_tells_when_its_time_is_short() {
    let (key, day) = (KeyPair::generate().unwrap(), portcullis_types::Ttl::seconds(86_400));
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2027, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 4, 1);
    let cert = params.self_signed(&key).unwrap().pem();
    let provider = aws_lc_rs::default_provider();
    let pair = Pair::parse(cert.as_bytes(), key.serialize_pem().as_bytes(), &provider).unwrap();
    let warning = |at| pair.warning(at).unwrap_or_default();
    assert!(warning(pair.not_before.minus(day)).contains("not valid before 2027-01-01"));
    assert_eq!(warning(pair.not_before.plus(day)), "");
    assert!(warning(pair.not_after.minus(day)).contains("expires 2027-04-01"));
    assert!(warning(pair.not_after).contains("has expired"));
}
