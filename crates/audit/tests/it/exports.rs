//! An export is checked without the database.

use crate::support::{Chain, key};
use portcullis_audit::{Report, Wrong, export, verify_export};
use std::ops::RangeInclusive;

fn exported(chain: &Chain, range: RangeInclusive<u64>) -> String {
    let bytes = chain.look(move |tx| {
        let mut bytes = Vec::new();
        export(tx, range, &mut bytes)?;
        Ok(bytes)
    });
    String::from_utf8(bytes).unwrap()
}

fn verified(text: &str) -> Report {
    verify_export(&mut text.as_bytes(), Some(&key())).unwrap()
}

fn wrongs(text: &str) -> Vec<(u64, Wrong)> {
    verified(text).findings.iter().map(|finding| (finding.seq, finding.wrong)).collect()
}

#[test]
fn an_export_is_intact_by_itself_whole_or_in_part() {
    let chain = Chain::of(9);
    let whole = exported(&chain, 1..=u64::MAX);
    assert_eq!(whole.lines().count(), 10);
    let report = verified(&whole);
    assert_eq!(report.findings, []);
    assert_eq!((report.records, report.head), (9, chain.verify().head));
    let part = verified(&exported(&chain, 4..=6));
    assert_eq!((part.findings.len(), part.records, part.head.unwrap().seq), (0, 3, 6));
    let none = verified(&exported(&chain, 40..=60));
    assert_eq!((none.findings.len(), none.records), (0, 0));
    assert!(verify_export(&mut whole.as_bytes(), None).unwrap().is_intact());
}

#[test]
fn a_changed_a_missing_and_a_moved_line_are_found() {
    let text = exported(&Chain::of(6), 1..=6);
    assert_eq!(wrongs(&text.replacen("client.add", "client.del", 1)), [(3, Wrong::Altered)]);
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    let missing: String =
        lines.iter().enumerate().filter(|(n, _)| *n != 2).map(|(_, l)| *l).collect();
    assert_eq!(wrongs(&missing), [(3, Wrong::Missing { through: 3 })]);
    lines.swap(2, 3);
    assert!(wrongs(&lines.concat()).contains(&(3, Wrong::Missing { through: 3 })));
    lines.swap(2, 3);
    lines.insert(3, lines[2]);
    assert_eq!(wrongs(&lines.concat()), [(3, Wrong::Repeated)]);
}

#[test]
fn an_export_cut_at_its_end_is_found() {
    let text = exported(&Chain::of(4), 1..=4);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    assert_eq!(wrongs(&lines[..4].concat()), [(5, Wrong::Head)], "no last line");
    let cut = [&lines[..2], &lines[4..]].concat().concat();
    assert_eq!(wrongs(&cut), [(3, Wrong::Cut { through: 4 }), (3, Wrong::Seal)]);
}

#[test]
fn an_export_rewritten_without_the_key_is_found() {
    let forged = exported(&Chain::of(3), 1..=3);
    let text = exported(&Chain::of(5), 1..=3);
    assert_eq!(forged, text, "the same records make the same export");
    let other =
        verify_export(&mut text.as_bytes(), Some(&portcullis_audit::AuditKey::new(&[1; 32])));
    assert_eq!(other.unwrap().findings[0].wrong, Wrong::Seal);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let mut begins_later = lines[1..].concat();
    assert_eq!(wrongs(&begins_later), [(4, Wrong::Head), (4, Wrong::Seal)]);
    begins_later.insert_str(0, "nonsense\n");
    assert_eq!(wrongs(&begins_later)[0], (1, Wrong::Unreadable));
}
