//! A server that has bundles, and what it calls them.

use crate::support::with_head;
use portcullis_policy::{
    Bundle, Files,
    source::{Delivery, Fetched, Place, Remote},
};
use portcullis_types::Registry;
use portcullis_web::{Loopback, Outgoing, OutgoingPolicy};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use url::Url;

type Release = Arc<Mutex<(&'static str, Vec<u8>)>>;

/// A server that answers as servers with tags do.
async fn server(release: Release) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/bundle.tar.gz", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let (tag, packed) = release.lock().unwrap().clone();
            let known =
                String::from_utf8(request).unwrap().contains(&format!("if-none-match: {tag}"));
            let (status, body) = if known { ("304 -", Vec::new()) } else { ("200 -", packed) };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\netag: {tag}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
            );
            stream.write_all(&[head.into_bytes(), body].concat()).await.unwrap();
        }
    });
    url.parse().unwrap()
}

fn packed(rules: &str) -> Vec<u8> {
    let mut files = Files::default();
    files.add("request.rego", with_head("request", rules)).unwrap();
    Delivery::of(Bundle::of(files, &Registry::standard()).unwrap()).unwrap().packed
}

#[tokio::test]
async fn a_release_is_taken_though_a_broken_one_had_its_tag() {
    let good = packed("decision := {\"allow\": true} if input.resource.method == \"GET\"");
    let release: Release = Arc::new(Mutex::new(("\"v2\"", b"not a bundle".to_vec())));
    let url = server(release.clone()).await;
    let (named, loopback) = (vec![url.origin()], Loopback::Allowed);
    let policy = OutgoingPolicy { named, loopback, ..OutgoingPolicy::default() };
    let outgoing = Outgoing::new(policy).unwrap();
    let mut remote = Remote::new(Place::Url(url), outgoing, None).unwrap();
    let registry = Registry::standard();
    let Fetched::New(bad) = remote.fetch().await.unwrap() else { panic!("nothing came") };
    assert!(Delivery::open(bad, None, &registry).is_err());
    remote.refused();
    release.lock().unwrap().1.clone_from(&good);
    let Fetched::New(came) = remote.fetch().await.unwrap() else { panic!("it is kept from us") };
    assert_eq!(came, good);
    Delivery::open(came, None, &registry).unwrap();
    assert!(matches!(remote.fetch().await.unwrap(), Fetched::AsItWas), "asked for nothing twice");
}
