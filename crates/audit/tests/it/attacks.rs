//! Each way to tamper, and what the verifier says to it.

use crate::support::{Chain, at, id, record};
use portcullis_audit::{Anchor, Report, Wrong, append, verify};
use portcullis_store::{Store, StoreFault, Tx, testing::Database};
use proptest::prelude::*;

fn wrongs(report: &Report) -> Vec<(u64, Wrong)> {
    report.findings.iter().map(|finding| (finding.seq, finding.wrong)).collect()
}

#[test]
fn an_untouched_chain_is_intact() {
    let chain = Chain::of(12);
    let report = chain.verify();
    assert_eq!(report.findings, []);
    assert!(report.seals_checked);
    assert_eq!(report.records, 12);
    assert_eq!(report.head.unwrap().seq, 12);
    assert_eq!((report.from, report.to), (Some(at(1)), Some(at(12))));
}

#[test]
fn an_altered_byte_is_found_with_its_decision() {
    let chain = Chain::of(5);
    let body = String::from_utf8_lossy(&chain.body(3)).find("free-app").unwrap();
    let mut altered = chain.body(3);
    altered[body] = b'F';
    chain.replace_body(3, altered);
    let report = chain.verify();
    assert_eq!(wrongs(&report), [(3, Wrong::Altered)]);
    assert_eq!(report.findings[0].id, Some(id(3)));
    assert_eq!(report.findings[0].at, Some(at(3)));
    let text =
        format!("record 3 ({}, {}): the record, or the hash before it, was altered", id(3), at(3));
    assert_eq!(report.findings[0].to_string(), text);
}

#[test]
fn a_record_altered_together_with_its_hash_is_found() {
    let chain = Chain::of(5);
    chain.store.write_blocking(|tx| forge(tx, 3)).unwrap();
    let report = chain.verify();
    assert_eq!(wrongs(&report), [(3, Wrong::Frame)]);
    assert_eq!(report.findings[0].id, Some(id(3)));
}

#[test]
fn a_batch_forged_with_its_last_hash_is_found() {
    let chain = Chain::of(5);
    chain.store.write_blocking(|tx| forge(tx, 3)).unwrap();
    let forged = chain.body(3).split_off(chain.body(3).len() - 32);
    chain.tamper("UPDATE audit SET last_hash = $1 WHERE first_seq = 3", vec![forged.into()]);
    assert_eq!(wrongs(&chain.verify()), [(3, Wrong::Seal), (4, Wrong::Unlinked)]);
}

#[test]
fn a_deleted_batch_is_found() {
    let chain = Chain::of(6);
    chain.tamper("DELETE FROM audit WHERE first_seq IN (3, 4)", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(3, Wrong::Missing { through: 4 })]);
}

#[test]
fn a_deleted_beginning_is_found() {
    let chain = Chain::of(3);
    chain.tamper("DELETE FROM audit WHERE first_seq = 1", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(1, Wrong::Missing { through: 1 })]);
}

#[test]
fn two_swapped_batches_are_found() {
    let chain = Chain::of(5);
    for (from, to) in [(2i64, 99i64), (3, 2), (99, 3)] {
        let sql = "UPDATE audit SET first_seq = $1 WHERE first_seq = $2";
        chain.tamper(sql, vec![to.into(), from.into()]);
    }
    let found = wrongs(&chain.verify());
    for expected in [(2, Wrong::Altered), (3, Wrong::Altered), (2, Wrong::Unlinked)] {
        assert!(found.contains(&expected), "{found:?}");
    }
}

#[test]
fn a_cut_tail_is_found() {
    let chain = Chain::of(5);
    chain.tamper("DELETE FROM audit WHERE first_seq >= 4", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(4, Wrong::Cut { through: 5 })]);
}

#[test]
fn a_cut_tail_with_the_head_set_back_is_found_and_never_healed() {
    let chain = Chain::of(5);
    chain.tamper("DELETE FROM audit WHERE first_seq = 5", vec![]);
    chain.tamper(
        "UPDATE audit_head SET last_seq = 4, \
         last_hash = (SELECT last_hash FROM audit WHERE first_seq = 4)",
        vec![],
    );
    assert_eq!(wrongs(&chain.verify()), [(4, Wrong::Head)]);
    let refused = chain.try_append(6).unwrap_err();
    assert!(refused.to_string().contains("head of the audit chain was altered"), "{refused}");
    assert_eq!(wrongs(&chain.verify()), [(4, Wrong::Head)]);
}

