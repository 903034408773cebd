//! A web site of somebody else's, by https on a loopback port.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    serve::Listener,
};
use portcullis_web::{Outgoing, OutgoingPolicy};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

type Pages = Arc<Mutex<HashMap<String, Page>>>;

#[derive(Clone, Default)]
struct Page {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    asked: usize,
}

/// The site; what it answers can be changed at any time.
pub(crate) struct Site {
    pub(crate) base: String,
    certificate: CertificateDer<'static>,
    pages: Pages,
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((socket, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(socket).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Site {
    pub(crate) async fn open() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let pages = Pages::default();
        let app = Router::new().fallback(answer).with_state(pages.clone());
        tokio::spawn(async move { axum::serve(Tls { listener, acceptor }, app).await });
        Self { base, certificate, pages }
    }

    /// What the path answers from now on; gives its address.
    pub(crate) fn put(&self, path: &str, body: &impl ToString) -> String {
        self.answer(path, 200, &[], body)
    }

    pub(crate) fn answer(
        &self,
        path: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: &impl ToString,
    ) -> String {
        let mut pages = self.pages.lock().unwrap();
        let page = pages.entry(path.to_owned()).or_default();
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        (page.status, page.headers) = (status, headers.collect());
        page.body = body.to_string();
        format!("{}{path}", self.base)
    }

    /// How often the path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.pages.lock().unwrap().get(path).map_or(0, |page| page.asked)
    }

    /// A client that trusts this site, and may call this one address in spite of all.
    pub(crate) fn trusted(&self) -> Outgoing {
        let allowed_private = vec!["127.0.0.1/32".parse().unwrap()];
        let policy = OutgoingPolicy { allowed_private, ..OutgoingPolicy::default() };
        Outgoing::trusting(policy, [self.certificate.clone()]).unwrap()
    }
}

async fn answer(State(pages): State<Pages>, request: Request) -> Response {
    let mut pages = pages.lock().unwrap();
    let path = request.uri().path_and_query().unwrap().as_str().to_owned();
    let page = pages.entry(path).or_default();
    page.asked += 1;
    let status = if page.status == 0 { 404 } else { page.status };
    let mut response =
        Response::builder().status(status).header("content-type", "application/json");
    for (name, value) in &page.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(page.body.clone())).unwrap()
}
