//! What was acknowledged survives `kill -9`.

use crate::support::{Chain, key, record};
use portcullis_audit::{
    Journal, JournalSettings, MIGRATIONS, Wrong, append, find, seal_with, verify,
};
use portcullis_store::testing;
use portcullis_types::Ttl;
use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

/// Set in the child: the database to write to.
const DATABASE: &str = "PORTCULLIS_CRASH_TEST_DATABASE";

/// Not a test by itself: the child that is killed. Prints the number of each acknowledged record.
#[test]
fn child() {
    let Ok(database) = env::var(DATABASE) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(append_for_ever(&database));
}

async fn append_for_ever(database: &str) {
    let store = testing::open(database, MIGRATIONS).unwrap();
    seal_with(&store, key());
    let settings = JournalSettings { capacity_bytes: 1 << 20, flush_interval: Ttl::from_millis(0) };
    let (journal, task) = Journal::open(store.clone(), settings);
    tokio::spawn(task);
    for n in 0.. {
        if n % 2 == 0 {
            journal.record(&record(n)).await.unwrap();
        } else {
            store.write(move |tx| append(tx, &record(n))).await.unwrap();
        }
        eprintln!("acknowledged {n}");
    }
}

#[test]
fn every_acknowledged_record_survives_a_kill_and_the_chain_verifies() {
    let chain = Chain::new();
    let mut acknowledged = Vec::new();
    for lines in [1, 40, 250] {
        acknowledged = killed_after(lines, &chain.database.address());
        assert!(acknowledged.len() >= lines);
    }
    let report = chain.verify();
    assert_eq!(report.findings, []);
    for n in acknowledged {
        let found = chain.look(move |tx| find(tx, record(n).id));
        assert_eq!(found, Some(record(n)), "acknowledged record {n}");
    }
    let anchor = report.head.unwrap();
    chain.append(1);
    let report = chain.look(move |tx| verify(tx, Some(&anchor)));
    assert!(!report.findings.iter().any(|f| matches!(f.wrong, Wrong::Anchor | Wrong::Cut { .. })));
}

/// Runs the child, kills it once it has acknowledged `lines` records, and returns all that it did.
fn killed_after(lines: usize, database: &str) -> Vec<u64> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(DATABASE, database)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        let Some(n) = line.strip_prefix("acknowledged ").and_then(|n| n.parse().ok()) else {
            continue;
        };
        acknowledged.push(n);
        if acknowledged.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}
