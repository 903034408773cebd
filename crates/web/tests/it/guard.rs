//! Each guard, met by the attack it is there for.

use crate::server::{raw, serve};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect},
    routing::get,
};
use futures_util::stream;
use portcullis_types::Ttl;
use portcullis_web::{FetchFault, Fetched, LookUp, Loopback, Outgoing, OutgoingPolicy};
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use url::Url;

const LIMIT: usize = 1000;

fn lenient() -> OutgoingPolicy {
    OutgoingPolicy { loopback: Loopback::Allowed, ..OutgoingPolicy::default() }
}

async fn get_from(address: SocketAddr, path: &str) -> Result<Fetched, FetchFault> {
    let url = Url::parse(&format!("http://{address}{path}")).unwrap();
    Outgoing::new(lenient()).unwrap().get_json(&url, LIMIT).await
}

/// Answers every name with these addresses, and counts.
fn names(answer: &[&str], asked: &Arc<AtomicUsize>) -> LookUp {
    let answer: Vec<IpAddr> = answer.iter().map(|ip| ip.parse().unwrap()).collect();
    let asked = Arc::clone(asked);
    Arc::new(move |_| {
        asked.fetch_add(1, Ordering::SeqCst);
        let answer = answer.clone();
        Box::pin(async move { Ok(answer) })
    })
}

#[tokio::test]
async fn a_document_comes_with_its_age() {
    let headers = [(header::CACHE_CONTROL, "max-age=300")];
    let app = Router::new().route("/keys", get(move || async move { (headers, "{\"keys\":[]}") }));
    let address = serve(app).await;
    let fetched = get_from(address, "/keys").await.unwrap();
    assert_eq!(fetched.status, 200);
    assert_eq!(&*fetched.body, b"{\"keys\":[]}");
    assert_eq!(fetched.max_age, Some(Ttl::seconds(300)));
    let missing = get_from(address, "/nowhere").await.unwrap();
    assert_eq!((missing.status, missing.body.len()), (404, 0));
}

#[tokio::test]
async fn nothing_that_identifies_anyone_is_sent() {
    let seen = Arc::new(std::sync::Mutex::new(HeaderMap::new()));
    let notes = Arc::clone(&seen);
    let app = Router::new().route(
        "/",
        get(move |headers: HeaderMap| async move {
            *notes.lock().unwrap() = headers;
            ([(header::SET_COOKIE, "a=b")], "{}")
        }),
    );
    let url = Url::parse(&format!("http://{}/", serve(app).await)).unwrap();
    let client = Outgoing::new(lenient()).unwrap();
    for _ in 0..2 {
        client.get_json(&url, LIMIT).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    let mut sent: Vec<&str> = seen.keys().map(header::HeaderName::as_str).collect();
    sent.sort_unstable();
    assert_eq!(sent, ["accept", "host", "user-agent"]);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let visited = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&visited);
    let app = Router::new()
        .route("/", get(|| async { Redirect::temporary("/inner?secret=1") }))
        .route("/away", get(|| async { Redirect::permanent("http://169.254.169.254/latest") }))
        .route(
            "/inner",
            get(move || async move {
                count.fetch_add(1, Ordering::SeqCst);
                "{}"
            }),
        );
    let address = serve(app).await;
    let fault = get_from(address, "/").await.unwrap_err();
    let origin = Some(format!("http://{address}"));
    assert_eq!(fault, FetchFault::Redirect { status: 307, origin });
    let fault = get_from(address, "/away").await.unwrap_err();
    assert!(fault.is_refusal() && fault.to_string().contains("http://169.254.169.254"), "{fault}");
    assert_eq!(visited.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_large_body_is_refused_announced_or_not() {
    let chunked = || async {
        let chunk = || Ok::<_, Infallible>(Bytes::from_static(&[b' '; 100]));
        Body::from_stream(stream::repeat_with(chunk))
    };
    let app = Router::new()
        .route("/announced", get(|| async { "x".repeat(LIMIT + 1) }))
        .route("/endless", get(chunked))
        .route("/fits", get(|| async { format!("\"{}\"", "x".repeat(LIMIT - 2)) }));
    let address = serve(app).await;
    for path in ["/announced", "/endless"] {
        let fault = get_from(address, path).await.unwrap_err();
        assert_eq!(fault, FetchFault::TooLarge { limit: LIMIT }, "{path}");
    }
    assert_eq!(get_from(address, "/fits").await.unwrap().body.len(), LIMIT);
}

#[tokio::test]
async fn a_content_length_that_lies_is_seen() {
    let huge = raw("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n{}").await;
    assert_eq!(get_from(huge, "/").await, Err(FetchFault::TooLarge { limit: LIMIT }));
    let short = raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{\"more\":1}").await;
    assert_eq!(&*get_from(short, "/").await.unwrap().body, b"{}");
    let both = raw(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n{}",
    );
    let fault = get_from(both.await, "/").await.unwrap_err();
    assert!(matches!(fault, FetchFault::TimedOut | FetchFault::Interrupted { .. }), "{fault}");
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let slow = raw("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"keys\":").await;
    assert_eq!(get_from(slow, "/").await, Err(FetchFault::TimedOut));
}

#[tokio::test]
async fn what_is_not_http_or_not_json_is_refused_without_repeating_it() {
    let gibberish = raw("SSH-2.0-secret\r\n").await;
    let fault = get_from(gibberish, "/").await.unwrap_err();
    assert!(matches!(fault, FetchFault::Interrupted { .. }), "{fault}");
    assert!(!fault.to_string().contains("secret"), "{fault}");
    let page = get(|| async { axum::response::Html("<p>secret</p>") });
    let cut = get(|| async { "{\"keys\":" });
    let address = serve(Router::new().route("/page", page).route("/cut", cut)).await;
    let fault = get_from(address, "/page").await.unwrap_err();
    assert_eq!(fault, FetchFault::NotJson { content_type: "text/html; charset=utf-8".to_owned() });
    assert!(matches!(get_from(address, "/cut").await, Err(FetchFault::NotJson { .. })));
}

#[tokio::test]
async fn an_error_page_is_not_read() {
    let page =
        get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "x".repeat(9999)).into_response() });
    let address = serve(Router::new().route("/", page)).await;
    let fetched = get_from(address, "/").await.unwrap();
    assert_eq!((fetched.status, fetched.body.len()), (500, 0));
}

