//! How long an answer stays fresh by its own word (RFC 9111 §4.2, §5.2.2), for a private cache.

use portcullis_types::Ttl;
use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};

/// `max-age` less `Age`; zero for `no-store` and `no-cache`; `None` if nothing is said.
pub(crate) fn max_age(headers: &HeaderMap) -> Option<Ttl> {
    let mut stated = None;
    for value in headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()) {
        for directive in value.split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return Some(Ttl::seconds(0)),
                "max-age" => stated = stated.or_else(|| seconds(argument)),
                _ => {}
            }
        }
    }
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(seconds).unwrap_or(0);
    stated.map(|stated| Ttl::seconds(stated.saturating_sub(age)))
}

/// RFC 9111 §1.2.2: a number too large to hold means "very long".
fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim().trim_matches('"');
    let numeric = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    numeric.then(|| digits.parse().unwrap_or(1 << 31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn read(lines: &[(HeaderName, &'static str)]) -> Option<u64> {
        let headers = lines.iter().map(|(n, v)| (n.clone(), HeaderValue::from_static(v))).collect();
        max_age(&headers).map(Ttl::as_seconds)
    }

    #[test]
    fn max_age_is_read_as_servers_write_it() {
        assert_eq!(read(&[(CACHE_CONTROL, "public, MAX-AGE=600, must-revalidate")]), Some(600));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=\"600\"")]), Some(600));
        assert_eq!(read(&[(CACHE_CONTROL, "public"), (CACHE_CONTROL, "max-age=5")]), Some(5));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=600"), (AGE, "200")]), Some(400));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=600"), (AGE, "900")]), Some(0));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=99999999999999999999")]), Some(1 << 31));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=600, no-store")]), Some(0));
        assert_eq!(read(&[(CACHE_CONTROL, "max-age=-1")]), None);
        assert_eq!(read(&[(CACHE_CONTROL, "public")]), None);
        assert_eq!(read(&[]), None);
    }
}
