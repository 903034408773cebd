//! What a subject may do: what its token says and the record grants, never above the ceiling.

use crate::subject::house::{Case, NOW};
use portcullis_types::{DetailType, InboundFault, Ttl};
use portcullis_verify::subject::TokenKind;
use serde_json::{Value, json};

fn scopes(case: &Case) -> String {
    case.judge().unwrap().scopes.to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "reads better with json! at the call")]
fn saying(scope: Value) -> Case {
    Case::of("custom").claims(json!({ "scope": scope }))
}

#[test]
fn a_scope_above_the_ceiling_is_dropped_and_that_is_told() {
    let case = saying(json!("analytics:read key:create openid model:delete dataset:read:t456"));
    let seen = case.examine();
    assert_eq!(seen.outcome.unwrap().scopes.to_string(), "analytics:read");
    let why: Vec<_> = seen.mapping.iter().map(|row| row.dropped.as_deref()).collect();
    let above = Some("it is above the ceiling");
    let foreign = Some("it is no scope of ours");
    assert_eq!(why, [None, above, foreign, above, Some("it is about another tenant")]);
    assert!(seen.mapping.iter().all(|row| row.from == "scope"));
}

#[test]
fn the_own_tenant_is_not_written_out_and_another_is_none() {
    assert_eq!(scopes(&saying(json!("analytics:read:t123"))), "analytics:read");
    assert_eq!(scopes(&saying(json!("analytics:read:t456"))), "");
}

#[test]
fn a_letter_that_looks_alike_is_another() {
    assert_eq!(scopes(&saying(json!("\u{430}nalytics:read analytics:re\u{430}d"))), "");
    let grants = json!([{ "to": { "role": "admin" }, "scopes": ["model:list"] }]);
    let roles = json!({ "roles": ["roles"] });
    let case = saying(json!("")).record(json!({ "grants": grants, "mapping": roles }));
    assert_eq!(scopes(&case.clone().claims(json!({ "roles": ["\u{430}dmin", "Admin"] }))), "");
    assert_eq!(scopes(&case.claims(json!({ "roles": ["admin"] }))), "model:list");
}

#[test]
fn each_way_of_writing_is_that_way_alone() {
    let written = |format: &str, value: Value| {
        let scope = json!({ "scope": { "claim": "rights.list", "format": format } });
        saying(json!("model:list"))
            .record(json!({ "mapping": scope }))
            .claims(json!({ "rights": { "list": value } }))
    };
    let good = [
        ("space", json!("model:list  analytics:read")),
        ("csv", json!("model:list, analytics:read")),
        ("array", json!(["model:list", "analytics:read"])),
    ];
    for (format, value) in &good {
        assert_eq!(scopes(&written(format, value.clone())), "analytics:read model:list");
        assert_eq!(scopes(&written(format, Value::Null)), "");
        for wrong in [json!(1), json!({}), json!([1]), json!([["model:list"]])] {
            let fault = written(format, wrong).fault();
            assert!(
                matches!(fault, InboundFault::BadClaim { ref claim, .. } if claim == "rights.list")
            );
        }
    }
    assert!(matches!(written("array", json!("a")).fault(), InboundFault::BadClaim { .. }));
    assert!(matches!(written("space", json!(["a"])).fault(), InboundFault::BadClaim { .. }));
    // Not separated as agreed: one word, which is no scope.
    assert_eq!(scopes(&written("csv", json!("model:list analytics:read"))), "");
}

#[test]
fn words_without_the_prefix_are_not_ours() {
    let scope = json!({ "claim": "scope", "format": "space", "prefix_strip": "api://us/" });
    let case = saying(json!("api://us/model:list analytics:read api://other/analytics:read"))
        .record(json!({ "mapping": { "scope": scope } }));
    assert_eq!(scopes(&case), "model:list");
}

#[test]
fn grants_add_up_and_their_limits_too() {
    let dataset = |id: &str| json!([{ "type": "ai_dataset", "identifier": id }]);
    let grants = json!([
        { "to": "everyone", "scopes": ["model:list"] },
        { "to": { "role": "r" }, "scopes": ["analytics:read"], "authorization_details": dataset("ds_1") },
        { "to": { "group": "g" }, "scopes": ["analytics:read"], "authorization_details": dataset("ds_2") },
        { "to": { "group": "other" }, "scopes": ["model:deploy"] },
    ]);
    let mapping = json!({ "roles": ["a", "b.c"], "groups": { "path": "g" } });
    let case = saying(Value::Null)
        .record(json!({ "grants": grants, "mapping": mapping }))
        .claims(json!({ "a": ["x"], "b": { "c": ["r"] }, "g": ["g"] }));
    let subject = case.judge().unwrap();
    assert_eq!(subject.scopes.to_string(), "analytics:read model:list");
    assert_eq!(subject.roles, ["x", "r"]);
    let limits = subject.details.of_kind(DetailType::AiDataset);
    let limits: Vec<_> = limits.map(|detail| detail.identifier().unwrap().to_owned()).collect();
    // Who is let in without limits is not thereby let into everything.
    assert_eq!(limits, ["ds_1", "ds_2"]);
    let none = case.claims(json!({ "b": null, "g": null })).judge().unwrap();
    assert_eq!((none.scopes.to_string().as_str(), none.details.len()), ("model:list", 0));
}

#[test]
fn the_ceiling_limits_whoever_has_no_limits() {
    let limit = json!([{ "type": "ai_model", "limits": { "tokens_per_day": 1000 } }]);
    let ceiling = json!({ "scopes": ["model:list"], "authorization_details": limit });
    let grants = json!([{ "to": "everyone", "scopes": ["model:list"],
        "authorization_details": [{ "type": "ai_model", "identifier": "small" }] }]);
    let case = saying(json!("model:list")).record(json!({ "ceiling": ceiling, "grants": grants }));
    let details = case.judge().unwrap().details.to_string();
    assert_eq!(
        details,
        r#"[{"type":"ai_model","identifier":"small","limits":{"tokens_per_day":1000}}]"#
    );
}

