//! Request objects by value (RFC 9101), and the `claims` parameter.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    portcullis_issuer::fuzzed::request_object(text);
    portcullis_issuer::fuzzed::claims(text);
});
