//! The journal keeps what it took, waits rather than drops, and says when it cannot.

use crate::support::{Chain, id, record};
use portcullis_audit::{Journal, JournalClosed, JournalSettings, find};
use portcullis_store::StoreFault;
use portcullis_types::Ttl;

fn settings(capacity_bytes: usize, flush_interval: Ttl) -> JournalSettings {
    JournalSettings { capacity_bytes, flush_interval }
}

const HOUR: Ttl = Ttl::seconds(3600);
const AT_ONCE: Ttl = Ttl::from_millis(0);

async fn records(chain: &Chain) -> u64 {
    let report = chain.store.read(|tx| portcullis_audit::verify(tx, None)).await.unwrap();
    assert_eq!(report.findings, []);
    report.records
}

/// Makes every commit fail, as a full disk does, until [`free_disk`].
async fn fill_disk(chain: &Chain) {
    let sql = "ALTER TABLE audit RENAME TO full_disk";
    chain.store.write(move |tx| tx.execute(sql, &[])).await.unwrap();
}

async fn free_disk(chain: &Chain) {
    let sql = "ALTER TABLE full_disk RENAME TO audit";
    chain.store.write(move |tx| tx.execute(sql, &[])).await.unwrap();
}

#[tokio::test]
async fn closing_writes_everything_and_then_nothing_is_taken() {
    let chain = Chain::new();
    let (journal, task) = Journal::open(chain.store.clone(), settings(1 << 20, HOUR));
    let task = tokio::spawn(task);
    for n in 1..=100 {
        journal.record(&record(n)).await.unwrap();
    }
    assert!(journal.depth_bytes() > 100 * 150);
    journal.close().await;
    journal.close().await;
    task.await.unwrap();
    assert_eq!(journal.depth_bytes(), 0);
    assert_eq!(records(&chain).await, 100);
    assert_eq!(journal.record(&record(101)).await, Err(JournalClosed::Shut));
}

#[tokio::test]
async fn without_an_interval_a_record_is_on_the_disk_when_record_returns() {
    let chain = Chain::new();
    let (journal, task) = Journal::open(chain.store.clone(), settings(1 << 20, AT_ONCE));
    tokio::spawn(task);
    for n in 1..=5 {
        journal.record(&record(n)).await.unwrap();
        let found = chain.store.read(move |tx| find(tx, id(n))).await.unwrap();
        assert_eq!(found, Some(record(n)));
    }
}

#[tokio::test]
async fn records_reach_the_disk_after_the_interval_by_themselves() {
    let chain = Chain::new();
    let (journal, task) =
        Journal::open(chain.store.clone(), settings(1 << 20, Ttl::from_millis(1)));
    tokio::spawn(task);
    journal.record(&record(1)).await.unwrap();
    while journal.depth_bytes() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(records(&chain).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_buffer_makes_record_wait_and_loses_nothing() {
    let chain = Chain::new();
    // Half a buffer hurries the task, so that the hour never passes.
    let (journal, task) = Journal::open(chain.store.clone(), settings(2000, HOUR));
    tokio::spawn(task);
    let writers: Vec<_> = (0..8u64)
        .map(|writer| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for n in 0..200 {
                    journal.record(&record(writer * 200 + n)).await.unwrap();
                    assert!(journal.depth_bytes() < 2000 + 1000);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    journal.close().await;
    assert_eq!(records(&chain).await, 1600);
}

#[tokio::test]
async fn nothing_is_taken_into_a_full_buffer_until_there_is_room() {
    let chain = Chain::new();
    let (journal, task) = Journal::open(chain.store.clone(), settings(1, HOUR));
    journal.record(&record(1)).await.unwrap();
    let second = journal.clone();
    let second = tokio::spawn(async move { second.record(&record(2)).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!second.is_finished());
    tokio::spawn(task);
    second.await.unwrap().unwrap();
    journal.close().await;
    assert_eq!(records(&chain).await, 2);
}

#[tokio::test]
async fn a_full_disk_refuses_records_keeps_what_was_taken_and_recovers() {
    let chain = Chain::new();
    let (journal, task) =
        Journal::open(chain.store.clone(), settings(1 << 20, Ttl::from_millis(1)));
    tokio::spawn(task);
    fill_disk(&chain).await;
    journal.record(&record(1)).await.unwrap();
    let mut taken = 1;
    let refused = loop {
        match journal.record(&record(taken + 1)).await {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
        tokio::task::yield_now().await;
    };
    assert!(
        journal.is_failing()
            && matches!(&refused, JournalClosed::Failing(StoreFault::Sql(why)) if why.contains("audit"))
    );
    free_disk(&chain).await;
    while journal.record(&record(taken + 1)).await.is_err() {
        tokio::task::yield_now().await;
    }
    journal.close().await;
    assert_eq!(records(&chain).await, taken + 1);
}

#[tokio::test]
async fn those_who_wait_for_room_hear_of_a_full_disk() {
    let chain = Chain::new();
    fill_disk(&chain).await;
    let (journal, task) = Journal::open(chain.store.clone(), settings(1, Ttl::from_millis(1)));
    journal.record(&record(1)).await.unwrap();
    tokio::spawn(task);
    let refused = journal.record(&record(2)).await.unwrap_err();
    assert!(matches!(refused, JournalClosed::Failing(_)));
}

#[tokio::test]
async fn without_an_interval_each_record_hears_its_own_outcome() {
    let chain = Chain::new();
    let (journal, task) = Journal::open(chain.store.clone(), settings(1 << 20, AT_ONCE));
    tokio::spawn(task);
    journal.record(&record(1)).await.unwrap();
    fill_disk(&chain).await;
    assert!(matches!(journal.record(&record(2)).await, Err(JournalClosed::Failing(_))));
    free_disk(&chain).await;
    journal.record(&record(3)).await.unwrap();
    assert_eq!(records(&chain).await, 2, "what was refused is not recorded as passed");
}

#[tokio::test]
async fn a_journal_whose_task_is_gone_takes_nothing() {
    let chain = Chain::new();
    let (journal, task) = Journal::open(chain.store.clone(), settings(1 << 20, AT_ONCE));
    let waiting = journal.clone();
    let waiting = tokio::spawn(async move { waiting.record(&record(1)).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(task);
    assert_eq!(waiting.await.unwrap(), Err(JournalClosed::Shut));
    assert_eq!(journal.record(&record(2)).await, Err(JournalClosed::Shut));
    journal.close().await;
}
