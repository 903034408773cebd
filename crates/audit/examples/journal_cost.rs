//! What one record costs: on the request's path (`Journal::record`) and behind it (hash and insert).
//!
//! `cargo run --release -p portcullis-audit --example journal_cost`

#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::unwrap_used, reason = "a measurement that fails stops")]

use portcullis_audit::{
    Access, AuditKey, Event, Journal, JournalSettings, MIGRATIONS, Record, TokenFacts, seal_with,
    verify,
};
use portcullis_store::Store;
use portcullis_types::{Check, DecisionId, Entropy, Random, Scopes, Stage, Timestamp, Trace, Ttl};
use std::{borrow::Cow, hint::black_box, time::Instant};

struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

fn record(now: Timestamp, needed: &Scopes) -> Record<'_> {
    let mut trace = Trace::new(Stage::Access);
    for check in Check::of(Stage::Access) {
        trace.step(check, Ok(())).unwrap();
    }
    let token = TokenFacts {
        verified: true,
        iss: "https://issuer.example.com".into(),
        sub: "premium-app".into(),
        client_id: "premium-app".into(),
        aud: "https://api.example.com/v1".into(),
        jti: "01JDJ8Z7Q2M4N6P8R0T2V4X6Y8".into(),
        scope: "generate:basic generate:advanced".into(),
        exp: 1_764_000_900,
        iat: 1_764_000_000,
        kid: Some("qk3vQ8cQW3z0m1x3J3xqTqv0m6d2m0qZ1m5c7Vb2s4A".into()),
        alg: "ES256".into(),
        tenant: None,
    };
    let access = Access {
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        route: Some("chat".into()),
        api: Some("textgen".into()),
        resource: Some("https://api.example.com/v1".into()),
        needed: Some(Cow::Borrowed(needed)),
        token: Some(token),
    };
    let id = DecisionId::fresh(now, &Random::draw(&mut Counter(0)));
    Record { id, at: now, trace, denial: None, event: Event::Access(access) }
}

fn ns_per(records: u32, started: Instant) -> u128 {
    started.elapsed().as_nanos() / u128::from(records)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("audit.db"), MIGRATIONS).unwrap();
    seal_with(&store, AuditKey::new(&[7; 32]));
    let needed: Scopes = "generate:basic".parse().unwrap();
    let now = Timestamp::from_millis(1_764_000_000_000);
    println!("record: {} bytes", serde_json::to_vec(&record(now, &needed)).unwrap().len());

    let settings =
        JournalSettings { capacity_bytes: 256 << 20, flush_interval: Ttl::seconds(3600) };
    let (journal, task) = Journal::open(store.clone(), settings);
    let task = tokio::spawn(task);
    for round in 0..5 {
        const RECORDS: u32 = 60_000;
        let mut buffer = Vec::with_capacity(4096);
        let record = record(now, &needed);
        let started = Instant::now();
        for _ in 0..RECORDS {
            buffer.clear();
            serde_json::to_writer(&mut buffer, black_box(&record)).unwrap();
        }
        let json = ns_per(RECORDS, started);
        let started = Instant::now();
        for _ in 0..RECORDS {
            journal.record(black_box(&record)).await.unwrap();
        }
        println!(
            "round {round}: JSON alone {json} ns, Journal::record {} ns",
            ns_per(RECORDS, started)
        );
    }
    let started = Instant::now();
    journal.close().await;
    task.await.unwrap();
    println!("hash, insert and commit of 300000 records: {} ns each", ns_per(300_000, started));

    for size in [100, 1000] {
        let settings =
            JournalSettings { capacity_bytes: 64 << 20, flush_interval: Ttl::seconds(3600) };
        let mut behind = 0;
        for _ in 0..50 {
            let (journal, task) = Journal::open(store.clone(), settings);
            let record = record(now, &needed);
            for _ in 0..size {
                journal.record(&record).await.unwrap();
            }
            let started = Instant::now();
            let task = tokio::spawn(task);
            journal.close().await;
            behind += ns_per(size, started);
            task.await.unwrap();
        }
        println!("batch of {size}: {} ns each, with commit and fsync", behind / 50);
    }

    let started = Instant::now();
    let report = store.read(|tx| verify(tx, None)).await.unwrap();
    println!("verify: {} ns each, intact: {}", ns_per(355_000, started), report.is_intact());
}
