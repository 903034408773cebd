//! Conditions are strict, and every one of them is shown to who asks why.

use crate::subject::house::Case;
use portcullis_types::{Denial, Inbound, Mark};
use portcullis_verify::subject::{ConditionRow, Step};
use serde_json::{Value, json};

/// Whether a condition holds for these claims.
fn holds(condition: &Value, claims: Value) -> bool {
    let case = Case::of("custom").record(json!({ "conditions": [condition] })).claims(claims);
    let outcome = case.judge().map(drop);
    assert!(matches!(outcome, Ok(()) | Err(Denial::ConditionNotMet { .. })), "{outcome:?}");
    outcome.is_ok()
}

#[test]
fn values_are_compared_with_their_type_and_byte_by_byte() {
    let org = json!({ "claim": "org", "equals": "acme" });
    assert!(holds(&org, json!({ "org": "acme" })));
    for other in [
        json!({ "org": "Acme" }),
        json!({ "org": "acme " }),
        json!({ "org": "\u{430}cme" }),
        json!({ "org": ["acme"] }),
        json!({ "org": { "acme": true } }),
        json!({ "Org": "acme" }),
        json!({ "org": true }),
        json!({}),
    ] {
        assert!(!holds(&org, other.clone()), "{other}");
    }
    let number = json!({ "claim": "org", "equals": 65 });
    assert!(holds(&number, json!({ "org": 65 })));
    assert!(!holds(&number, json!({ "org": "65" })));
    assert!(!holds(&number, json!({ "org": 65.5 })));
    let flag = json!({ "claim": "org", "equals": true });
    assert!(holds(&flag, json!({ "org": true })));
    assert!(!holds(&flag, json!({ "org": "true" })));
    assert!(!holds(&flag, json!({ "org": 1 })));
}

#[test]
fn a_glob_goes_on_past_its_separator() {
    let glob = json!({ "claim": "repo", "glob": "repo:acme/*" });
    assert!(holds(&glob, json!({ "repo": "repo:acme/site" })));
    assert!(holds(&glob, json!({ "repo": "repo:acme/site/sub" })));
    for other in
        ["repo:acme/", "repo:acme", "repo:acme-evil/site", "xrepo:acme/site", "REPO:acme/site"]
    {
        assert!(!holds(&glob, json!({ "repo": other })), "{other}");
    }
    assert!(!holds(&glob, json!({ "repo": ["repo:acme/site"] })));
}

#[test]
fn a_claim_lies_where_its_path_says() {
    let nested = json!({ "claim": "org.id", "in": ["a", "b"] });
    assert!(holds(&nested, json!({ "org": { "id": "b" } })));
    assert!(!holds(&nested, json!({ "org.id": "b" })));
    assert!(!holds(&nested, json!({ "org": [{ "id": "b" }] })));
    assert!(holds(&json!({ "claim": "/a.b/c~1d", "equals": 1 }), json!({ "a.b": { "c/d": 1 } })));
}

#[test]
fn all_must_hold_and_all_are_shown() {
    let conditions = json!([
        { "claim": "org", "equals": "acme" },
        { "claim": "env", "in": ["prod", "test"] },
        { "claim": "sub", "glob": "job:*" },
        { "claim": "none", "equals": 1 },
    ]);
    let case = Case::of("custom")
        .record(json!({ "conditions": conditions }))
        .claims(json!({ "org": "acme", "env": "dev", "sub": "job:1" }));
    let seen = case.examine();
    let row = |claim: &str, wanted: &str, found: Option<&str>, held| ConditionRow {
        claim: claim.into(),
        wanted: wanted.into(),
        found: found.map(Into::into),
        held,
    };
    let rows = [
        row("org", "\"acme\"", Some("\"acme\""), true),
        row("env", "\"prod\" or \"test\"", Some("\"dev\""), false),
        row("sub", "a text that begins with job: and goes on", Some("\"job:1\""), true),
        row("none", "1", None, false),
    ];
    assert_eq!(seen.conditions, rows);
    assert_eq!(seen.course.failed(), Some(Step::Conditions));
    let expected = Denial::ConditionNotMet {
        inbound: Inbound::SubjectToken,
        claim: "env".into(),
        found: Some("\"dev\"".into()),
        expected: "\"prod\" or \"test\"".into(),
    };
    assert_eq!(seen.outcome.unwrap_err(), expected);
}

#[test]
fn a_condition_is_not_looked_at_before_the_signature() {
    let case = Case::of("custom")
        .record(json!({ "conditions": [{ "claim": "org", "equals": "acme" }] }))
        .header(json!({ "kid": "another" }));
    let seen = case.examine();
    assert_eq!(seen.course.failed(), Some(Step::Key));
    assert!(seen.conditions.is_empty());
    let marks: Vec<_> = seen.course.rows().map(|row| row.mark).collect();
    assert_eq!(marks.iter().filter(|mark| **mark == Mark::Passed).count(), 4);
    assert_eq!(marks[4], Mark::Failed);
    assert!(marks[5..].iter().all(|mark| *mark == Mark::NotReached));
}

#[test]
fn whoever_came_through_passed_every_step() {
    let seen = Case::of("custom").examine();
    assert!(seen.outcome.is_ok());
    assert_eq!(seen.course.failed(), None);
    assert!(seen.course.rows().all(|row| row.mark == Mark::Passed));
}
