//! The URL that a proof is made for: compared without query and fragment, after the syntax-based
//! normalisation of RFC 3986 §6.2.2 and the scheme-based one of §6.2.3 (RFC 9449 §4.3).

use portcullis_types::Audience;
use std::fmt::{self, Write as _};
use url::Url;

/// The URL of a request, as its sender knows it. A server behind a proxy may be known by more than one
/// base; each that is configured is right, and nothing that the request itself says of its host counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Htu<'a> {
    bases: &'a [String],
    path: &'a str,
}

impl<'a> Htu<'a> {
    /// One URL, whole.
    pub const fn url(url: &'a str) -> Self {
        Self { bases: &[], path: url }
    }

    /// `path`, which begins with a slash, below any of `bases`: URLs without a trailing slash.
    pub const fn below(bases: &'a [String], path: &'a str) -> Self {
        Self { bases, path }
    }

    /// Whether `htu` names it.
    pub(super) fn is(&self, htu: &str) -> bool {
        let Some(found) = normal(htu) else { return false };
        if self.bases.is_empty() {
            return normal(self.path).is_some_and(|known| known == found);
        }
        self.bases
            .iter()
            .filter_map(|base| normal(&format!("{base}{}", self.path)))
            .any(|known| known == found)
    }
}

impl fmt::Display for Htu<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.bases.first().map_or("", String::as_str), self.path)
    }
}

/// Where callers find an API, without a trailing slash: on the host of its resource, as its metadata says
/// (RFC 9728 §3.1), and at `own`, the address of who guards it.
pub fn bases(resource: &Audience, own: Option<&str>) -> Vec<String> {
    let origin = origin(resource);
    let own = own.map(|own| own.trim_end_matches('/').to_owned());
    let own = own.filter(|own| origin.as_ref() != Some(own));
    origin.into_iter().chain(own).collect()
}

/// The origin of a resource that is a web address.
pub fn origin(resource: &Audience) -> Option<String> {
    let url = Url::parse(resource.as_str()).ok()?;
    let web = url.has_host() && matches!(url.scheme(), "http" | "https");
    web.then(|| url.origin().ascii_serialization())
}

/// Without query and fragment, one spelling. `None` for what is no plain web address: the parser would
/// mend white space and backslashes, and what was mended here may be read otherwise elsewhere.
fn normal(text: &str) -> Option<String> {
    if text
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'"' | b'<' | b'>'))
    {
        return None;
    }
    let url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https")
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return None;
    }
    let origin = url.origin().ascii_serialization();
    Some(format!("{origin}{}", one_spelling(url.path())))
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2: escapes in capitals, and none where none is needed.
fn one_spelling(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        // A number may have a sign; an escape has none.
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte));
            }
            Some(byte) => {
                // Writing to a string never fails.
                let _ = write!(out, "%{byte:02X}");
            }
            None => {
                out.push('%');
                rest = after;
                continue;
            }
        }
        rest = after.get(2..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::Htu;

    #[test]
    fn two_spellings_of_one_url_are_one() {
        let request = Htu::url("https://gw.example/v1/Chat/a~b");
        for same in [
            "https://gw.example/v1/Chat/a~b",
            "HTTPS://GW.Example:443/v1/Chat/a~b",
            "https://gw.example/v1/Chat/a%7Eb",
            "https://gw.example/v1/Chat/%61~b?x=1",
            "https://gw.example/v1/Chat/a~b#y",
            "https://gw.example/v1/x/../Chat/a~b",
        ] {
            assert!(request.is(same), "{same}");
        }
        assert!(Htu::url("https://gw.example/a%2fb").is("https://gw.example/a%2Fb"));
        assert!(!Htu::url("https://gw.example/a%0fb").is("https://gw.example/a%+fb"));
        assert!(Htu::url("https://gw.example").is("https://gw.example/"));
    }

    #[test]
    fn another_url_is_another() {
        let request = Htu::url("https://gw.example/v1/chat");
        for other in [
            "http://gw.example/v1/chat",
            "https://gw.example:8443/v1/chat",
            "https://gw.example.evil/v1/chat",
            "https://evil@gw.example/v1/chat",
            "https://gw.example/v1/chat/",
            "https://gw.example/v1/Chat",
            "https://gw.example/v1%2Fchat",
            "https://gw.example\\v1\\chat",
            "https://gw.example/v1/\tchat",
            " https://gw.example/v1/chat",
            "//gw.example/v1/chat",
            "/v1/chat",
            "",
        ] {
            assert!(!request.is(other), "{other}");
        }
    }

    #[test]
    fn a_request_is_below_any_of_the_bases() {
        let bases = ["https://gw.example".to_owned(), "https://api.example/gw".to_owned()];
        let request = Htu::below(&bases, "/v1/chat");
        assert!(request.is("https://gw.example/v1/chat"));
        assert!(request.is("https://api.example/gw/v1/chat"));
        assert!(!request.is("https://api.example/v1/chat"));
    }
}
