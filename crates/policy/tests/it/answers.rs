//! Answers that are no decision deny, and say why.

use crate::support::{input, request};
use portcullis_policy::{Cause, Engine, Point, Ruling};

fn ruled(rules: &str) -> Ruling {
    let bundle = request(rules).unwrap_or_else(|refused| panic!("{rules}: {refused}"));
    Engine::new(bundle).decide(Point::Request, &input(""))
}

fn answered(decision: &str) -> Ruling {
    ruled(&format!("decision := {decision} if input.caller.sub"))
}

#[test]
fn a_whole_decision_is_read() {
    let ruling = answered(
        r#"{"allow": true, "scopes": ["model:list"], "datasets": {"ds_a"},
        "obligations": {"max_output_tokens": 5, "max_ttl": 60, "step_up": "mfa", "requests_per_minute": 7},
        "reasons": [{"code": "a.b", "text": "why"}]}"#,
    );
    assert!(ruling.allow);
    assert_eq!(ruling.cause, Cause::Policy);
    assert_eq!(ruling.scopes.unwrap().to_string(), "model:list");
    assert_eq!(ruling.datasets.unwrap(), ["ds_a".into()]);
    assert_eq!(ruling.obligations.max_output_tokens, Some(5));
    assert_eq!(ruling.obligations.step_up.as_deref(), Some("mfa"));
    assert_eq!(ruling.reasons.first().map(|reason| &*reason.code), Some("a.b"));
}

#[test]
fn what_is_no_decision_denies() {
    for decision in [
        r#"{"allow": "true"}"#,
        r#"{"allow": 1}"#,
        r#"{"allow": null}"#,
        r#"{"alow": true}"#,
        r#"{"allow": true, "scope": ["model:list"]}"#,
        r#"{"allow": true, "scopes": "model:list"}"#,
        r#"{"allow": true, "scopes": ["model:*"]}"#,
        r#"{"allow": true, "scopes": [1]}"#,
        r#"{"allow": true, "datasets": {"a": 1}}"#,
        r#"{"allow": true, "obligations": {"max_output_token": 1}}"#,
        r#"{"allow": true, "obligations": {"max_output_tokens": 0 - 1}}"#,
        r#"{"allow": true, "obligations": {"max_output_tokens": 1.5}}"#,
        r#"{"allow": true, "obligations": []}"#,
        r#"{"allow": true, "reasons": ["a"]}"#,
        r#"{"allow": true, "reasons": [{"code": "a"}]}"#,
        r#"{"allow": true, 1: 2}"#,
        "true",
        "[true]",
        "\"allow\"",
        "null",
    ] {
        let ruling = answered(decision);
        assert!(!ruling.allow, "{decision}");
        assert!(matches!(ruling.cause, Cause::Answer(_)), "{decision}: {:?}", ruling.cause);
        assert!(ruling.scopes.is_none() && ruling.obligations.max_output_tokens.is_none());
    }
}

#[test]
fn rules_that_contradict_each_other_deny() {
    let ruling = ruled(
        "decision := {\"allow\": true} if input.caller.sub\ndecision := {\"allow\": false} if input.caller.sub",
    );
    assert!(!ruling.allow);
    assert!(matches!(ruling.cause, Cause::Undefined | Cause::Error(_)), "{:?}", ruling.cause);
}

#[test]
fn a_call_that_fails_denies() {
    let ruling = ruled("decision := {\"allow\": true} if 1 / (input.context.time * 1) != 5");
    assert!(!ruling.allow, "{ruling:?}");
    let ruling = ruled("decision := {\"allow\": true} if to_number(input.caller.sub) != 5");
    assert!(!ruling.allow, "{ruling:?}");
}

#[test]
fn a_ruling_is_told_with_its_revision() {
    let ruling = answered(r#"{"allow": true}"#);
    let json = serde_json::to_value(&ruling).unwrap();
    let revision = json.get("revision").and_then(|it| it.as_str()).unwrap();
    assert_eq!(revision.len(), "sha256:".len() + 64);
    assert_eq!(ruling.revision.short().len(), "sha256:".len() + 12);
    assert_eq!(revision.parse::<portcullis_policy::Revision>().unwrap(), ruling.revision);
}
