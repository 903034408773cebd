//! Large batches are stored compressed, and whatever is done to that is found.

use crate::support::{Chain, id, record};
use portcullis_audit::{Journal, JournalSettings, Wrong, find, tail};
use portcullis_store::Value;
use portcullis_types::Ttl;
use proptest::prelude::*;

pub(crate) const RECORDS: u64 = 200;

/// One batch of [`RECORDS`] records.
pub(crate) fn packed() -> Chain {
    let chain = Chain::new();
    let settings = JournalSettings { capacity_bytes: 1 << 24, flush_interval: Ttl::seconds(3600) };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (journal, task) = Journal::open(chain.store.clone(), settings);
        tokio::spawn(task);
        for n in 1..=RECORDS {
            journal.record(&record(n)).await.unwrap();
        }
        journal.close().await;
    });
    chain
}

#[test]
fn a_large_batch_takes_a_third_and_is_read_like_any_other() {
    let chain = packed();
    let length = chain.look(|tx| {
        let sql = "SELECT count, body_length FROM audit";
        let row = tx.query_row(sql, &[])?.unwrap();
        assert_eq!(row.int(0)?, RECORDS.cast_signed());
        row.int(1)
    });
    let stored = chain.body(1).len();
    assert!(stored * 3 < usize::try_from(length).unwrap(), "{stored} of {length}");
    let report = chain.verify();
    assert_eq!((report.findings, report.records), (vec![], RECORDS));
    assert_eq!(chain.look(|tx| find(tx, id(77))), Some(record(77)));
    assert_eq!(chain.look(|tx| tail(tx, 0, 1000)).len(), 200);
}

#[test]
fn a_length_that_is_not_the_bodys_is_found_and_asks_for_no_memory() {
    let chain = packed();
    for length in [0, -1, 10, i64::MAX] {
        chain.tamper("UPDATE audit SET body_length = $1", vec![length.into()]);
        let findings = chain.verify().findings;
        assert_eq!((findings[0].seq, findings[0].wrong), (1, Wrong::Unreadable), "{length}");
    }
    chain.tamper("UPDATE audit SET body_length = $1", vec![Value::Null]);
    assert!(!chain.verify().is_intact(), "a block is not taken for records");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A block can be spelled in several ways; what counts is what it says.
    #[test]
    fn any_change_of_one_byte_of_a_block_is_found_or_changes_no_record(
        at in any::<prop::sample::Index>(),
        with in 1u8..,
    ) {
        let chain = packed();
        let before = chain.look(|tx| tail(tx, 0, 1000));
        let mut body = chain.body(1);
        let at = at.index(body.len());
        body[at] ^= with;
        chain.replace_body(1, body);
        if chain.verify().is_intact() {
            prop_assert_eq!(chain.look(|tx| tail(tx, 0, 1000)), before, "byte {}", at);
        }
    }
}
