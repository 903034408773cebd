//! Clients that speak TLS with the gateway.

use crate::house::{House, soon};
use reqwest::{Certificate, Client, StatusCode, Version};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use std::sync::Arc;
use tokio::{io::AsyncReadExt, net::TcpStream};

/// For `localhost`, and the certificate to believe.
fn certificate() -> (Arc<ServerConfig>, Certificate) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (Arc::new(config), Certificate::from_der(made.cert.der()).unwrap())
}

#[tokio::test]
async fn handshakes_that_do_not_come_hold_up_nobody() {
    let (tls, certificate) = certificate();
    let house = House::speaking(Some(tls), |_| {}).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(house.address).await.unwrap());
    }
    let builder = || Client::builder().no_proxy().tls_certs_only([certificate.clone()]);
    let url = format!("https://localhost:{}/generate", house.address.port());
    for (client, version) in
        [(builder().http1_only(), Version::HTTP_11), (builder(), Version::HTTP_2)]
    {
        let request = client.build().unwrap().get(&url).bearer_auth(house.token());
        let answer = soon(request.send()).await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, version));
    }
    let seen = house.last_seen();
    assert_eq!(seen["headers"]["x-forwarded-proto"], "https", "{seen}");
    drop(silent);
}

/// Asks clients for a certificate; and one that a client may show.
fn asking() -> (Arc<ServerConfig>, Certificate, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let client = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(client.cert.der().clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        provider.clone(),
    );
    let key = PrivateKeyDer::Pkcs8(server.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    (Arc::new(config), Certificate::from_der(server.cert.der()).unwrap(), client)
}

#[tokio::test]
async fn a_token_of_a_certificate_passes_over_its_connection_alone() {
    let (tls, authority, client) = asking();
    let house = House::speaking(Some(tls), |_| {}).await;
    let url = format!("https://localhost:{}/generate", house.address.port());
    let hash = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, client.cert.der());
    let x5t = portcullis_jose::b64::encode(hash);
    let token = house.token_with(serde_json::json!({ "cnf": { "x5t#S256": x5t } }));
    let pem = client.cert.pem() + &client.signing_key.serialize_pem();
    let identity = reqwest::Identity::from_pem(pem.as_bytes()).unwrap();
    let builder = || Client::builder().no_proxy().tls_certs_only([authority.clone()]);
    for (client, status) in
        [(builder(), StatusCode::UNAUTHORIZED), (builder().identity(identity), StatusCode::OK)]
    {
        let request = client.build().unwrap().get(&url).bearer_auth(&token);
        // What a client writes of its certificate itself counts for nothing.
        let request = request.header("client-cert", ":YWJj:");
        assert_eq!(soon(request.send()).await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn a_handshake_has_its_time_and_no_more() {
    let (tls, _) = certificate();
    let house = House::speaking(Some(tls), |settings| {
        settings.timeouts.request_headers = portcullis_types::Ttl::from_millis(50);
    })
    .await;
    let mut silent = TcpStream::connect(house.address).await.unwrap();
    let mut rest = Vec::new();
    let _ = soon(silent.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"", "cut off");
}
