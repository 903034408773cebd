//! What apps say about themselves (RFC 7591), at registration or in a document of their own.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    portcullis_issuer::fuzzed::client_metadata(text);
});
