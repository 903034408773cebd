//! Two processes on one database make one chain.

use crate::support::{Chain, key, record};
use portcullis_audit::{Journal, JournalSettings, append, seal_with};
use portcullis_store::StoreFault;
use portcullis_types::Ttl;
use proptest::prelude::*;
use tokio::runtime::Runtime;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_database_append_at_once_and_the_chain_is_one() {
    const EACH: u64 = 200;
    let chain = Chain::new();
    let stores: Vec<_> = (0..2)
        .map(|_| {
            let store = chain.open_again();
            seal_with(&store, key());
            store
        })
        .collect();
    let settings = JournalSettings { capacity_bytes: 1 << 20, flush_interval: Ttl::from_millis(1) };
    let mut tasks = Vec::new();
    for (index, store) in (0u64..).zip(stores) {
        let (journal, task) = Journal::open(store.clone(), settings);
        tokio::spawn(task);
        tasks.push(tokio::spawn(async move {
            for n in 0..EACH {
                let number = 2 * n + index;
                journal.record(&record(number)).await.unwrap();
                store.write(move |tx| append(tx, &record(number + 10_000))).await.unwrap();
            }
            journal.close().await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let report = chain.store.read(|tx| portcullis_audit::verify(tx, None)).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.records, 4 * EACH);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Journal(u8),
    Transaction(u8),
    RolledBack,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1u8..40).prop_map(Step::Journal),
        (1u8..5).prop_map(Step::Transaction),
        Just(Step::RolledBack),
        Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..12)
}

async fn walk(steps: Vec<Step>) -> (u64, portcullis_audit::Report) {
    let mut chain = Chain::new();
    let mut next = 0;
    let settings = JournalSettings { capacity_bytes: 9000, flush_interval: Ttl::from_millis(1) };
    for step in steps {
        match step {
            Step::Journal(count) => {
                let (journal, task) = Journal::open(chain.store.clone(), settings);
                tokio::spawn(task);
                for _ in 0..count {
                    next += 1;
                    journal.record(&record(next)).await.unwrap();
                }
                journal.close().await;
            }
            Step::Transaction(count) => {
                let from = next + 1;
                next += u64::from(count);
                let job = move |tx: &mut portcullis_store::Tx<'_>| {
                    (from..from + u64::from(count)).try_for_each(|n| append(tx, &record(n)))
                };
                chain.store.write(job).await.unwrap();
            }
            Step::RolledBack => {
                let job = |tx: &mut portcullis_store::Tx<'_>| {
                    append(tx, &record(7))?;
                    Err::<(), _>(StoreFault::rejected("changed my mind"))
                };
                chain.store.write(job).await.unwrap_err();
            }
            Step::Reopen => {
                chain.store = chain.open_again();
                seal_with(&chain.store, key());
            }
        }
    }
    let report = chain.store.read(|tx| portcullis_audit::verify(tx, None)).await.unwrap();
    (next, report)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_sequence_of_appends_verifies(steps in steps()) {
        let runtime = Runtime::new().unwrap();
        let (written, report) = runtime.block_on(walk(steps));
        prop_assert_eq!(report.findings, []);
        prop_assert_eq!(report.records, written);
    }
}

#[tokio::test]
async fn jobs_of_one_transaction_make_one_batch_without_those_that_were_undone() {
    let chain = Chain::new();
    // While this job runs the others gather behind it.
    let (tell, running) = tokio::sync::oneshot::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let store = chain.store.clone();
    let first = tokio::spawn(async move {
        let job = move |_: &mut portcullis_store::Tx<'_>| {
            let _ = tell.send(());
            gone.recv().map_err(StoreFault::rejected)
        };
        store.write(job).await
    });
    running.await.unwrap();
    let jobs = (1..=9).map(|n: u64| {
        chain.store.write(move |tx| {
            append(tx, &record(n))?;
            append(tx, &record(n + 20))?;
            if n.is_multiple_of(3) { Err(StoreFault::rejected("changed my mind")) } else { Ok(()) }
        })
    });
    let all_are_queued = async { go.send(()).unwrap() };
    let (outcomes, ()) = tokio::join!(futures_util::future::join_all(jobs), all_are_queued);
    first.await.unwrap().unwrap();
    let undone: Vec<_> =
        (1..=9).zip(outcomes).filter_map(|(n, done)| done.is_err().then_some(n)).collect();
    assert_eq!(undone, [3, 6, 9]);
    let report = chain.verify();
    assert!(report.is_intact(), "{report:?}");
    assert_eq!(report.records, 12);
    let batches = chain.look(|tx| tx.query_row("SELECT COUNT(*) FROM audit", &[]));
    assert_eq!(batches.unwrap().int(0).unwrap(), 1);
}

#[test]
fn a_chain_that_takes_no_record_undoes_the_job() {
    let chain = Chain::of(2);
    chain.tamper("UPDATE audit_head SET last_seq = 1 WHERE id = 1", Vec::new());
    let job = |tx: &mut portcullis_store::Tx<'_>| {
        tx.execute("DELETE FROM audit", &[])?;
        append(tx, &record(3))
    };
    assert!(chain.store.write_blocking(job).is_err());
    let rows = chain.look(|tx| tx.query_row("SELECT COUNT(*) FROM audit", &[]));
    assert_eq!(rows.unwrap().int(0).unwrap(), 2);
}
