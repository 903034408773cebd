//! What policies ruled, found by time.

use crate::support::{Chain, START, record};
use portcullis_audit::{append, ruled};
use portcullis_types::{Cause, Json, Point, Revision, Ruled, Ruling, Timestamp, Ttl};
use std::{borrow::Cow, ops::RangeInclusive};

fn at(n: u64) -> Timestamp {
    START.plus(Ttl::seconds(n))
}

/// Record `n`, at second `n`; every other one says what a policy ruled.
fn add(chain: &Chain, n: u64) {
    let write = move |tx: &mut portcullis_store::Tx<'_>| {
        let mut record = record(n);
        record.at = at(n);
        record.ruled = n.is_multiple_of(2).then(|| {
            let input = Json(format!("{{\"number\":{n}}}").into());
            let ruling = Ruling::failed(Cause::Policy, Revision::of_files([7; 32]));
            let (shadow, decision_log_id) = (None, None);
            Cow::Owned(Ruled { point: Point::Request, ruling, input, shadow, decision_log_id })
        });
        append(tx, &record)
    };
    chain.store.write_blocking(write).unwrap();
}

fn inputs(chain: &Chain, range: RangeInclusive<Timestamp>) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let range = range.clone();
        let page = chain.look(move |tx| ruled(tx, &range, after));
        for record in page.each() {
            let record = record.unwrap();
            assert_eq!(record.point, Point::Request);
            assert_eq!(record.ruling.cause, Cause::Policy);
            found.push(record.input.get().to_owned());
        }
        after = page.next();
        if after.is_none() {
            return found;
        }
    }
}

#[test]
fn every_ruling_of_a_span_is_found_once_and_in_order() {
    let chain = Chain::new();
    for n in 1..=100 {
        add(&chain, n);
    }
    let all = inputs(&chain, at(0)..=at(1000));
    let wanted: Vec<_> = (1..=50).map(|n| format!("{{\"number\":{}}}", 2 * n)).collect();
    assert_eq!(all, wanted, "over several pages");
    assert_eq!(inputs(&chain, at(10)..=at(13)), ["{\"number\":10}", "{\"number\":12}"]);
    assert_eq!(inputs(&chain, at(200)..=at(300)), Vec::<String>::new());
}
