//! What the checks find, and where.

use crate::support::{bundle, errors, request, warnings, with_head};
use portcullis_policy::Level;

const ALLOW: &str = "decision := {\"allow\": true} if allow\n";

/// One error or more, the first of which is at `line` (counted from the rules' first) and says `what`.
#[track_caller]
fn error(rules: &str, line: u32, what: &str) {
    let errors = errors(rules);
    let found = errors.iter().any(|it| it.what.contains(what) && it.line == line + 4);
    assert!(found, "line {line}: {what}: {errors:#?}");
}

#[track_caller]
fn warning(rules: &str, line: u32, what: &str) {
    let warnings = warnings(rules);
    let found = warnings.iter().any(|it| it.what.contains(what) && it.line == line + 4);
    assert!(found, "line {line}: {what}: {warnings:#?}");
}

#[test]
fn a_point_denies_by_default_or_is_refused() {
    let without = "package portcullis.request\ndecision := {\"allow\": true} if input.caller.sub";
    let open = "package portcullis.request\ndefault decision := {\"allow\": true}";
    let bare = "package portcullis.request\ndefault decision := false";
    for (text, what) in
        [(without, "has no default"), (open, "does not deny"), (bare, "does not deny")]
    {
        let refused = bundle(&[("request.rego", text)]).unwrap_err();
        assert!(refused.to_string().contains(what), "{refused}");
        assert!(
            refused.to_string().contains("default decision := {\"allow\": false}"),
            "{refused}"
        );
    }
}

#[test]
fn a_decision_that_allows_for_want_of_a_denial_is_refused() {
    let deny = "deny contains 1 if input.resource.method == \"DELETE\"\n";
    for open in [
        "decision := {\"allow\": true} if count(deny) == 0",
        "decision := {\"allow\": true} if not denied\ndenied if count(deny) > 0",
        "decision := {\"allow\": allow}\ndefault allow := false\nallow := count(deny) == 0",
        "decision := {\"allow\": true} if allow\nallow if deny == set()",
        "decision := {\"allow\": true} if allow\nallow if every d in deny { d == 2 }",
        "decision := {\"allow\": true} if allow\nallow := true",
        "decision := {\"allow\": true}\nkeep if count(deny) == 0",
        "decision := {\"allow\": true} if { x := 1; x == 1; not denied }\ndenied if count(deny) > 0",
    ] {
        let refused = request(&format!("{deny}{open}"));
        let Err(refused) = refused else { panic!("taken: {open}") };
        assert!(refused.to_string().contains("for want of a denial"), "{open}: {refused}");
    }
    let also = "decision := {\"allow\": true} if { \"model:list\" in input.caller.scopes; count(deny) == 0 }";
    assert!(request(&format!("{deny}{also}")).is_ok());
}

#[test]
fn a_field_that_the_input_does_not_have_is_refused() {
    error(&format!("{ALLOW}allow if input.callr.sub"), 2, "has no 'callr'");
    error(&format!("{ALLOW}allow if input.caller.role == \"a\""), 2, "has no 'role'");
    error(&format!("{ALLOW}allow if input[\"caller\"][\"role\"]"), 2, "has no 'role'");
    error(&format!("{ALLOW}allow if input.caller.act[0].subject == \"a\""), 2, "has no 'subject'");
    error(&format!("{ALLOW}allow if input.caller.sub.name"), 2, "has no 'name'");
    error(
        &format!("{ALLOW}allow if {{\n some i\n input.caller.act[i].clientid\n}}"),
        4,
        "has no 'clientid'",
    );
    assert!(
        request(&format!("{ALLOW}allow if input.resource.attributes.anything == \"a\"")).is_ok()
    );
    let errors = errors(&format!("{ALLOW}allow if input.caller.role == \"a\""));
    assert!(errors.iter().any(|it| it.remedy.contains("roles")), "{errors:?}");
}

#[test]
fn an_import_is_followed() {
    let text = "package portcullis.request\nimport input.caller as who\n\ndefault decision := {\"allow\": false}\n\ndecision := {\"allow\": true} if who.role";
    let refused = bundle(&[("request.rego", text)]).unwrap_err();
    assert!(refused.to_string().contains("has no 'role'"), "{refused}");
}

