//! Replacing policies while they decide.

use crate::support::{input, library, request};
use portcullis_policy::{Bundle, Cause, Engine, Point};
use portcullis_types::Registry;
use std::{sync::Arc, thread};

const OPEN: &str = "decision := {\"allow\": true} if input.caller.sub";
const SHUT: &str = "decision := {\"allow\": true} if input.caller.sub == \"nobody\"";

#[test]
fn a_worker_decides_by_the_bundle_that_is_current() {
    let engine = Arc::new(Engine::new(request(OPEN).unwrap()));
    let mut worker = engine.worker();
    let first = worker.decide(Point::Request, &input(""));
    assert!(first.allow);
    let old = engine.swap(request(SHUT).unwrap());
    assert_eq!(old.revision(), first.revision);
    let second = worker.decide(Point::Request, &input(""));
    assert!(!second.allow && second.cause == Cause::Policy);
    assert_ne!(first.revision, second.revision);
    // And back.
    engine.swap(Bundle::clone(&old));
    assert!(worker.decide(Point::Request, &input("")).allow);
}

#[test]
fn a_broken_bundle_never_replaces_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("request.rego");
    let head = "package portcullis.request\ndefault decision := {\"allow\": false}\n";
    std::fs::write(&path, format!("{head}{OPEN}")).unwrap();
    let engine = Engine::new(Bundle::load(dir.path(), &Registry::standard()).unwrap());
    let before = engine.current().revision();
    std::fs::write(&path, format!("{head}decision := {{")).unwrap();
    let refused = Bundle::load(dir.path(), &Registry::standard()).unwrap_err();
    assert!(refused.to_string().contains("request.rego:3"), "{refused}");
    assert_eq!(engine.current().revision(), before);
    assert!(engine.decide(Point::Request, &input("")).allow);
    assert!(Bundle::load(&dir.path().join("absent"), &Registry::standard()).is_err());
}

#[test]
fn the_shadow_is_asked_and_decides_nothing() {
    let engine = Arc::new(Engine::new(request(OPEN).unwrap()));
    let mut worker = engine.worker();
    assert!(worker.decide_in_shadow(Point::Request, &input("")).is_none());
    engine.set_shadow(Some(request(SHUT).unwrap()));
    assert!(worker.decide(Point::Request, &input("")).allow);
    assert!(!worker.decide_in_shadow(Point::Request, &input("")).unwrap().allow);
    assert!(!engine.decide_in_shadow(Point::Request, &input("")).unwrap().allow);
    engine.set_shadow(None);
    assert!(worker.decide_in_shadow(Point::Request, &input("")).is_none());
}

#[test]
fn a_point_without_a_policy_and_an_input_of_another_point_deny() {
    let engine = Engine::new(request(OPEN).unwrap());
    assert_eq!(engine.decide(Point::Token, &input("")).cause, Cause::Input);
    let full = Engine::new(library());
    assert_eq!(full.decide(Point::Manage, &input("")).cause, Cause::Input);
    let json = r#"{"client": {"id": "c"}, "grant": "client_credentials",
        "context": {"time": 0, "weekday": "monday", "hour": 0, "minute": 0}}"#;
    let client = portcullis_policy::Input::from_json(Point::Client, json).unwrap();
    assert_eq!(engine.decide(Point::Client, &client).cause, Cause::Absent);
}

#[test]
fn threads_decide_while_bundles_are_swapped() {
    let engine = Arc::new(Engine::new(request(OPEN).unwrap()));
    let bundles = [request(OPEN).unwrap(), request(SHUT).unwrap()];
    let [open, shut] = bundles.each_ref().map(Bundle::revision);
    let deciders: Vec<_> = (0..3)
        .map(|_| {
            let mut worker = engine.worker();
            thread::spawn(move || {
                for _ in 0..500 {
                    let ruling = worker.decide(Point::Request, &input(""));
                    // What is ruled belongs to the bundle that it names.
                    assert_eq!(ruling.allow, ruling.revision == open, "{ruling:?}");
                    assert!(ruling.revision == open || ruling.revision == shut);
                }
            })
        })
        .collect();
    for n in 0..50 {
        engine.swap(bundles[n % 2].clone());
        thread::yield_now();
    }
    for it in deciders {
        it.join().unwrap();
    }
}

#[test]
fn the_revision_is_of_names_and_contents() {
    let one = request(OPEN).unwrap().revision();
    assert_eq!(one, request(OPEN).unwrap().revision());
    assert_ne!(one, request(&format!("{OPEN}\n# a word")).unwrap().revision());
}