#[tokio::test]
async fn loopback_is_called_only_where_it_is_allowed_and_only_by_its_own_names() {
    let address = serve(Router::new().route("/", get(|| async { "{}" }))).await;
    let port = address.port();
    let local = Url::parse(&format!("http://localhost:{port}/")).unwrap();
    assert!(Outgoing::new(lenient()).unwrap().get_json(&local, LIMIT).await.is_ok());
    let strict = Outgoing::new(OutgoingPolicy::default()).unwrap();
    let secure = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    let fault = strict.get_json(&secure, LIMIT).await.unwrap_err();
    assert!(matches!(fault, FetchFault::Address { .. }), "{fault}");
}

#[tokio::test]
async fn a_public_name_with_an_inner_address_is_refused() {
    for inner in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"]
    {
        let asked = Arc::new(AtomicUsize::new(0));
        let client = Outgoing::resolving_with(lenient(), names(&[inner], &asked)).unwrap();
        let url = Url::parse("https://rebind.example/").unwrap();
        let fault = client.get_json(&url, LIMIT).await.unwrap_err();
        assert!(matches!(&fault, FetchFault::Address { host, .. } if host == "rebind.example"));
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{inner}: judged and used are one look-up");
    }
}

#[tokio::test]
async fn of_mixed_addresses_only_the_allowed_one_is_called() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let exception = vec!["127.0.0.1/32".parse().unwrap()];
    let policy = OutgoingPolicy { allowed_private: exception, ..OutgoingPolicy::default() };
    let asked = Arc::new(AtomicUsize::new(0));
    let look_up = names(&["169.254.169.254", "127.0.0.2", "127.0.0.1"], &asked);
    let client = Outgoing::resolving_with(policy, look_up).unwrap();
    let url = Url::parse(&format!("https://inner.example:{port}/")).unwrap();
    let fetch = tokio::spawn(async move { client.get_json(&url, LIMIT).await });
    let (socket, _) = listener.accept().await.unwrap();
    drop(socket); // it came to the right door; there is no TLS behind it
    let fault = fetch.await.unwrap().unwrap_err();
    assert!(matches!(fault, FetchFault::Unreachable { .. }), "{fault}");
}

#[tokio::test]
async fn a_name_without_addresses_and_a_closed_port_say_so() {
    let asked = Arc::new(AtomicUsize::new(0));
    let client = Outgoing::resolving_with(lenient(), names(&[], &asked)).unwrap();
    let url = Url::parse("https://nobody.example/").unwrap();
    let fault = client.get_json(&url, LIMIT).await.unwrap_err();
    assert!(matches!(fault, FetchFault::Unresolved { .. }), "{fault}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let fault = get_from(address, "/").await.unwrap_err();
    assert!(matches!(fault, FetchFault::Unreachable { .. }), "{fault}");
}