#[test]
fn what_a_wider_scope_implies_lies_under_the_ceiling() {
    let ceiling = json!({ "scopes": ["generate:standard", "mcp:call/github"] });
    let case = saying(json!("generate:basic generate:premium mcp:call/github/issues mcp:call/git"))
        .record(json!({ "ceiling": ceiling }));
    assert_eq!(scopes(&case), "generate:basic mcp:call/github/issues");
}

#[test]
fn lists_have_an_end() {
    let many = |count: usize| vec!["model:list"; count];
    assert_eq!(scopes(&saying(json!(many(256).join(" ")))), "model:list");
    let expected = |claim: &str, expected: &str| InboundFault::BadClaim {
        claim: claim.into(),
        expected: expected.into(),
    };
    let fault = saying(json!(many(257).join(" "))).fault();
    assert_eq!(fault, expected("scope", "at most 256 scopes"));
    let roles = Case::of("keycloak").claims(json!({ "realm_access": { "roles": vec!["r"; 257] } }));
    let list = "a list of at most 256 texts of 1 to 512 bytes";
    assert_eq!(roles.fault(), expected("realm_access.roles", list));
    let long = Case::of("keycloak").claims(json!({ "groups": ["g".repeat(513)] }));
    assert_eq!(long.fault(), expected("groups", list));
}

#[test]
fn rights_end_with_the_token_or_sooner() {
    let case = Case::of("custom");
    let (trust, subject) = (case.checked().unwrap(), case.judge().unwrap());
    assert_eq!(trust.rights(&subject, NOW).expires, NOW.plus(Ttl::seconds(300)));
    let case = case.record(json!({ "max_ttl": "1m" }));
    let rights = case.checked().unwrap().rights(&case.judge().unwrap(), NOW);
    assert_eq!(rights.expires, NOW.plus(Ttl::seconds(60)));
    assert_eq!(rights.tenant.unwrap().as_str(), "t123");
}

#[test]
fn an_address_counts_if_it_was_verified() {
    let mail = |verified: Value| {
        let claims = json!({ "email": "ann@acme.example", "email_verified": verified });
        Case::of("custom").claims(claims).judge().unwrap().email
    };
    assert_eq!(mail(json!(true)).as_deref(), Some("ann@acme.example"));
    for other in [json!(false), json!("true"), json!(1), Value::Null] {
        assert_eq!(mail(other), None);
    }
}

#[test]
fn what_happened_at_the_sign_in_is_kept() {
    let claims = json!({ "acr": "phr", "amr": ["hwk", "pin"], "auth_time": NOW.seconds() - 60,
        "name": "Ann\u{7}", "act": { "sub": "job" }, "may_act": { "client_id": "cli_app" },
        "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } });
    let subject = Case::of("custom").claims(claims).judge().unwrap();
    assert_eq!((subject.acr.as_deref(), subject.amr.len()), (Some("phr"), 2));
    assert_eq!(subject.auth_time, Some(NOW.minus(Ttl::seconds(60))));
    assert_eq!(subject.act.unwrap().sub(), "job");
    assert!(subject.may_act.is_some() && subject.cnf.unwrap().jkt.is_some());
    assert_eq!(subject.display_name.as_deref(), Some("Ann\u{fffd}"));
    assert_eq!(subject.client.as_deref(), Some("app"));
    assert_eq!(subject.replay.jti.unwrap().as_str(), "j-1");
}

#[test]
fn a_token_without_a_name_is_named_by_its_bytes() {
    let case = Case::of("custom").claims(json!({ "jti": null }));
    let (one, token) = (case.judge().unwrap(), case.token());
    assert_eq!(one.replay.jti, None);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    assert_eq!(one.replay.digest, digest.as_ref());
}

#[test]
fn a_custom_subject_is_made_of_the_claims_that_were_named() {
    let mapping = json!({ "mapping": { "subject": ["tenant_id", "user_id"], "client": ["app"] } });
    let claims = json!({ "tenant_id": "7", "user_id": "u", "app": "a" });
    let case = Case::of("custom").record(mapping).claims(claims);
    let subject = case.judge().unwrap();
    assert_eq!((subject.sub.as_str(), subject.client.as_deref()), ("7 u", Some("a")));
    // Joined otherwise it would be the same text.
    let shifted = case.claims(json!({ "tenant_id": "7 u", "user_id": "v" }));
    assert!(
        matches!(shifted.fault(), InboundFault::BadClaim { ref claim, .. } if claim == "tenant_id")
    );
}

#[test]
fn services_are_told_from_people() {
    let of = |case: Case| case.judge().unwrap().principal.to_string()[..4].to_owned();
    assert_eq!(of(Case::of("custom")), "usr_");
    assert_eq!(of(Case::of("custom").claims(json!({ "sub": "app" }))), "svc_");
    assert_eq!(of(Case::of("custom").claims(json!({ "sub_profile": "ai_agent" }))), "agt_");
    let robot = json!({ "preferred_username": "service-account-job" });
    assert_eq!(of(Case::of("keycloak").claims(robot)), "svc_");
    let sub = json!([{ "claim": "sub", "equals": "u-1" }]);
    let job = Case::of("custom").kind(TokenKind::Jwt).record(json!({ "conditions": sub }));
    assert_eq!(of(job.header(json!({ "typ": "JWT" }))), "svc_");
}
