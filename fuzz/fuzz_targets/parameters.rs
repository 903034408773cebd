//! The parameters of `/authorize` and of `/token`, by form and by JSON, and forms of our own pages.
#![no_main]

use portcullis_web::form::{Form, pairs};

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    portcullis_issuer::fuzzed::parameters(body);
    if let (Ok(form), Some(pairs)) = (Form::parse(body), pairs(body)) {
        for (name, value) in pairs {
            // Strict: no name comes twice, so what stands there is what is read.
            assert_eq!(form.get(&name), Some(value.as_str()).filter(|value| !value.is_empty()));
        }
    }
});
