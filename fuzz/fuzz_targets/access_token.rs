//! All checks on whatever stands in an Authorization header: no input panics, and none is admitted, since
//! the fuzzer does not know how to sign.
#![no_main]

#[path = "trusted.rs"]
#[expect(dead_code, reason = "nobody signs here")]
mod trusted;

use libfuzzer_sys::fuzz_target;
use portcullis_types::{Stage, Trace};
use portcullis_verify::{Glance, Presented, admit};

fuzz_target!(|headers: Vec<&[u8]>| {
    if let Ok(presented) = Presented::take(headers, Some("access_token=x")) {
        let _ = Glance::at(&presented);
        let mut trace = Trace::new(Stage::Access);
        let verdict =
            trusted::with(|target, known, now| admit(&presented, target, known, now, &mut trace));
        let denial = verdict.expect_err("nobody signed this");
        assert_eq!(trace.failed(), Some(denial.check()));
        let _ = (denial.code(), denial.remedy(), denial.expected(), denial.found());
    }
});
