//! Trust records: read from TOML and JSON alike, and refused with everything that is wrong.

use crate::subject::house::{Case, OURS, RSA, home, jwks};
use portcullis_types::Ttl;
use portcullis_verify::subject::{Reuse, TokenKind, Trust, TrustFault};
use serde_json::{Value, json};

const TOML: &str = r#"
[[trust]]
name = "corporate"
preset = "keycloak"
issuer = "https://sso.acme.example/realms/staff"
keys = "discovery"
algs = ["RS256"]
audiences = ["api"]
kinds = ["access_token", "id_token"]
skew = "30s"
max_age = "5m"
max_lifetime = "12h"
one_time = true
rate = 30
max_ttl = "10m"
impersonation = true
conditions = [{ claim = "azp", in = ["app", "job"] }, { claim = "sub", glob = "f:x:*" }]

[trust.mapping]
scope = { claim = "scope", format = "space", prefix_strip = "api/" }
roles = ["realm_access.roles"]
groups = { path = "groups", overage = "no_groups" }
tenant = "organization.id"
display_name = "preferred_username"

[[trust.grants]]
to = { role = "analyst" }
scopes = ["analytics:read"]
authorization_details = [{ type = "ai_dataset", actions = ["read"], identifier = "ds_1" }]

[[trust.grants]]
to = "everyone"
scopes = ["model:list"]

[trust.ceiling]
scopes = ["analytics:read", "model:*"]
"#;

#[derive(serde::Deserialize)]
struct File {
    trust: Vec<Trust>,
}

fn faults(changes: Value) -> Vec<TrustFault> {
    Case::of("custom").record(changes).checked().unwrap_err()
}

fn fields(changes: Value) -> Vec<String> {
    Case::of("custom").record(changes).wrong()
}

#[test]
fn a_record_reads_the_same_in_toml_and_in_json() {
    let mut file: File = toml::from_str(TOML).unwrap();
    let written = file.trust.pop().unwrap();
    let json = serde_json::to_string(&written).unwrap();
    assert_eq!(serde_json::from_str::<Trust>(&json).unwrap(), written);
    let toml = toml::to_string(&written).unwrap();
    assert_eq!(toml::from_str::<Trust>(&toml).unwrap(), written);
    let trust = home(|home| written.checked(home)).unwrap();
    assert_eq!((trust.max_ttl(), trust.rate()), (Ttl::seconds(600), 30));
    assert!(trust.allows_impersonation());
    assert_eq!(trust.reuse(TokenKind::AccessToken), Reuse::Once);
}

#[test]
fn what_is_not_said_is_what_is_usual() {
    let trust = Case::of("custom").checked().unwrap();
    assert_eq!(trust.max_ttl(), Ttl::seconds(900));
    assert!(!trust.allows_impersonation());
    assert_eq!(trust.max_age(TokenKind::IdToken), Some(Ttl::seconds(600)));
    assert_eq!(trust.max_age(TokenKind::Jwt), None);
    let reuse = TokenKind::ALL.map(|kind| trust.reuse(kind));
    assert_eq!(reuse, [Reuse::Once, Reuse::Free, Reuse::Free, Reuse::Counted]);
    assert_eq!(trust.inline_keys().unwrap().kids().len(), 2);
}

#[test]
fn an_unknown_field_is_not_read() {
    for odd in [json!({ "regex": ".*" }), json!({ "issuers": [] }), json!({ "audience": ["x"] })] {
        let record = Case::of("custom").record(odd).record;
        assert!(serde_json::from_value::<Trust>(record).is_err());
    }
    let condition = json!([{ "claim": "sub", "regex": "^a" }]);
    let record = Case::of("custom").record(json!({ "conditions": condition })).record;
    assert!(serde_json::from_value::<Trust>(record).is_err());
}

/// Frozen in memory, they would be fetched anew after a restart, from whoever holds the issuer by then.
#[test]
fn keys_that_are_fetched_cannot_be_frozen() {
    let uri = json!({ "jwks_uri": "https://idp.acme.example/keys" });
    for keys in [json!("discovery"), uri] {
        assert_eq!(fields(json!({ "keys": keys, "freeze_keys": true })), ["freeze_keys"]);
        assert!(fields(json!({ "keys": keys })).is_empty());
    }
    assert!(fields(json!({ "freeze_keys": true })).is_empty(), "they are written in the record");
}

