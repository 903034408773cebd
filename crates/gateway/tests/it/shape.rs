//! Requests with two meanings, over a bare socket, because no honest client sends them.

use crate::house::House;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends bytes, and reads until the other side closes or has answered once.
async fn say(house: &House, bytes: &str) -> String {
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&part[..read]),
        }
        if answer.windows(4).any(|window| window == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(house: &House, line: &str, headers: &str, body: &str) -> String {
    let token = house.token();
    format!("{line}\r\nauthorization: Bearer {token}\r\n{headers}\r\n\r\n{body}")
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table: one case a line")]
async fn a_request_with_two_meanings_is_refused() {
    let house = House::open().await;
    let host = format!("host: {}", house.address);
    let post = "POST /upload HTTP/1.1";
    let cases = [
        (
            "length, then chunked",
            post,
            format!("{host}\r\ncontent-length: 5\r\ntransfer-encoding: chunked"),
            "0\r\n\r\n",
        ),
        (
            "chunked, then length",
            post,
            format!("{host}\r\ntransfer-encoding: chunked\r\nContent-Length: 5"),
            "0\r\n\r\n",
        ),
        ("two lengths", post, format!("{host}\r\ncontent-length: 5\r\ncontent-length: 6"), "abcde"),
        ("a length that is none", post, format!("{host}\r\ncontent-length: +5"), "abcde"),
        (
            "an unknown encoding",
            post,
            format!("{host}\r\ntransfer-encoding: xchunked"),
            "0\r\n\r\n",
        ),
        (
            "chunked, but not last",
            post,
            format!("{host}\r\ntransfer-encoding: chunked, gzip"),
            "0\r\n\r\n",
        ),
        (
            "a space before the colon",
            post,
            format!("{host}\r\ntransfer-encoding : chunked"),
            "0\r\n\r\n",
        ),
        ("a folded line", post, format!("{host}\r\nx-a: b\r\n c"), ""),
        ("two hosts", post, format!("{host}\r\nhost: other"), ""),
        ("no host", post, "x-a: b".into(), ""),
        (
            "another host in the request line",
            "GET http://other/generate HTTP/1.1",
            host.clone(),
            "",
        ),
        ("dot segments", "GET /public/../generate HTTP/1.1", host.clone(), ""),
        ("encoded dot segments", "GET /public/%2e%2e/generate HTTP/1.1", host.clone(), ""),
        ("an encoded slash", "GET /tenants%2ft1/files HTTP/1.1", host.clone(), ""),
        ("empty segments", "GET //generate HTTP/1.1", host.clone(), ""),
        ("an escape where none is needed", "GET /gener%61te HTTP/1.1", host.clone(), ""),
        ("an escaped question mark", "GET /a/x%3fy HTTP/1.1", host.clone(), ""),
        ("an escaped line feed", "GET /a/x%0ay HTTP/1.1", host.clone(), ""),
        ("half an escape", "GET /a/x%4 HTTP/1.1", host.clone(), ""),
        (
            "both lengths behind a fragment",
            "POST /upload#x HTTP/1.1",
            format!("{host}\r\ncontent-length: 5\r\ntransfer-encoding: chunked"),
            "0\r\n\r\n",
        ),
        (
            "both lengths with a decoy in the body",
            post,
            format!("{host}\r\ncontent-length: 5\r\ntransfer-encoding: chunked"),
            "1b\r\nPOST /upload HTTP/1.1\r\na: b\r\n\r\n0\r\n\r\n",
        ),
        ("a backslash", "GET /\\generate HTTP/1.1", host.clone(), ""),
        (
            "a chunked body where none belongs",
            "GET /generate HTTP/1.1",
            format!("{host}\r\ntransfer-encoding: chunked"),
            "0\r\n\r\n",
        ),
        (
            "chunked in HTTP/1.0",
            "POST /upload HTTP/1.0",
            format!("{host}\r\ntransfer-encoding: chunked"),
            "0\r\n\r\n",
        ),
    ];
    for (what, line, headers, body) in cases {
        let answer = say(&house, &request(&house, line, &headers, body)).await;
        assert!(
            answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.0 400"),
            "{what}: {answer}"
        );
    }
    assert_eq!(house.times_seen(), 0);
}

#[tokio::test]
async fn an_honest_chunked_request_passes() {
    let house = House::open().await;
    let headers = format!("host: {}\r\ntransfer-encoding: chunked", house.address);
    let body = "1e\r\nContent-Length: 5 in the body\n\r\n0\r\n\r\n";
    let answer = say(&house, &request(&house, "POST /upload HTTP/1.1", &headers, body)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(house.last_seen()["bytes"], 30);
}

#[tokio::test]
async fn what_follows_an_ambiguous_request_is_not_read() {
    let house = House::open().await;
    let headers =
        format!("host: {}\r\ncontent-length: 5\r\ntransfer-encoding: chunked", house.address);
    let smuggled =
        request(&house, "GET /generate HTTP/1.1", &format!("host: {}", house.address), "");
    let both = request(&house, "POST /upload HTTP/1.1", &headers, &format!("0\r\n\r\n{smuggled}"));
    let answer = say(&house, &both).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(house.times_seen(), 0);
}
