//! A directory's filter and PATCH: no input panics, and no filter takes long.
#![no_main]

libfuzzer_sys::fuzz_target!(|texts: (&str, &str)| {
    portcullis_issuer::fuzzed::scim(texts.0, texts.1);
});
