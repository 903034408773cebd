//! Policy servers that are dead, slow, or talk nonsense: nothing is allowed, and nothing hangs.

use crate::support;
use portcullis_policy::{
    BreakerSettings, Cause, Engine, Judge, Opa, OpaSettings, Point, Surroundings,
    SurroundingsSettings,
};
use portcullis_types::Ttl;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Answers whatever it is told to.
#[derive(Clone, Default)]
struct Fake {
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    heard: Arc<Mutex<String>>,
}

impl Fake {
    async fn start() -> (Self, OpaSettings) {
        let fake = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        let settings = OpaSettings::at(address.parse().unwrap());
        // Long enough for a busy machine, where an answer is expected.
        (fake, OpaSettings { time_out: Ttl::seconds(5), ..settings })
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut heard = vec![0; 64 << 10];
        let mut length = 0;
        // A small request: everything is there when its last brace is.
        while !heard[..length].ends_with(b"}}") {
            match stream.read(&mut heard[length..]).await {
                Ok(0) | Err(_) => return,
                Ok(more) => length += more,
            }
        }
        *self.heard.lock().unwrap() = String::from_utf8_lossy(&heard[..length]).into_owned();
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.lock().unwrap().clone();
        match answer {
            Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap_or_default(),
            // It holds the line and says nothing.
            None => tokio::time::sleep(Duration::from_mins(1)).await,
        }
    }

    fn will(&self, answer: impl Into<String>) {
        *self.answer.lock().unwrap() = Some(answer.into());
    }

