//! The oldest records are taken out, after an export, by one who has the key; or it is found.

use crate::{
    packing::{RECORDS, packed},
    support::{Chain, id, record},
};
use portcullis_audit::{Report, Wrong, cut, cuttable, export, find, verify, verify_export};
use portcullis_store::StoreFault;
use std::ops::RangeInclusive;

fn wrongs(report: &Report) -> Vec<(u64, Wrong)> {
    report.findings.iter().map(|finding| (finding.seq, finding.wrong)).collect()
}

fn exported(chain: &Chain, range: RangeInclusive<u64>) -> Report {
    let bytes = chain.look(move |tx| {
        let mut bytes = Vec::new();
        export(tx, range, &mut bytes)?;
        Ok(bytes)
    });
    verify_export(&mut &*bytes, Some(&crate::support::key())).unwrap()
}

fn try_cut(chain: &Chain, exported: Report, n: u64) -> Result<RangeInclusive<u64>, StoreFault> {
    chain.store.write_blocking(move |tx| cut(tx, &exported, &record(n)))
}

#[test]
fn what_was_cut_is_gone_and_the_rest_still_verifies() {
    let chain = Chain::of(9);
    assert_eq!(try_cut(&chain, exported(&chain, 1..=4), 10).unwrap(), 1..=4);
    chain.append(11);
    let report = chain.verify();
    assert_eq!(report.findings, []);
    assert_eq!((report.records, report.cut.unwrap().seq), (7, 4));
    assert_eq!(report.head.unwrap().seq, 11);
    assert_eq!(chain.look(|tx| find(tx, id(4))), None);
    assert_eq!(chain.look(|tx| find(tx, id(5))), Some(record(5)));
    assert_eq!(chain.look(|tx| find(tx, id(10))), Some(record(10)), "the record of the act");

    let second = exported(&chain, 1..=7);
    assert_eq!(
        (second.findings.len(), second.records),
        (0, 3),
        "the export begins where the log does"
    );
    assert_eq!(try_cut(&chain, second, 12).unwrap(), 5..=7);
    assert!(chain.verify().is_intact());
}

#[test]
fn a_whole_log_can_be_cut_but_for_the_record_of_it() {
    let chain = Chain::of(3);
    assert_eq!(try_cut(&chain, exported(&chain, 1..=3), 4).unwrap(), 1..=3);
    let report = chain.verify();
    assert_eq!((report.findings, report.records), (vec![], 1));
}

#[test]
fn a_cut_is_made_between_batches() {
    let one = packed();
    assert_eq!(one.look(|tx| cuttable(tx, RECORDS - 1)), None);
    assert_eq!(one.look(|tx| cuttable(tx, RECORDS)), Some(1..=RECORDS));
    let part = exported(&one, 1..=RECORDS - 1);
    assert!(try_cut(&one, part, 7).unwrap_err().to_string().contains("where a batch"));
    let chain = Chain::of(6);
    let at = |through| chain.look(move |tx| cuttable(tx, through));
    assert_eq!((at(0), at(4), at(u64::MAX)), (None, Some(1..=4), Some(1..=6)));
    try_cut(&chain, exported(&chain, 1..=4), 7).unwrap();
    assert_eq!((at(4), at(5)), (None, Some(5..=5)));
}

#[test]
fn only_an_intact_export_of_this_chain_from_its_first_record_is_cut() {
    let chain = Chain::of(6);
    let refused = |exported| try_cut(&chain, exported, 7).unwrap_err().to_string();
    assert!(refused(exported(&chain, 2..=4)).contains("does not begin"));
    assert!(refused(Report::default()).contains("not intact"));
    let mut elsewhere = exported(&chain, 1..=4);
    elsewhere.head.as_mut().unwrap().hash[0] ^= 1;
    assert!(refused(elsewhere).contains("does not end where a batch"));
    let damaged = Chain::of(6);
    damaged.replace_body(2, vec![0; 100]);
    let bytes = damaged.store.read_blocking(|tx| export(tx, 1..=4, &mut Vec::new()));
    assert!(bytes.is_err() || !exported(&damaged, 1..=4).is_intact());
    let report = chain.verify();
    assert_eq!((report.records, report.cut, report.is_intact()), (6, None, true), "nothing went");
}

#[test]
fn a_cut_without_the_key_is_found() {
    let chain = Chain::of(6);
    chain.tamper(
        "INSERT INTO audit_cut SELECT 1, 3, last_hash, NULL FROM audit WHERE first_seq = 3",
        vec![],
    );
    chain.tamper("DELETE FROM audit WHERE first_seq <= 3", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(4, Wrong::Cutting)]);
    let refused = try_cut(&chain, exported(&chain, 4..=5), 7).unwrap_err();
    assert!(refused.to_string().contains("without the key"), "it is never healed: {refused}");
    chain.tamper("UPDATE audit_cut SET seal = (SELECT seal FROM audit_head)", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(4, Wrong::Cutting)], "with another seal");
    chain.tamper("UPDATE audit_cut SET last_hash = $1", vec![vec![0u8].into()]);
    let found = wrongs(&chain.verify());
    assert_eq!(found, [(1, Wrong::Cutting), (1, Wrong::Missing { through: 3 })]);
}

#[test]
fn a_note_of_a_cut_taken_away_or_put_back_is_found() {
    let chain = Chain::of(8);
    try_cut(&chain, exported(&chain, 1..=2), 9).unwrap();
    chain.tamper("CREATE TABLE kept AS SELECT * FROM audit_cut", vec![]);
    try_cut(&chain, exported(&chain, 1..=5), 10).unwrap();
    assert!(chain.verify().is_intact());
    chain.tamper("DELETE FROM audit_cut", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(1, Wrong::Missing { through: 5 })]);
    chain.tamper("INSERT INTO audit_cut SELECT * FROM kept", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(3, Wrong::Missing { through: 5 })]);
}

#[test]
fn an_anchor_of_the_last_record_that_was_cut_is_still_compared() {
    let chain = Chain::of(5);
    let mut anchor = exported(&chain, 1..=3).head.unwrap();
    try_cut(&chain, exported(&chain, 1..=3), 6).unwrap();
    assert!(chain.look(move |tx| verify(tx, Some(&anchor))).is_intact());
    anchor.hash[7] ^= 1;
    assert_eq!(wrongs(&chain.look(move |tx| verify(tx, Some(&anchor)))), [(3, Wrong::Anchor)]);
}
