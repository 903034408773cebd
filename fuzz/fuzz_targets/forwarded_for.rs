//! `X-Forwarded-For`, whatever stands in it: an address that is believed was written by a proxy of ours.
#![no_main]

use std::net::IpAddr;

libfuzzer_sys::fuzz_target!(|values: Vec<&[u8]>| {
    let trusted = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    let spoofed: &[u8] = b"203.0.113.9";
    let behind = [values.as_slice(), &[b"192.0.2.1, 10.0.0.1"]].concat();
    // What our own proxy appended counts, whatever the caller wrote before.
    let found = portcullis_issuer::fuzzed::forwarded_for(&behind, &trusted);
    assert_eq!(found, Some(IpAddr::from([192, 0, 2, 1])));
    let _ = portcullis_issuer::fuzzed::forwarded_for(&values, &trusted);
    let _ = portcullis_issuer::fuzzed::forwarded_for(&[values.concat().as_slice(), spoofed], &[]);
});