#[test]
fn conditions_that_never_hold_are_refused() {
    let never = "never holds";
    error(&format!("{ALLOW}allow if false"), 2, never);
    error(&format!("{ALLOW}allow if {{\n input.caller.sub\n 1 == 2\n}}"), 4, never);
    error(
        &format!(
            "{ALLOW}allow if {{\n input.resource.method == \"GET\"\n input.resource.method == \"PUT\"\n}}"
        ),
        4,
        never,
    );
    error(
        &format!("{ALLOW}allow if {{\n input.context.hour > 18\n input.context.hour < 8\n}}"),
        4,
        never,
    );
    error(
        &format!("{ALLOW}allow if {{\n input.context.hour == 7\n 8 <= input.context.hour\n}}"),
        4,
        never,
    );
    error(
        &format!("{ALLOW}allow if input.tenant.state == \"actve\""),
        2,
        "active, suspended, ended",
    );
    error(&format!("{ALLOW}allow if input.context.weekday in {{\"sun\", \"sat\"}}"), 2, never);
    error(&format!("{ALLOW}allow if input.caller.sub != input.caller.sub"), 2, never);
    error(&format!("{ALLOW}allow if {{\n input.caller.sub\n not true\n}}"), 4, never);
    assert!(
        request(&format!(
            "{ALLOW}allow if {{\n input.context.hour >= 8\n input.context.hour <= 8\n}}"
        ))
        .is_ok()
    );
}

#[test]
fn conditions_that_always_hold_are_warned_of() {
    let always = "always holds";
    warning(&format!("{ALLOW}allow if {{\n input.caller.sub\n true\n}}"), 4, always);
    warning(
        &format!(
            "{ALLOW}allow if {{\n input.caller.sub\n input.caller.sub == input.caller.sub\n}}"
        ),
        4,
        always,
    );
    warning(
        &format!("{ALLOW}allow if {{\n input.caller.sub\n input.tenant.state != \"gone\"\n}}"),
        4,
        always,
    );
    warning(
        &format!("{ALLOW}allow if {{\n input.caller.sub\n fine\n}}\nfine := true"),
        6,
        "has no condition",
    );
}

#[test]
fn rules_that_nobody_reads_are_warned_of() {
    warning(&format!("{ALLOW}allow if input.caller.sub\nlonely if input.caller.sub"), 3, "is dead");
}

#[test]
fn the_import_of_a_package_is_warned_of() {
    let text = "package portcullis.request\nimport data.portcullis.other\n\ndefault decision := {\"allow\": false}\n\ndecision := {\"allow\": true} if other.fine";
    let other = "package portcullis.other\n\nfine if input.caller.sub";
    let bundle = bundle(&[("request.rego", text), ("other.rego", other)]).unwrap();
    let found = bundle.warnings().iter().find(|it| it.what.contains("worked out whole")).unwrap();
    assert_eq!((found.file.as_str(), found.line), ("request.rego", 6));
    assert!(found.remedy.contains("data.portcullis.other.fine"), "{found}");
}

#[test]
fn scopes_that_nobody_can_hold_are_refused() {
    error(&format!("{ALLOW}allow if \"model:exprot\" in input.caller.scopes"), 2, "model:exprot");
    warning(&format!("{ALLOW}allow if \"modl:export\" in input.caller.scopes"), 2, "modl:export");
    let rules = with_head("request", &format!("{ALLOW}allow if input.resource.path in data.paths"));
    let refused = bundle(&[("request.rego", &rules), ("data.json", r#"{"a": ["model:exprot"]}"#)]);
    assert!(refused.unwrap_err().to_string().contains("data.json"));
    let acr = format!("{ALLOW}allow if input.caller.acr == \"urn:portcullis:mfa\"");
    assert!(warnings(&acr).is_empty());
}

#[test]
fn with_is_for_tests() {
    error(
        &format!("{ALLOW}allow if input.caller.sub with input.caller as {{\"sub\": \"a\"}}"),
        2,
        "`with`",
    );
}

#[test]
fn rego_of_old_is_refused_with_the_line() {
    let refused =
        bundle(&[("request.rego", "package portcullis.request\n\nallow {\n  input.caller\n}\n")]);
    let findings = refused.unwrap_err().findings;
    assert!(findings.iter().any(|it| it.level == Level::Error && it.line == 3), "{findings:?}");
}

#[test]
fn data_must_be_an_object_and_no_rule() {
    let rules = with_head("request", "decision := {\"allow\": true} if input.caller.sub");
    for data in ["[]", "{", "1", r#"{"portcullis": {"request": {"decision": {"allow": true}}}}"#] {
        assert!(bundle(&[("request.rego", &rules), ("data.json", data)]).is_err(), "{data}");
    }
}

#[test]
fn a_point_without_a_policy_is_warned_of() {
    let bundle = request("decision := {\"allow\": true} if input.caller.sub").unwrap();
    let shown: Vec<_> = bundle.warnings().iter().map(ToString::to_string).collect();
    assert!(shown.iter().any(|it| it.contains("no policy for the point 'exchange'")), "{shown:?}");
}
