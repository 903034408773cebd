//! Whether a form was sent from a page of ours, in the browser that the page was made for.
//!
//! Three walls: the browser's own word about where a request comes from, a token that only our page could
//! hold, and `SameSite` on the cookies. Each holds alone.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, header};
use portcullis_types::{Entropy, Random};
use std::fmt;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Of 32 bytes in base64url.
const LENGTH: usize = 43;

/// The key of the tokens in forms. All nodes of an issuer have the same.
#[derive(Clone)]
pub struct CsrfKey(hmac::Key);

impl CsrfKey {
    /// From 32 secret bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The token of forms for a browser.
    pub fn token(&self, browser: &BrowserId) -> String {
        let tag = hmac::sign(&self.0, browser.0.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(tag)
    }

    /// Whether `found` is that token.
    pub fn is_token(&self, browser: &BrowserId, found: &str) -> bool {
        let wanted = self.token(browser);
        constant_time::verify_slices_are_equal(wanted.as_bytes(), found.as_bytes()).is_ok()
    }
}

impl fmt::Debug for CsrfKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfKey")
    }
}

/// A browser's random name, which it keeps in a cookie. A secret between it and us.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserId(String);

impl BrowserId {
    /// A new one.
    pub fn fresh(entropy: &mut dyn Entropy) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(Random::<32>::draw(entropy).bytes()))
    }

    /// One that a browser sent. `None` if we never made such a one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (text.len() == LENGTH && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// For its cookie, and to be hashed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BrowserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserId")
    }
}

/// Whether the browser itself says that a request comes from elsewhere.
///
/// `origin` is ours: scheme, host and port. Our pages have `Referrer-Policy: no-referrer`, for which browsers
/// send `Origin: null` with a form, so `null` says nothing; neither do browsers that send no header.
pub fn is_cross_site(headers: &HeaderMap, origin: &str) -> bool {
    let site = headers.get(SEC_FETCH_SITE);
    let from = headers.get(header::ORIGIN);
    site.is_some_and(|site| site != "same-origin")
        || from.is_some_and(|from| from != "null" && from != origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(u8);
    impl Entropy for Count {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
            self.0 += 1;
        }
    }

    #[test]
    fn a_token_is_good_for_one_browser_and_one_key() {
        let mut entropy = Count(0);
        let [one, other] = [(); 2].map(|()| BrowserId::fresh(&mut entropy));
        let key = CsrfKey::new(&[7; 32]);
        let token = key.token(&one);
        assert!(key.is_token(&one, &token));
        assert!(!key.is_token(&other, &token));
        assert!(!CsrfKey::new(&[8; 32]).is_token(&one, &token));
        assert!(!key.is_token(&one, ""));
        assert_eq!(BrowserId::parse(one.as_str()), Some(one));
        assert_eq!(BrowserId::parse("short"), None);
    }

    #[test]
    fn a_request_from_elsewhere_is_seen() {
        let cross = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            is_cross_site(&headers, "https://id.example")
        };
        assert!(!cross(&[("origin", "https://id.example"), ("sec-fetch-site", "same-origin")]));
        assert!(!cross(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(!cross(&[]));
        for elsewhere in ["cross-site", "same-site", "none"] {
            assert!(cross(&[("sec-fetch-site", elsewhere)]), "{elsewhere}");
        }
        for elsewhere in ["https://evil.example", "http://id.example", "https://id.example:8443"] {
            assert!(cross(&[("origin", elsewhere)]), "{elsewhere}");
        }
    }
}
