//! What pages say. Each language is one file of lines `key = text`; another language is another file and a
//! line in `CATALOGUES`.

use http::{HeaderMap, header};
use std::{collections::HashMap, sync::LazyLock};

/// The first one is the language of those whose own is not there.
const CATALOGUES: [(&str, &str); 1] = [("en", include_str!("../../catalogue/en.txt"))];

static WORDS: LazyLock<[Catalogue; 1]> =
    LazyLock::new(|| CATALOGUES.map(|(lang, text)| Catalogue { lang, texts: parse(text) }));

struct Catalogue {
    lang: &'static str,
    texts: HashMap<&'static str, &'static str>,
}

/// The words of one language.
#[derive(Clone, Copy)]
pub struct Words(&'static Catalogue);

impl Default for Words {
    fn default() -> Self {
        let [first, ..] = &*WORDS;
        Self(first)
    }
}

impl Words {
    /// The best language of those that are wanted: first by `ui_locales` (OpenID Connect Core §3.1.2.1),
    /// then by the browser's settings (RFC 9110 §12.5.4).
    pub fn choose(ui_locales: Option<&str>, headers: &HeaderMap) -> Self {
        let asked = ui_locales.unwrap_or_default().split(' ');
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let mut browser: Vec<(u16, &str)> =
            accepted.unwrap_or_default().split(',').take(32).filter_map(weighted).collect();
        browser.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut wanted = asked.chain(browser.into_iter().map(|(_, lang)| lang));
        wanted.find_map(Self::of).unwrap_or_default()
    }

    /// The words of a language tag: `de-CH` is served by `de`.
    fn of(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?;
        let found = WORDS.iter().find(|words| words.lang.eq_ignore_ascii_case(primary));
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
        for (lang, text) in CATALOGUES {
            let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            assert_eq!(
                lines.count(),
                parse(text).len(),
                "{lang}: a line without text, or a key twice"
            );
        }
        let keys = |text| {
            let mut keys: Vec<_> = parse(text).into_keys().collect();
            keys.sort_unstable();
            keys
        };
        let [(_, first), ..] = CATALOGUES;
        for (lang, text) in CATALOGUES {
            assert_eq!(keys(text), keys(first), "{lang}");
        }
    }

    #[test]
    fn a_language_that_is_not_there_is_english() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "tlh;q=0.9, en-GB;q=0.1, *;q=x".parse().unwrap());
        assert_eq!(Words::choose(Some("xx yy"), &headers).lang(), "en");
        assert_eq!(Words::choose(None, &HeaderMap::new()).lang(), "en");
        assert_eq!(weighted("de;q=0"), None);
        assert_eq!(weighted(" de-CH"), Some((1000, "de-CH")));
    }

    #[test]
    fn what_is_put_in_stays_text() {
        let words = Words::default();
        assert_eq!(words.fill("consent.title", &["{1}", "x"]), "{1} asks for access");
    }
}
