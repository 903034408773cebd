//! All checks on whatever stands in an Authorization header, one on each line: no input panics, and none is
//! admitted, since the fuzzer does not know how to sign.
#![no_main]

#[path = "trusted.rs"]
#[expect(dead_code, reason = "nobody signs here")]
mod trusted;

use libfuzzer_sys::fuzz_target;
use portcullis_types::{Stage, Trace};
use portcullis_verify::{Glance, Presented, admit};

fuzz_target!(|lines: &[u8]| {
    let headers = lines.split(|byte| *byte == b'\n');
    assert!(Presented::take(headers.clone(), Some("access_token=x")).is_err(), "a token too many");
    if let Ok(presented) = Presented::take(headers, Some("model=x")) {
        let _ = Glance::at(&presented);
        let mut trace = Trace::new(Stage::Access);
        let verdict =
            trusted::with(|target, known, now| admit(&presented, target, known, now, &mut trace));
        let denial = verdict.expect_err("nobody signed this");
        assert_eq!(trace.failed(), Some(denial.check()));
        let _ = (denial.code(), denial.remedy(), denial.expected(), denial.found());
    }
});