#[test]
fn everything_that_is_wrong_is_said_in_one_go() {
    let wrong = json!({
        "name": "no spaces here", "issuer": "http://idp.acme.example", "algs": ["HS256", "none"],
        "audiences": [], "skew": "61s", "max_lifetime": "25h", "rate": 0, "kinds": [],
        "conditions": [{ "claim": "", "glob": "acme*" }, { "claim": "x" }],
        "mapping": { "roles": ["a..b"] },
        "grants": [{ "to": { "role": "" }, "scopes": ["model:lost", "key:list"] }],
        "ceiling": { "scopes": ["model:list", "*:*"] },
    });
    let all: Vec<_> = faults(wrong).into_iter().map(|fault| fault.field).collect();
    let expected = [
        "name",
        "issuer",
        "algs[0]",
        "algs[1]",
        "keys.jwks",
        "kinds",
        "audiences",
        "skew",
        "max_lifetime",
        "rate",
        "conditions[0].claim",
        "conditions[0].glob",
        "conditions[1].claim",
        "mapping.roles[0]",
        "ceiling.scopes[1]",
        "grants[0].to",
        "grants[0].scopes[0]",
        "grants[0].scopes",
    ];
    assert_eq!(all, expected);
}

#[test]
fn every_fault_says_what_to_do() {
    let wrong = json!({ "algs": ["HS256"], "audiences": ["*"], "one_time": true,
        "conditions": [{ "claim": "sub", "glob": "^repo:acme/.*$" }] });
    for fault in faults(wrong) {
        assert!(!fault.what.is_empty() && !fault.remedy.is_empty(), "{fault}");
    }
}

#[test]
fn a_shared_issuer_needs_a_condition_that_says_whose_it_is() {
    for (issuer, claim) in [
        ("https://accounts.google.com", "hd"),
        ("https://ACCOUNTS.google.com", "hd"),
        ("https://accounts.google.com./", "hd"),
        ("https://token.actions.githubusercontent.com", "repository_owner_id"),
        ("https://token.actions.githubusercontent.com/acme", "repository_owner_id"),
        ("https://login.microsoftonline.com/common/v2.0", "tid"),
        ("https://gitlab.com", "namespace_id"),
        ("https://gitlab.com:443", "project_id"),
        ("https://app.terraform.io", "terraform_organization_id"),
        ("https://agent.buildkite.com", "organization_id"),
    ] {
        let case = Case::of("custom").record(json!({ "issuer": issuer }));
        assert_eq!(case.wrong(), ["conditions"], "{issuer}");
        let good =
            case.clone().record(json!({ "conditions": [{ "claim": claim, "equals": "1" }] }));
        assert!(good.wrong().is_empty(), "{issuer}");
        let glob = case.record(json!({ "conditions": [{ "claim": claim, "glob": "1:*" }] }));
        assert_eq!(glob.wrong(), ["conditions"], "{issuer}");
    }
    let apple = json!({ "issuer": "https://appleid.apple.com",
        "conditions": [{ "claim": "sub", "equals": "1" }] });
    assert_eq!(fields(apple), ["issuer"]);
}

#[test]
fn a_glob_is_anchored_and_a_regular_expression_is_none() {
    for glob in [
        "*",
        "acme*",
        "repo:acme*",
        "*/main",
        "repo:*/main",
        "repo:acme/**",
        "^repo:acme/*",
        "repo:(acme|evil)/*",
        "repo:acm?/*",
        "repo:[a-z]+/*",
        "repo:acme/.*$",
        "repo:acme/",
        "repo\\:acme/*",
        "",
    ] {
        let conditions = json!([{ "claim": "sub", "glob": glob }]);
        assert_eq!(fields(json!({ "conditions": conditions })), ["conditions[0].glob"], "{glob}");
    }
}

#[test]
fn a_condition_tests_one_thing_in_one_way() {
    for (condition, field) in [
        (json!({ "claim": "sub" }), "claim"),
        (json!({ "claim": "sub", "equals": "a", "in": ["b"] }), "claim"),
        (json!({ "claim": "sub", "equals": "a", "glob": "b:*" }), "claim"),
        (json!({ "claim": "sub", "in": [] }), "in"),
        (json!({ "claim": "sub", "in": ["a", ["b"]] }), "in"),
        (json!({ "claim": "sub", "equals": 1.5 }), "equals"),
        (json!({ "claim": "sub", "equals": "" }), "equals"),
        (json!({ "claim": "sub", "equals": { "a": 1 } }), "equals"),
        (json!({ "claim": "a..b", "equals": "a" }), "claim"),
    ] {
        let field = format!("conditions[0].{field}");
        assert_eq!(fields(json!({ "conditions": [condition] })), [field], "{condition}");
    }
}

#[test]
fn a_workload_is_told_by_its_sub() {
    assert_eq!(fields(json!({ "kinds": ["jwt"] })), ["conditions"]);
    let others = json!([{ "claim": "environment", "equals": "prod" }]);
    assert_eq!(fields(json!({ "kinds": ["jwt"], "conditions": others })), ["conditions"]);
    let own = json!([{ "claim": "sub", "equals": "job" }]);
    assert!(fields(json!({ "kinds": ["jwt"], "conditions": own })).is_empty());
}

