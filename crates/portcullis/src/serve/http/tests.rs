use super::*;
use axum::{
    Router,
    routing::{get, post},
};
use std::sync::atomic::AtomicUsize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
};

const SHORT: Limits = Limits {
    head: Duration::from_millis(60),
    idle: Duration::from_millis(60),
    drain: Duration::from_secs(10),
    connections: 64,
};
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An HTTP/2 frame of settings, which may be empty.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

struct Running {
    address: SocketAddr,
    server: Server,
    stop: watch::Sender<bool>,
}

fn start(router: Router, limits: Limits, speaks: Speaks) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let server = Server::start((listener, speaks), router, limits, stopped);
    let Ok(server) = server else { panic!("the server does not start") };
    Running { address, server, stop }
}

impl Running {
    async fn say(&self, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream
    }
}

/// Everything until the server closes, which it must.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let end = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    // A reset ends it as well.
    drop(end.unwrap());
    bytes
}

#[tokio::test]
async fn those_who_keep_it_waiting_are_cut_off() {
    let running =
        start(Router::new().route("/", get(|| async { "here" })), SHORT, Speaks::Clear(Vec::new()));
    let opening = [PREFACE, SETTINGS].concat();
    for words in
        [&b""[..], b"P", b"PRI * HT", b"GET / HTT", b"GET / HTTP/1.1\r\nhost: a", PREFACE, &opening]
    {
        rest(running.say(words).await).await;
    }
    let answer = rest(running.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "answered, and closed when no more came");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    let running = start(Router::new(), SHORT, Speaks::Tls(Arc::new(config)));
    assert_eq!(rest(running.say(b"").await).await, b"");
    assert_eq!(rest(running.say(&[22, 3, 1]).await).await, b"");
}

#[tokio::test]
async fn a_request_under_way_is_waited_for_also_when_the_server_stops() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (begun.clone(), go.clone());
    let slow = get(async move || {
        tell.notify_one();
        wait.notified().await;
        "done"
    });
    let running = start(Router::new().route("/", slow), SHORT, Speaks::Clear(Vec::new()));
    let asking = running.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    begun.notified().await;
    for _ in 0..3 {
        rest(running.say(b"").await).await; // longer than any limit
    }
    running.stop.send_replace(true);
    go.notify_one();
    let answer = rest(asking).await;
    assert!(answer.ends_with(b"done"), "{}", String::from_utf8_lossy(&answer));
    running.server.drained().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, highest) = (now.clone(), most.clone());
    let crowd = post(async move || {
        highest.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        inside.fetch_sub(1, Ordering::SeqCst);
    });
    let limits = Limits { connections: 2, ..SHORT };
    let running = start(Router::new().route("/", crowd), limits, Speaks::Clear(Vec::new()));
    let mut asking = Vec::new();
    for _ in 0..6 {
        let words = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        asking.push(running.say(words).await);
    }
    for stream in asking {
        assert!(rest(stream).await.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[test]
fn without_tls_only_this_machine_and_named_proxies_are_answered() {
    let clear = Speaks::Clear(vec!["10.0.0.0/8".parse().unwrap()]);
    for (address, answered) in [
        ("127.0.0.1:1", true),
        ("[::1]:1", true),
        ("[::ffff:127.0.0.1]:1", true),
        ("10.1.2.3:1", true),
        ("[::ffff:10.1.2.3]:1", true),
        ("192.0.2.1:1", false),
        ("[2001:db8::1]:1", false),
    ] {
        assert_eq!(clear.with(address.parse().unwrap()), answered, "{address}");
    }
}