#[test]
fn a_removed_head_is_found() {
    let chain = Chain::of(2);
    chain.tamper("DELETE FROM audit_head", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(2, Wrong::Head)]);
    assert!(matches!(chain.try_append(3), Err(StoreFault::Conflict(_))));
}

#[test]
fn a_duplicated_batch_is_found() {
    let chain = Chain::of(4);
    chain.tamper(
        "INSERT INTO audit SELECT 5, count, min_ms, max_ms, prev_hash, last_hash, seal, body, body_length \
         FROM audit WHERE first_seq = 2",
        vec![],
    );
    let found = wrongs(&chain.verify());
    for expected in [(5, Wrong::Unlinked), (5, Wrong::Seal), (5, Wrong::Altered), (5, Wrong::Head)]
    {
        assert!(found.contains(&expected), "{found:?}");
    }
}

#[test]
fn a_batch_put_in_without_a_number_is_found() {
    let chain = Chain::of(3);
    chain.tamper("ALTER TABLE audit RENAME TO was", vec![]);
    chain.tamper("CREATE TABLE audit AS SELECT * FROM was", vec![]);
    chain.tamper(
        "INSERT INTO audit SELECT NULL, count, min_ms, max_ms, prev_hash, last_hash, seal, body, body_length \
         FROM was WHERE first_seq = 2",
        vec![],
    );
    assert_eq!(wrongs(&chain.verify()), [(4, Wrong::Repeated)]);
}

#[test]
fn a_batch_that_claims_more_records_than_it_has_is_found() {
    let chain = Chain::of(3);
    chain.tamper("UPDATE audit SET count = 2 WHERE first_seq = 2", vec![]);
    let found = wrongs(&chain.verify());
    assert!(
        found.contains(&(2, Wrong::Frame)) && found.contains(&(3, Wrong::Repeated)),
        "{found:?}"
    );
}

#[test]
fn times_changed_to_hide_a_record_from_look_up_are_found() {
    let chain = Chain::of(3);
    chain.tamper(
        "UPDATE audit SET max_ms = min_ms - 5, min_ms = min_ms - 5 WHERE first_seq = 2",
        vec![],
    );
    assert_eq!(wrongs(&chain.verify()), [(2, Wrong::Seal), (2, Wrong::Frame)]);
    let widened = Chain::of(3);
    widened.tamper("UPDATE audit SET max_ms = max_ms + 5 WHERE first_seq = 2", vec![]);
    assert_eq!(wrongs(&widened.verify()), [(2, Wrong::Seal)]);
}

#[test]
fn a_chain_written_anew_without_the_key_is_found_by_every_seal() {
    let elsewhere = Database::fresh();
    let forged = elsewhere.open(portcullis_audit::MIGRATIONS);
    for n in [1, 9, 3] {
        forged.write_blocking(move |tx| append(tx, &record(n))).unwrap();
    }
    let report = forged.read_blocking(|tx| verify(tx, None)).unwrap();
    assert!(report.is_intact() && !report.seals_checked, "in itself it is whole: {report:?}");
    portcullis_audit::seal_with(&forged, crate::support::key());
    let found = wrongs(&forged.read_blocking(|tx| verify(tx, None)).unwrap());
    let expected = [(1, Wrong::Seal), (2, Wrong::Seal), (3, Wrong::Seal), (3, Wrong::Head)];
    assert_eq!(found, expected);
    assert!(forged.write_blocking(|tx| append(tx, &record(4))).is_err());
}

#[test]
fn a_sealed_chain_takes_nothing_from_a_process_without_the_key() {
    let chain = Chain::of(2);
    let keyless = chain.open_again();
    let refused = keyless.write_blocking(|tx| append(tx, &record(3))).unwrap_err();
    assert!(refused.to_string().contains("no key for it"), "{refused}");
    let other = chain.open_again();
    portcullis_audit::seal_with(&other, portcullis_audit::AuditKey::new(&[1; 32]));
    assert!(other.write_blocking(|tx| append(tx, &record(3))).is_err());
    chain.append(3);
    assert!(chain.verify().is_intact());
}