#[test]
fn only_signatures_that_others_cannot_make_are_accepted() {
    for alg in ["HS256", "HS384", "HS512", "none", "rs256", "ES256K", "RS512", ""] {
        let all = faults(json!({ "algs": ["RS256", alg] }));
        assert_eq!(all.len(), 1, "{alg}");
        assert_eq!(all[0].field, "algs[1]");
    }
    assert!(fields(json!({ "algs": ["EdDSA", "RS256"] })).is_empty());
    assert_eq!(
        Case::of("okta").record(json!({ "algs": ["ES256"] })).wrong(),
        ["algs[0]", "keys.jwks"]
    );
}

#[test]
fn keys_in_the_record_are_strong_public_keys() {
    let small = json!({ "kty": "RSA", "e": "AQAB", "n": format!("{}w", "u".repeat(170)) });
    let secret = json!({ "kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" });
    let mut private = serde_json::to_value(RSA.public_jwk().unwrap()).unwrap();
    for name in ["d", "p", "q", "dp", "dq", "qi"] {
        private[name] = "Aw".into();
    }
    for (key, word) in [(small, "2048"), (secret, "secret"), (private, "private")] {
        let mut set = jwks();
        set["keys"].as_array_mut().unwrap().push(key);
        let all = faults(json!({ "keys": { "jwks": set } }));
        assert_eq!(all.len(), 1, "{word}");
        assert_eq!(all[0].field, "keys.jwks.keys[2]");
        assert!(all[0].what.contains(word), "{}", all[0]);
    }
    for none in [json!({ "keys": [] }), json!({}), json!([]), json!({ "keys": "x" })] {
        assert_eq!(fields(json!({ "keys": { "jwks": none } })), ["keys.jwks"]);
    }
    for uri in ["http://idp.example/keys", "https://u:p@idp.example/", "idp.example", "file:///x"] {
        assert_eq!(fields(json!({ "keys": { "jwks_uri": uri } })), ["keys.jwks_uri"], "{uri}");
    }
}

#[test]
fn an_id_token_is_for_a_client_that_is_named() {
    let case = Case::of("custom").record(json!({ "kinds": ["id_token"], "audiences": null }));
    assert_eq!(case.wrong(), ["audiences"]);
    for audience in ["*", "api*", "a b", "", "\u{430}pi"] {
        assert_eq!(fields(json!({ "audiences": [audience] })), ["audiences[0]"], "{audience}");
    }
}

#[test]
fn typ_is_the_presets_to_say_but_of_others_ours_to_refuse() {
    assert_eq!(Case::of("okta").record(json!({ "typ": ["JWT"] })).wrong(), ["typ"]);
    for typ in ["logout+jwt", "application/SECEVENT+jwt", "oauth-id-jag+jwt", "dpop+jwt"] {
        assert_eq!(fields(json!({ "typ": ["JWT", typ] })), ["typ[1]"], "{typ}");
    }
    assert_eq!(fields(json!({ "typ": [] })), ["typ"]);
}

#[test]
fn scopes_are_of_the_own_tenant_and_under_the_ceiling() {
    for (scopes, field) in [
        (json!(["analytics:read:t456"]), "ceiling.scopes[0]"),
        (json!(["model:list", "model:fly"]), "ceiling.scopes[1]"),
        (json!([]), "ceiling.scopes"),
        (json!(["m\u{43e}del:list"]), "ceiling.scopes[0]"),
    ] {
        assert_eq!(fields(json!({ "ceiling": { "scopes": scopes } })), [field]);
    }
    assert!(fields(json!({ "ceiling": { "scopes": ["analytics:read:t123"] } })).is_empty());
    let grants = json!([{ "to": "everyone", "scopes": ["model:delete"] }]);
    let above = faults(json!({ "grants": grants }));
    assert!(above[0].what.contains("above the ceiling"), "a wildcard brings nothing privileged");
}

#[test]
fn limits_that_exclude_each_other_are_said_before_anybody_is_refused() {
    let details = |id: &str| json!([{ "type": "ai_dataset", "identifier": id }]);
    let grants = json!([{ "to": "everyone", "scopes": ["model:list"],
        "authorization_details": details("ds_1") }]);
    let ceiling = json!({ "scopes": ["model:*"], "authorization_details": details("ds_2") });
    let all = fields(json!({ "grants": grants, "ceiling": ceiling }));
    assert_eq!(all, ["grants[0].authorization_details"]);
}

#[test]
fn we_do_not_trust_ourselves_as_a_partner() {
    assert_eq!(fields(json!({ "issuer": OURS })), ["issuer"]);
}

#[test]
fn two_records_of_a_tenant_differ_in_name_and_issuer() {
    let record = |name: &str, issuer: &str| -> Trust {
        let record = Case::of("custom").record(json!({ "name": name, "issuer": issuer })).record;
        serde_json::from_value(record).unwrap()
    };
    let (a, b) = ("https://a.example", "https://b.example");
    let all = |trusts| home(|home| Trust::checked_all(trusts, home));
    assert_eq!(all(vec![record("a", a), record("b", b)]).unwrap().len(), 2);
    let faults = all(vec![record("a", a), record("a", a), record("c d", b)]).unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["trust[1].name", "trust[1].issuer", "trust[2].name"]);
}
