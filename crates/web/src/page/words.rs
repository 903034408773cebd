//! What pages say. Each language is one file of lines `key = text`; another language is another file and a
//! line in `OTHERS`.

use http::{HeaderMap, header};
use std::{collections::HashMap, sync::LazyLock};

/// The language of those whose own is not there.
const FIRST: (&str, &str) = ("en", include_str!("../../catalogue/en.txt"));
/// All others.
const OTHERS: &[(&str, &str)] = &[];

static LANGUAGES: LazyLock<Languages> = LazyLock::new(|| Languages {
    first: Catalogue::of(FIRST),
    others: OTHERS.iter().map(|other| Catalogue::of(*other)).chain(pseudo()).collect(),
});

struct Languages {
    first: Catalogue,
    others: Vec<Catalogue>,
}

struct Catalogue {
    lang: &'static str,
    texts: HashMap<&'static str, &'static str>,
}

impl Catalogue {
    fn of((lang, text): (&'static str, &'static str)) -> Self {
        Self { lang, texts: parse(text) }
    }
}

/// A language for tests, `qps`: each word of English in brackets, so that a text that is not of the catalogue
/// shows.
fn pseudo() -> Option<Catalogue> {
    cfg!(feature = "testing").then(|| {
        let texts = parse(FIRST.1).into_iter();
        // They live as long as the others.
        let texts = texts.map(|(key, text)| (key, &*Box::leak(bracketed(text).into_boxed_str())));
        Catalogue { lang: "qps", texts: texts.collect() }
    })
}

fn bracketed(text: &str) -> String {
    let mut out = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_alphabetic()) {
        let word = piece.trim_end_matches(|c: char| !c.is_alphabetic());
        let rest = piece.strip_prefix(word).unwrap_or_default();
        if !word.is_empty() {
            out.extend(["\u{27e6}", word, "\u{27e7}"]);
        }
        out.push_str(rest);
    }
    out
}

/// The tags of all languages that there are, best kept first.
pub fn languages() -> Vec<&'static str> {
    std::iter::once(&FIRST).chain(OTHERS).map(|(lang, _)| *lang).collect()
}

/// The words of one language.
#[derive(Clone, Copy)]
pub struct Words(&'static Catalogue);

impl Default for Words {
    fn default() -> Self {
        Self(&LANGUAGES.first)
    }
}

impl Words {
    /// The best language by the browser's settings (RFC 9110 §12.5.4).
    pub fn choose(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let mut browser: Vec<(u16, &str)> =
            accepted.unwrap_or_default().split(',').take(32).filter_map(weighted).collect();
        browser.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        Self::among(browser.into_iter().map(|(_, lang)| lang)).unwrap_or_default()
    }

    /// The first of these languages that is there: `ui_locales` (OpenID Connect Core §3.1.2.1), or the
    /// `locale` of a person.
    pub fn among<'t>(tags: impl IntoIterator<Item = &'t str>) -> Option<Self> {
        tags.into_iter().find_map(Self::of)
    }

    /// The words of a language tag: `de-CH` is served by `de`.
    fn of(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?;
        let mut all = std::iter::once(&LANGUAGES.first).chain(&LANGUAGES.others);
        let found = all.find(|words| words.lang.eq_ignore_ascii_case(primary));
        found.map(Self)
    }

    /// The tag for `lang`.
    pub const fn lang(self) -> &'static str {
        self.0.lang
    }

    /// The text of a key; the key itself if there is none, which a test of the pages rules out.
    pub fn say(self, key: &'static str) -> &'static str {
        self.find(key).unwrap_or(key)
    }

    /// The text of a key that may be missing.
    pub fn find(self, key: &str) -> Option<&'static str> {
        self.0.texts.get(key).copied()
    }

    /// The text of a key with `{0}`, `{1}`, … replaced. What is put in is text: nothing in it is replaced.
    pub fn fill(self, key: &'static str, values: &[&str]) -> String {
        let mut out = String::new();
        let mut rest = self.say(key);
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((place, after)) = after.split_once('}') else { break };
            let value = place.parse().ok().and_then(|place: usize| values.get(place));
            out.push_str(value.copied().unwrap_or_default());
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// [`fill`](Self::fill) by a number: `one` if it is 1, else `many`; `{0}` is the number.
    pub fn count(self, number: usize, one: &'static str, many: &'static str) -> String {
        self.fill(if number == 1 { one } else { many }, &[&number.to_string()])
    }

    /// Every key of this language.
    pub fn keys(self) -> impl Iterator<Item = &'static str> {
        self.0.texts.keys().copied()
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.0.lang)
    }
}

/// One entry of `Accept-Language`: its weight in thousandths. `None` if it is not wanted.
fn weighted(entry: &str) -> Option<(u16, &str)> {
    let (lang, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
    let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
    (thousandths > 0).then(|| (thousandths, lang.trim()))
}

fn parse(text: &'static str) -> HashMap<&'static str, &'static str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, text)| (key.trim(), text.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_catalogue_is_one_text() {
        let all = || std::iter::once(&FIRST).chain(OTHERS);
        for (lang, text) in all() {
            let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            assert_eq!(
                lines.count(),
                parse(text).len(),
                "{lang}: a line without text, or a key twice"
            );
        }
        let keys = |text: &'static str| {
            let mut keys: Vec<_> = parse(text).into_keys().collect();
            keys.sort_unstable();
            keys
        };
        for (lang, text) in all() {
            assert_eq!(keys(text), keys(FIRST.1), "{lang}");
        }
    }

    #[test]
    fn a_language_that_is_not_there_is_english() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "tlh;q=0.9, en-GB;q=0.1, *;q=x".parse().unwrap());
        assert_eq!(Words::choose(&headers).lang(), "en");
        assert_eq!(Words::choose(&HeaderMap::new()).lang(), "en");
        assert!(Words::among(["xx", "yy"]).is_none());
        assert_eq!(Words::among(["xx", "en-GB"]).map(Words::lang), Some("en"));
        assert_eq!(weighted("de;q=0"), None);
        assert_eq!(weighted(" de-CH"), Some((1000, "de-CH")));
    }

    #[test]
    fn a_word_in_brackets_leaves_places_and_marks_alone() {
        assert_eq!(bracketed("{0} asks, “now”."), "{0} ⟦asks⟧, “⟦now⟧”.");
    }

    #[test]
    fn what_is_put_in_stays_text() {
        let words = Words::default();
        assert_eq!(words.fill("consent.title", &["{1}", "x"]), "{1} asks for access");
    }
}
