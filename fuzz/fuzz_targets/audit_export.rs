//! An export from anywhere: it is read to its end or refused, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = portcullis_audit::verify_export(&mut &*bytes, None);
});
