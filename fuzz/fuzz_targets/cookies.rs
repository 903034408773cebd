//! Cookies, and what forms prove, one value on each line: no header panics, and no guess is a token.
#![no_main]

use http::{HeaderMap, HeaderValue, header};
use portcullis_web::{
    bearer,
    cookie::{Cookie, Transport},
    csrf::{BrowserId, CsrfKey, is_cross_site},
    form,
};

const COOKIE: Cookie = Cookie::of_the_browser("c", "__Host-c");

libfuzzer_sys::fuzz_target!(|lines: &[u8]| {
    let mut headers = HeaderMap::new();
    let values = lines.split(|byte| *byte == b'\n');
    for value in values.filter_map(|value| HeaderValue::from_bytes(value).ok()) {
        for name in [header::COOKIE, header::ORIGIN, header::AUTHORIZATION, header::CONTENT_TYPE] {
            headers.append(name, value.clone());
        }
    }
    let key = CsrfKey::new(&[7; 32]);
    for transport in [Transport::Secure, Transport::Loopback] {
        let read = COOKIE.read(&headers, transport);
        if let Some(browser) = read.and_then(BrowserId::parse) {
            assert!(!key.is_token(&browser, browser.as_str()));
        }
    }
    let _ = is_cross_site(&headers, "https://id.example");
    if let Ok(Some(token)) = bearer(&headers) {
        assert!(!token.is_empty() && headers.get_all(header::AUTHORIZATION).iter().count() == 1);
    }
    let _ = (form::media_type(&headers), form::is_form(&headers));
});
