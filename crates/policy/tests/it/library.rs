//! The policies of the repository.

use crate::support::library;
use portcullis_policy::{Point, test};

#[test]
fn the_policies_of_the_repository_are_taken_without_a_doubt() {
    let bundle = library();
    let warnings: Vec<_> = bundle.warnings().iter().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{}", warnings.join("\n"));
    assert_eq!(bundle.points(), Point::ALL);
}

#[test]
fn their_own_tests_pass_and_run_through_nearly_all_of_them() {
    let report = test::run(&library()).unwrap();
    assert!(report.is_good(), "{:#?}", report.failures);
    for file in &report.coverage {
        assert!(file.percent() >= 95.0, "{}: {:?} were not run", file.file, file.missed);
    }
}
