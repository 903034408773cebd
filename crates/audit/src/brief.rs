//! Text from outside as it is kept: cut to a length that a record can bear.

use serde::Serializer;
use std::borrow::Cow;

pub(crate) const BRIEF: usize = 512;
pub(crate) const PATH: usize = 256;
pub(crate) const LONG: usize = 2048;

pub(crate) fn brief<S: Serializer>(text: &str, sink: S) -> Result<S::Ok, S::Error> {
    sink.serialize_str(&cut(text, BRIEF))
}

pub(crate) fn path<S: Serializer>(text: &str, sink: S) -> Result<S::Ok, S::Error> {
    sink.serialize_str(&cut(text, PATH))
}

pub(crate) fn long<S: Serializer>(text: &str, sink: S) -> Result<S::Ok, S::Error> {
    sink.serialize_str(&cut(text, LONG))
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(crate) fn brief_opt<S: Serializer>(
    text: &Option<Cow<'_, str>>,
    sink: S,
) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => sink.serialize_some(&*cut(text, BRIEF)),
        None => sink.serialize_none(),
    }
}

/// At most `limit` bytes of `text` and a mark that something is gone.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let kept = (0..=limit).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    Cow::Owned(format!("{kept}…"))
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc…");
        assert_eq!(cut("aéé", 2), "a…");
    }
}