    fn will_say(&self, body: &str) {
        self.will(ok(body));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn at(settings: &OpaSettings) -> Opa {
    Opa::new(Point::Request, settings.clone()).unwrap()
}

#[tokio::test]
async fn an_answer_is_read_as_strictly_as_our_own() {
    let (fake, settings) = Fake::start().await;
    let opa = at(&settings);
    fake.will_say(
        r#"{"result": {"allow": true, "scopes": ["generate:basic"], "obligations": {"max_ttl": 60}},
        "decision_id": "d-1", "provenance": {"bundles": {"a": {"revision": "r7"}}}, "metrics": {}}"#,
    );
    let answered = opa.rule(&support::input("")).await;
    let ruling = answered.ruling;
    assert!(ruling.allow && ruling.cause == Cause::Policy, "{:?}", ruling.cause);
    assert_eq!(ruling.scopes.unwrap().to_string(), "generate:basic");
    assert_eq!(ruling.obligations.max_ttl, Some(60));
    assert_eq!(ruling.revision.to_string(), "opa:r7");
    assert_eq!(answered.decision_log_id.as_deref(), Some("d-1"));
    assert!(
        fake.heard
            .lock()
            .unwrap()
            .starts_with("POST /v1/data/portcullis/request/decision?provenance=true HTTP/1.1\r\n")
    );

    fake.will_say("{}");
    assert_eq!(opa.rule(&support::input("")).await.ruling.cause, Cause::Undefined);
    for no_decision in
        ["true", r#"{"allow": "yes"}"#, r#"{"allow": true, "more": 1}"#, "[]", "null"]
    {
        fake.will_say(&format!(r#"{{"result": {no_decision}}}"#));
        let ruling = opa.rule(&support::input("")).await.ruling;
        assert!(!ruling.allow, "{no_decision}");
        assert!(matches!(ruling.cause, Cause::Answer(_) | Cause::Undefined), "{:?}", ruling.cause);
    }
    // A policy that answers nonsense is no failure of the server.
    assert!(!opa.is_resting());
    let other = Opa::new(Point::Token, settings).unwrap();
    assert_eq!(other.rule(&support::input("")).await.ruling.cause, Cause::Input);
}

#[tokio::test]
async fn whatever_keeps_it_from_answering_denies_as_unreachable() {
    let (fake, settings) = Fake::start().await;
    let huge =
        format!("{{\"result\": {{\"allow\": true}}, \"more\": \"{}\"}}", "x".repeat(2 << 20));
    let deep = format!("{{\"result\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n{\"result\": {\"allow\": true}}";
    let status = |line: &str| {
        let body = r#"{"result": {"allow": true}}"#;
        format!(
            "HTTP/1.1 {line}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    for answer in [
        ok(""),
        ok("not JSON"),
        ok(r#"{"result": {"allow": true}"#),
        ok(r#"{"result": {"allow": false}, "result": {"allow": true}}"#),
        ok(r#"[{"result": {"allow": true}}]"#),
        ok(&huge),
        ok(&deep),
        cut.to_owned(),
        "not HTTP\r\n\r\n".to_owned(),
        String::new(),
        status("500 Internal Server Error"),
        status("404 Not Found"),
        status("201 Created"),
        status("302 Found\r\nlocation: http://127.0.0.1:1/"),
    ] {
        fake.will(answer.clone());
        let ruling = at(&settings).rule(&support::input("")).await.ruling;
        let shown: String = answer.chars().take(60).collect();
        assert!(!ruling.allow, "{shown}");
        assert!(matches!(ruling.cause, Cause::Unreachable(_)), "{shown}: {:?}", ruling.cause);
    }
}

#[tokio::test]
async fn one_that_is_dead_or_slow_costs_no_more_than_its_time() {
    let (fake, settings) = Fake::start().await;
    let settings = OpaSettings { time_out: Ttl::from_millis(50), in_flight: 2, ..settings };
    let opa = at(&OpaSettings {
        breaker: BreakerSettings { failures: 1000, ..settings.breaker },
        ..settings.clone()
    });
    let start = Instant::now();
    let all: Vec<_> = (0..50)
        .map(|_| {
            let opa = opa.clone();
            tokio::spawn(async move { opa.rule(&support::input("")).await.ruling })
        })
        .collect();
    for one in all {
        let ruling = one.await.unwrap();
        assert!(matches!(ruling.cause, Cause::Unreachable(_)), "{:?}", ruling.cause);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(fake.asked() < 10, "no more than two are asked at once: {}", fake.asked());

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [format!("http://{free}"), "unix:///nowhere/opa.sock".to_owned()] {
        let opa = at(&OpaSettings::at(address.parse().unwrap()));
        let ruling = opa.rule(&support::input("")).await.ruling;
        assert!(matches!(ruling.cause, Cause::Unreachable(_)), "{:?}", ruling.cause);
    }
}

#[tokio::test]
async fn after_failures_in_a_row_it_is_left_alone_and_then_tried_again() {
    let (fake, settings) = Fake::start().await;
    let rest = Ttl::from_millis(300);
    let opa = at(&OpaSettings { breaker: BreakerSettings { failures: 3, rest }, ..settings });
    fake.will("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    for _ in 0..3 {
        assert!(!opa.rule(&support::input("")).await.ruling.allow);
    }
    assert!(opa.is_resting());
    fake.will_say(r#"{"result": {"allow": true}}"#);
    let asked = fake.asked();
    let opened = Instant::now();
    let ruling = opa.rule(&support::input("")).await.ruling;
    if opened.elapsed() < Duration::from_millis(100) {
        assert!(!ruling.allow && fake.asked() == asked, "it was asked while it rests");
    }
    while !opa.rule(&support::input("")).await.ruling.allow {
        assert!(opened.elapsed() < Duration::from_secs(10), "it is never tried again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!opa.is_resting());
}

#[tokio::test]
async fn the_token_is_sent_and_shown_to_nobody() {
    let (fake, settings) = Fake::start().await;
    let opa = at(&OpaSettings { token: Some("s3cret-token".into()), ..settings });
    fake.will("nonsense\r\n\r\n");
    let ruling = opa.rule(&support::input("")).await.ruling;
    assert!(fake.heard.lock().unwrap().contains("authorization: Bearer s3cret-token\r\n"));
    assert!(!format!("{opa:?} {ruling:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_judge_asks_elsewhere_at_that_point_alone() {
    let (fake, settings) = Fake::start().await;
    fake.will_say(r#"{"result": {"allow": true}, "decision_id": "d-2"}"#);
    let engine = Arc::new(Engine::new(support::request("").unwrap()));
    let surroundings = || Surroundings::new(SurroundingsSettings::default()).unwrap();
    let points = vec![Point::Request, Point::Token];
    let here = Judge::new(engine.clone(), points.clone(), surroundings());
    assert!(
        !here.rule(&support::input("")).await.ruling.allow,
        "the bundle here denies everything"
    );

    let judge = Judge::with_opa(engine.clone(), points, surroundings(), vec![at(&settings)]);
    let ruled = judge.rule(&support::input("")).await;
    assert!(ruled.ruling.allow && ruled.shadow.is_none());
    assert_eq!(ruled.decision_log_id.as_deref(), Some("d-2"));
    engine.set_shadow(Some(support::request("").unwrap()));
    let ruled = judge.clerk().rule(&support::input("")).await;
    assert!(ruled.ruling.allow && !ruled.shadow.unwrap().allow, "shadow is judged here");
    assert!(judge.opa(Point::Token).is_none());
}