#[test]
fn a_database_put_back_to_an_older_copy_is_found_by_an_anchor() {
    let chain = Chain::of(5);
    let anchor = chain.verify().head.unwrap();
    let check = move |chain: &Chain, anchor: Anchor| {
        wrongs(&chain.look(move |tx| verify(tx, Some(&anchor))))
    };
    assert_eq!(check(&chain, anchor), []);
    chain.append(6);
    assert_eq!(check(&chain, anchor), []);
    let older = Chain::of(4);
    assert_eq!(check(&older, anchor), [(5, Wrong::Cut { through: 5 })]);
    older.append(7);
    assert_eq!(check(&older, anchor), [(5, Wrong::Anchor)]);
}

#[test]
fn columns_that_cannot_have_been_written_are_findings() {
    for column in [
        "prev_hash = x'00'",
        "last_hash = x''",
        "last_hash = 'text'",
        "count = -1",
        "count = 1.5",
        "min_ms = 'soon'",
        "seal = 7",
    ] {
        let chain = Chain::in_a_file(4);
        chain.store.write_blocking(move |tx| set(tx, column, 3)).unwrap();
        assert_eq!(wrongs(&chain.verify())[0], (3, Wrong::Columns), "{column}");
    }
    for body in ["body = CAST(x'ff' AS TEXT)", "body_length = 'text'"] {
        let chain = Chain::in_a_file(4);
        chain.store.write_blocking(move |tx| set(tx, body, 3)).unwrap();
        assert_eq!(wrongs(&chain.verify())[0], (3, Wrong::Unreadable), "{body}");
    }
    for first in ["-7", "2.5", "'text'", "9223372036854775807"] {
        let chain = Chain::in_a_file(3);
        chain.store.write_blocking(move |tx| set(tx, &format!("first_seq = {first}"), 3)).unwrap();
        let found = wrongs(&chain.verify());
        let expected = [Wrong::Columns, Wrong::Missing { through: i64::MAX.cast_unsigned() - 1 }];
        assert!(found.iter().any(|(_, wrong)| expected.contains(wrong)), "{first}: {found:?}");
    }
    let chain = Chain::in_a_file(2);
    chain.tamper("UPDATE audit_head SET last_hash = x'00'", vec![]);
    assert_eq!(wrongs(&chain.verify()), [(2, Wrong::Head)]);
}

/// Statements of the house are constants; an attacker's are what he likes.
fn set(tx: &mut Tx<'_>, column: &str, first_seq: i64) -> Result<u64, StoreFault> {
    let sql = format!("UPDATE audit SET {column} WHERE first_seq = {first_seq}");
    tx.execute(Box::leak(sql.into_boxed_str()), &[])
}

#[test]
fn a_copied_file_is_verified_without_being_opened_for_writing() {
    let chain = Chain::in_a_file(4);
    let copy = chain.database.folder().join("copy.db");
    drop(chain.store);
    std::fs::copy(chain.database.file().unwrap(), &copy).unwrap();
    let copy = Store::open_read_only(&copy, portcullis_audit::MIGRATIONS).unwrap();
    let report = copy.read_blocking(|tx| verify(tx, None)).unwrap();
    assert!(report.is_intact());
    assert_eq!(report.records, 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_change_of_one_byte_of_a_body_is_found(at in any::<prop::sample::Index>(), with in 1u8..) {
        let chain = Chain::of(3);
        let mut body = chain.body(2);
        let at = at.index(body.len());
        body[at] ^= with;
        chain.replace_body(2, body);
        let report = chain.verify();
        prop_assert!(!report.is_intact(), "byte {at}");
        prop_assert_eq!(report.findings[0].seq, 2);
    }
}

/// Alters the one record of a batch and recomputes its hash from the one before, as an attacker who
/// has read this code would.
fn forge(tx: &mut Tx<'_>, first_seq: i64) -> Result<(), StoreFault> {
    use aws_lc_rs::digest::{Context, SHA256};
    let sql = "SELECT body, prev_hash FROM audit WHERE first_seq = $1";
    let row = tx.query_row(sql, &[first_seq.into()])?.unwrap();
    let mut body = row.blob(0)?.to_vec();
    let at = body.windows(8).position(|w| w == b"free-app").unwrap();
    body[at] = b'F';
    let end = body.len() - 32;
    let mut context = Context::new(&SHA256);
    context.update(row.blob(1)?);
    context.update(&first_seq.to_be_bytes());
    context.update(&body[4..end]);
    body[end..].copy_from_slice(context.finish().as_ref());
    tx.execute(
        "UPDATE audit SET body = $1 WHERE first_seq = $2",
        &[body.into(), first_seq.into()],
    )?;
    Ok(())
}
