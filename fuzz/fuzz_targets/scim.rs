//! A directory's filter, on the first line, and PATCH, below it: no input panics, and no filter takes long.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (filter, body) = text.split_once('\n').unwrap_or((text, ""));
    portcullis_issuer::fuzzed::scim(filter, body);
});
