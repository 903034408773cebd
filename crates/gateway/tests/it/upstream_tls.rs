//! Upstreams that are reached by TLS, and whose certificates are believed.

use crate::house::House;
use portcullis_gateway::settings::{Authorities, Scheme};
use reqwest::{Client, StatusCode};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn own_authority() -> Authorities {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(include_str!("tls/authority.pem"))).unwrap();
    Authorities::Only(Arc::new(roots))
}

/// Shows a certificate of the test's own authority, made for `localhost`, and answers everything.
async fn upstream() -> SocketAddr {
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server-key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate(include_str!("tls/server.pem"))], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

async fn asked(authority: String, authorities: Authorities) -> StatusCode {
    let house = House::with(|settings| {
        let upstream = &mut settings.upstreams[0];
        upstream.scheme = Scheme::Https;
        upstream.authority = authority.parse().unwrap();
        upstream.authorities = authorities;
    })
    .await;
    let request = Client::new().get(house.url("/generate")).bearer_auth(house.token());
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn an_upstream_of_an_authority_of_ones_own_is_believed_where_that_is_said() {
    let port = upstream().await.port();
    assert_eq!(asked(format!("localhost:{port}"), own_authority()).await, StatusCode::OK);
}

#[tokio::test]
async fn without_a_word_it_is_not_nor_under_another_name() {
    let port = upstream().await.port();
    let by_system = asked(format!("localhost:{port}"), Authorities::System).await;
    assert_eq!(by_system, StatusCode::BAD_GATEWAY);
    let elsewhere = asked(format!("127.0.0.1:{port}"), own_authority()).await;
    assert_eq!(elsewhere, StatusCode::BAD_GATEWAY);
}
