//! What a stranger wrote, made fit for a record: short, printable, and without secrets, since people put
//! the secret where the id belongs. Never used to decide anything.

use crate::{
    ClientSecret,
    grant::{Code, DeviceCode, RefreshToken},
};
use std::borrow::Cow;

/// Nothing behind this many bytes is looked at: a record costs the same whatever came.
const LOOKED_AT: usize = 1024;
/// The longest excerpt, in characters.
const LONGEST: usize = 120;

/// At most 120 characters of what came, fit for a record. What was cut is no identifier any more.
pub fn excerpt(text: &str) -> String {
    let clean = without_secrets(text);
    let mut chars = clean.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut seen: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() || text.len() > LOOKED_AT {
        seen.push('…');
    }
    seen
}

/// What every secret of our making begins with: of clients, and what they are given for people.
const PREFIXES: [&str; 4] =
    [ClientSecret::PREFIX, Code::PREFIX, RefreshToken::PREFIX, DeviceCode::PREFIX];

/// What each prefix ends with: one look for it finds them all.
const MARK: char = '_';

/// At most 1 KiB of what came, with every secret of our making taken out of it.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let text = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or_default();
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let ends = |before: Option<&str>| {
        before.is_some_and(|before| PREFIXES.iter().any(|prefix| before.ends_with(prefix)))
    };
    let next = |rest: &str| {
        let mut marks = rest.match_indices(MARK).map(|(at, mark)| at + mark.len());
        marks.find(|end| ends(rest.get(..*end)))
    };
    let (mut clean, mut rest) = (String::new(), text);
    while let Some(end) = next(rest) {
        let (before, secret) = rest.split_at(end);
        clean.push_str(before);
        clean.push_str("[removed]");
        rest = secret.trim_start_matches(inside);
    }
    if clean.is_empty() {
        return text.into();
    }
    clean.push_str(rest);
    clean.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_is_found_by_its_mark() {
        assert!(PREFIXES.iter().all(|prefix| prefix.ends_with(MARK)));
    }

    #[test]
    fn what_is_cut_is_no_identifier() {
        let cut = excerpt(&"a".repeat(500));
        assert!(cut.ends_with('…') && cut.chars().count() == 121);
        assert_eq!(excerpt("a\u{1b}[31m"), "a\u{fffd}[31m");
        assert_eq!(excerpt("x pcs_AbC-1_2, pcs_d"), "x pcs_[removed], pcs_[removed]");
        assert_eq!(excerpt("prt_01J.AbC pac_x.y"), "prt_[removed] pac_[removed]");
    }

    #[test]
    fn a_secret_is_taken_out_wherever_the_text_is_cut() {
        for before in 0..1100 {
            let text = format!("{}pcs_{}", " ".repeat(before), "S".repeat(43));
            assert!(!without_secrets(&text).contains('S'), "{before}");
        }
        let hidden = format!("pcs_{}", "S".repeat(2000));
        assert_eq!(excerpt(&hidden), "pcs_[removed]…");
        assert!(excerpt(&"ä".repeat(2000)).ends_with('…'));
    }

    #[test]
    fn a_text_of_nothing_but_secrets_costs_no_more_than_another() {
        let text = "pcs_ ".repeat(1_000_000);
        assert!(without_secrets(&text).len() < 4 * LOOKED_AT);
        assert_eq!(excerpt(&text).chars().count(), LONGEST + 1);
    }
}
