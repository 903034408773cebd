//! `X-Forwarded-For`, one on each line: an address that is believed was written by a proxy of ours.
#![no_main]

use std::net::IpAddr;

libfuzzer_sys::fuzz_target!(|lines: &[u8]| {
    let values: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
    let trusted = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    let spoofed: &[u8] = b"203.0.113.9";
    let behind = [values.as_slice(), &[b"192.0.2.1, 10.0.0.1"]].concat();
    // What our own proxy appended counts, whatever the caller wrote before.
    let found = portcullis_issuer::fuzzed::forwarded_for(&behind, &trusted);
    assert_eq!(found, Some(IpAddr::from([192, 0, 2, 1])));
    let _ = portcullis_issuer::fuzzed::forwarded_for(&values, &trusted);
    // Nobody is trusted: whoever is at the other end of the connection, it is that one.
    let found = portcullis_issuer::fuzzed::forwarded_for(&[lines, spoofed], &[]);
    assert_eq!(found, Some(IpAddr::from([127, 0, 0, 1])));
});
