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
use portcullis_types::{
    Check, DecisionId, Entropy, Jti, Random, Scopes, Stage, Timestamp, Trace, Ttl,
};
use std::{borrow::Cow, fs, hint::black_box, time::Instant};

/// Names must differ as they do in life, or the batches compress far too well.
struct Xorshift(u64);

impl Entropy for Xorshift {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = self.0.to_be_bytes()[0];
        }
    }
}

/// One of 300 clients, each with a token of its own, at the `n`th millisecond.
fn record(n: u32, needed: &Scopes) -> Record<'_> {
    let now = Timestamp::from_millis(1_764_000_000_000 + i64::from(n));
    let client = n.wrapping_mul(2_654_435_761) % 300;
    let issued = Timestamp::from_millis(1_763_999_000_000 + i64::from(client));
    let mut trace = Trace::new(Stage::Access);
    for check in Check::of(Stage::Access) {
        trace.step(check, Ok(())).unwrap();
    }
    let jti = Jti::fresh(issued, &Random::draw(&mut Xorshift(u64::from(client) + 1)));
    let token = TokenFacts {
        verified: true,
        iss: "https://issuer.example.com".into(),
        sub: format!("premium-app-{client}").into(),
        client_id: format!("premium-app-{client}").into(),
        aud: "https://api.example.com/v1".into(),
        jti: jti.as_str().to_owned().into(),
        scope: "generate:basic generate:advanced".into(),
        exp: issued.seconds() + 900,
        iat: issued.seconds(),
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
    let id = DecisionId::fresh(now, &Random::draw(&mut Xorshift(u64::from(n) + 1000)));
    Record { id, at: now, trace, denial: None, ruled: None, event: Event::Access(access) }
}

/// Nanoseconds of processor time that the store's writer thread has used.
fn writer_cpu() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let writer = tasks.map(|task| task.unwrap().path()).find(|task| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "store-writer")
    });
    let stat = fs::read_to_string(writer.unwrap().join("schedstat")).unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("audit.db"), MIGRATIONS).unwrap();
    seal_with(&store, AuditKey::new(&[7; 32]));
    let needed: Scopes = "generate:basic".parse().unwrap();
    let records: Vec<_> = (0..2048).map(|n| record(n, &needed)).collect();
    let first = records.first().unwrap();
    let bytes = serde_json::to_vec(first).unwrap();
    println!("record: {} bytes", bytes.len());

    let mut buffer = Vec::with_capacity(4096);
    let mut best = u128::MAX;
    for _ in 0..400 {
        let started = Instant::now();
        for _ in 0..500 {
            buffer.clear();
            serde_json::to_writer(&mut buffer, black_box(first)).unwrap();
        }
        best = best.min(started.elapsed().as_nanos() / 500);
    }
    println!("serde_json alone: {best} ns");

    let settings =
        JournalSettings { capacity_bytes: 64 << 20, flush_interval: Ttl::from_millis(1) };
    let (journal, task) = Journal::open(store.clone(), settings);
    tokio::spawn(task);
    for size in [20u32, 100, 200, 1000, 10_000] {
        // The quickest of many rounds: what else runs on the machine hardly shows in it.
        let (mut taking, mut cpu, all) = (u128::MAX, u64::MAX, writer_cpu());
        for _ in 0..200 {
            let before = writer_cpu();
            let started = Instant::now();
            for record in records.iter().cycle().take(size as usize) {
                journal.record(black_box(record)).await.unwrap();
            }
            taking = taking.min(started.elapsed().as_nanos() / u128::from(size));
            while journal.depth_bytes() > 0 {
                tokio::task::yield_now().await;
            }
            cpu = cpu.min((writer_cpu() - before) / u64::from(size));
        }
        // The checkpoints are in the mean alone.
        let mean = (writer_cpu() - all) / (200 * u64::from(size));
        println!(
            "batch of {size}: record() {taking} ns, writer {cpu} ns of processor, {mean} on average"
        );
    }
    journal.close().await;

    let started = Instant::now();
    let report = store.read(|tx| verify(tx, None)).await.unwrap();
    let each = started.elapsed().as_nanos() / u128::from(report.records);
    println!("verify: {each} ns each, intact: {}", report.is_intact());
    let path = folder.path().join("audit.db");
    drop(store);
    let bytes = fs::metadata(path).unwrap().len() / report.records;
    println!("on disk: {bytes} bytes each");
}
