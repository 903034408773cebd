//! Tests, replay, diff and spacing.

use crate::support::{bundle, input, library, request, with_head};
use portcullis_policy::{Change, Engine, Point, Record, diff, fmt, replay, test};

#[test]
fn a_test_that_fails_is_named_with_its_line() {
    let rules = with_head(
        "request",
        "decision := {\"allow\": true} if input.caller.sub == \"a\"\n\ndecision := {\"allow\": true} if {\n input.caller.sub == \"b\"\n input.resource.api\n}",
    );
    let tests = "package portcullis.request_test\n\nimport data.portcullis.request\n\n\
        test_good if request.decision.allow with input as {\"caller\": {\"sub\": \"a\"}}\n\n\
        test_bad if request.decision.allow with input as {\"caller\": {\"sub\": \"c\"}}\n\n\
        test_wrong := 1\n\nhelper := 2\n";
    let bundle = bundle(&[("request.rego", &rules), ("request_test.rego", tests)]).unwrap();
    let report = test::run(&bundle).unwrap();
    assert_eq!((report.passed, report.failures.len()), (1, 2), "{report:?}");
    assert!(!report.is_good());
    let bad = report.failures.iter().find(|it| it.test.ends_with("test_bad")).unwrap();
    assert_eq!((bad.file.as_str(), bad.line), ("request_test.rego", 7));
    let wrong = report.failures.iter().find(|it| it.test.ends_with("test_wrong")).unwrap();
    assert_eq!(wrong.why, "it is 1, not true");
    let coverage = report.coverage.first().unwrap();
    assert_eq!(coverage.file, "request.rego");
    assert!(coverage.percent() < 100.0 && coverage.percent() > 0.0, "{coverage:?}");
    assert!(coverage.missed.contains(&9), "{coverage:?}");
}

#[test]
fn a_bundle_without_tests_is_not_good() {
    let bundle = request("decision := {\"allow\": true} if input.caller.sub").unwrap();
    assert!(!test::run(&bundle).unwrap().is_good());
}

#[test]
fn tests_decide_nothing() {
    let rules = with_head("request", "decision := {\"allow\": true} if input.caller.sub == \"a\"");
    let sly = "package portcullis.request\n\ndecision := {\"allow\": true} if input.caller.sub == \"usr_a\"\n";
    let bundle = bundle(&[("request.rego", &rules), ("request_test.rego", sly)]).unwrap();
    assert!(!Engine::new(bundle).decide(Point::Request, &input("")).allow);
}

#[test]
fn a_replay_shows_what_would_flip() {
    let old = request(
        "decision := {\"allow\": true, \"scopes\": [\"model:list\"]} if input.context.hour == 9",
    )
    .unwrap();
    let new = request(
        "decision := {\"allow\": true} if { input.context.hour == 9; input.resource.method == \"GET\" }",
    )
    .unwrap();
    let engine = Engine::new(old.clone());
    let records = || {
        ["GET", "PUT", "GET"].iter().enumerate().map(|(n, method)| {
            let json = input("").to_json().replace("\"GET\"", &format!("\"{method}\""));
            let input = portcullis_policy::Input::from_json(Point::Request, &json).unwrap();
            let ruling = engine.decide(Point::Request, &input);
            Record { id: format!("d{n}"), input, ruling }
        })
    };
    let same = replay(records(), &old).unwrap();
    assert_eq!((same.decisions, same.flips.len()), (3, 0));
    let other = replay(records(), &new).unwrap();
    assert_eq!((other.decisions, other.denied, other.allowed, other.changed), (3, 1, 0, 2));
    let flip = other.flips.iter().find(|flip| !flip.becomes.allow).unwrap();
    assert_eq!((flip.id.as_str(), flip.point), ("d1", Point::Request));
    assert_eq!(flip.becomes.revision, new.revision());
}

#[test]
fn a_difference_is_told_by_rule() {
    let head = "decision := {\"allow\": true} if a\n";
    let old = request(&format!("{head}a if input.caller.sub == \"x\"\nb := 1")).unwrap();
    let new =
        request(&format!("{head}# a word\na   if input.caller.sub   == \"y\"\nc := 1")).unwrap();
    let differences = diff(&old, &new).unwrap();
    let told: Vec<_> = differences.iter().map(|it| (it.name.as_str(), it.change)).collect();
    assert_eq!(
        told,
        [
            ("portcullis.request.a", Change::Changed),
            ("portcullis.request.b", Change::Removed),
            ("portcullis.request.c", Change::Added),
        ]
    );
    assert!(
        diff(
            &old,
            &request(&format!("{head}\n\na if   input.caller.sub == \"x\" # b\nb := 1")).unwrap()
        )
        .unwrap()
        .is_empty()
    );
}

#[test]
fn spacing_is_put_right_and_nothing_else() {
    assert_eq!(
        fmt("\n\npackage a  \n\n\n\nx := 1\t\n\ty := 2\n    z := 3"),
        "package a\n\nx := 1\n\ty := 2\n\tz := 3\n"
    );
    let raw = "package a\nx := `one  \n\n\n  two  `\n";
    assert_eq!(fmt(raw), raw);
    assert_eq!(fmt("package a\nx := \"  "), "package a\nx := \"  ");
    for (name, text) in library().files().rules().chain(library().files().tests()) {
        assert_eq!(fmt(text), text, "{name}");
        assert_eq!(fmt(&fmt(text)), fmt(text));
    }
}
