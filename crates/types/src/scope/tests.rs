//! The grammar, the registry and the patterns, by example; their laws are in `laws`.

mod laws;

use super::{Dropped, DroppedBy, Pattern, Registry, Scope, ScopeFault, ScopePart, Scopes};
use crate::ids::Tenant;

const GOOD: &[&str] = &[
    "inference:read",
    "generate:basic",
    "generate:premium",
    "embedding:create",
    "model:delete/acme/llama-ft",
    "dataset:read/ds_claims",
    "analytics:read:t123",
    "mcp:call/github/create_issue",
    "a:b",
    "a:b:c",
    "a:b:0",
    "a:b:0-_/x",
    "a-b_c9:d-e_f9",
    "a:b/...",
    "a:b/.x",
    "a:b/~@._-",
    "a:b/A%2FB",
    "a:b/%20%FF",
    "a:b/%25",
    "a:b/1/2/3/4/5/6/7/8",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "a:b:ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
    "a:b/dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
    "openid:read",
];

const BAD: &[&str] = &[
    "",
    " ",
    "\t",
    "\n",
    "\0",
    ":",
    "::",
    ":::",
    "/",
    "//",
    ":/",
    "a",
    "a/",
    "a/b",
    "a/b:c",
    "a:",
    ":a",
    "a::",
    "a::t",
    "a:b:",
    "a:b::",
    "a:b:t:",
    "a:b:t:u",
    "a:b/",
    "a:b//",
    "a:b//x",
    "a:b/x/",
    "a:b/x//y",
    "a:b:/x",
    "a:/x",
    "a:b/.",
    "a:b/..",
    "a:b/x/../y",
    "a:b/./y",
    "a:b/%2E",
    "a:b/%2e%2e",
    "a:b/%41",
    "a:b/%2f",
    "a:b/%2F%2f",
    "a:b/%7E",
    "a:b/%40",
    "a:b/%",
    "a:b/%2",
    "a:b/%G0",
    "a:b/%%20",
    "a:b/%2\u{e9}",
    "a:b/x:y",
    "a:b/x y",
    "a:b/x?y",
    "a:b/x#y",
    "a:b/x\\y",
    "a:b/x\"y",
    "a:b/\u{e9}",
    "A:b",
    "a:B",
    "aB:c",
    "a:bC",
    "a:b:T",
    "a:b:tT",
    "1a:b",
    "a:1b",
    "-a:b",
    "_a:b",
    "a:-b",
    "a:_b",
    "a:b:-t",
    "a:b:_t",
    "a.b:c",
    "a:b.c",
    "a:b:t.u",
    "a b:c",
    "a: b",
    " a:b",
    "a:b ",
    "a:b\n",
    "a:b\r\n",
    "a:b\0",
    "\u{e9}:b",
    "a:\u{e9}",
    "a:b:\u{e9}",
    "\u{430}:b",
    "a\u{200b}:b",
    "*",
    "*:*",
    "*:b",
    "a:*",
    "a:b:*",
    "a:b/*",
    "a:b/x/*",
    "a*:b",
    "a:b*",
    "a:b/x*",
    "a:b/*/x",
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
    "read",
    "full-access",
    "Models.Read",
    "https://api.example/scope",
    "a:b/1/2/3/4/5/6/7/8/9",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:b",
    "a:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "a:b:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
    "a:b/ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
];

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

/// Whether the text may stand in an `error_description` (RFC 6749 §5.2).
fn describable(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[test]
fn good_scopes_are_accepted_and_print_as_they_came() {
    for text in GOOD {
        assert_eq!(scope(text).to_string(), *text);
    }
}

#[test]
fn bad_scopes_are_refused_with_a_message_fit_for_oauth() {
    for text in BAD {
        let fault = Scope::parse(text).expect_err(text);
        assert!(describable(&fault.to_string()), "{fault}");
        let json = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<ScopeFault>(&json).unwrap(), fault);
    }
}

#[test]
fn a_scope_has_at_most_160_bytes() {
    let text = format!("a:b/{0}/{0}/{1}", "x".repeat(64), "y".repeat(26));
    assert_eq!(text.len(), 160);
    assert_eq!(scope(&text).as_str(), text);
    let longer = format!("{text}y");
    assert!(matches!(Scope::parse(&longer), Err(ScopeFault::TooLong { bytes: 161, .. })));
}

#[test]
fn an_encoded_character_counts_once() {
    let text = format!("a:b/{}{}", "%2F".repeat(44), "x".repeat(20));
    assert_eq!(scope(&text).resource().unwrap().len(), 152);
}

#[test]
fn a_scope_gives_its_parts() {
    let parts = |text: &str| {
        let scope = scope(text);
        let tenant = scope.tenant().map(ToString::to_string);
        let resource = scope.resource().map(str::to_owned);
        (scope.family().to_owned(), scope.verb().to_owned(), tenant, resource)
    };
    let own = str::to_owned;
    assert_eq!(parts("model:list"), (own("model"), own("list"), None, None));
    assert_eq!(parts("a:b:t1"), (own("a"), own("b"), Some(own("t1")), None));
    assert_eq!(parts("a:b/x/y"), (own("a"), own("b"), None, Some(own("x/y"))));
    assert_eq!(parts("a:b:t/x"), (own("a"), own("b"), Some(own("t")), Some(own("x"))));
}

#[test]
fn a_fault_says_what_was_seen_where_and_what_is_right() {
    let message = |text: &str| Scope::parse(text).unwrap_err().to_string();
    assert_eq!(
        message("Generate:basic"),
        "the scope 'Generate:basic' has 'G' at byte 0; \
         a family is 1 to 32 lower-case letters, digits, '-' or '_' and starts with a letter"
    );
    assert_eq!(
        message("model:list\u{e9}"),
        "the scope 'model:list?' has 'U+00E9' at byte 10; \
         a verb is 1 to 32 lower-case letters, digits, '-' or '_' and starts with a letter"
    );
    let empty = ScopeFault::Empty { seen: "a:b//x".into(), part: ScopePart::Resource, at: 4 };
    assert_eq!(Scope::parse("a:b//x"), Err(empty));
    assert_eq!(Scope::parse("a:b:*"), Err(ScopeFault::Wildcard { seen: "a:b:*".into(), at: 4 }));
    assert!(message("openid").contains("OpenID Connect"));
    assert!(message("models").contains("family:verb"));
}

#[test]
fn a_long_secret_in_the_place_of_a_scope_is_not_repeated_whole() {
    let secret = "s".repeat(2000);
    let message = Scope::parse(&secret).unwrap_err().to_string();
    assert!(message.len() < 200, "{message}");
}

#[test]
fn a_list_is_separated_by_single_spaces() {
    for (text, at) in [(" a:b", 0), ("a:b  c:d", 4), ("a:b ", 4), (" ", 0)] {
        assert_eq!(Scopes::parse(text), Err(ScopeFault::Spacing { at }), "{text:?}");
    }
    for text in ["a:b\tc:d", "a:b,c:d", "a:b\u{a0}c:d", "a:b\nc:d", "a:b openid"] {
        assert!(Scopes::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(scopes("c:d a:b c:d").to_string(), "a:b c:d");
    assert!(scopes("").is_empty());
}

#[test]
fn a_list_has_at_most_64_scopes_and_2048_bytes() {
    let list = |count: usize| (0..count).map(|n| format!("a:b/{n}")).collect::<Vec<_>>().join(" ");
    assert_eq!(scopes(&list(64)).len(), 64);
    assert_eq!(Scopes::parse(&list(65)), Err(ScopeFault::TooMany { scopes: 65 }));
    let long = vec!["a:b"; 600].join(" ");
    assert_eq!(Scopes::parse(&long), Err(ScopeFault::TooLarge { bytes: 2399 }));
    let big: Scopes = (0..40).map(|n| scope(&format!("a:b/{n}{}", "x".repeat(60)))).collect();
    assert!(matches!(big.within_limits(), Err(ScopeFault::TooLarge { .. })));
}

#[test]
fn a_set_is_one_string_in_json() {
    let set = scopes("model:list generate:basic");
    assert_eq!(serde_json::to_string(&set).unwrap(), r#""generate:basic model:list""#);
    assert_eq!(serde_json::from_str::<Scopes>(r#""model:list generate:basic""#).unwrap(), set);
    assert!(serde_json::from_str::<Scopes>(r#"["model:list"]"#).is_err());
    assert!(serde_json::from_str::<Scope>(r#""model:*""#).is_err());
}

#[test]
fn the_own_tenant_is_not_written_out() {
    let own = Tenant::new("acme").unwrap();
    let said = scopes("analytics:read:acme dataset:read:acme/x dataset:read:beta/x model:list");
    assert_eq!(
        said.unqualified(&own).to_string(),
        "analytics:read dataset:read/x dataset:read:beta/x model:list"
    );
    for scope in &said.unqualified(&own) {
        assert_eq!(*scope, Scope::parse(scope.as_str()).unwrap());
        assert_eq!(scope.resource(), Scope::parse(scope.as_str()).unwrap().resource());
    }
}

#[test]
fn every_standard_entry_is_registered_and_described() {
    let registry = Registry::standard();
    assert_eq!(registry.all().count(), super::registry::STANDARD.len());
    for (scope, description) in registry.all() {
        assert!(description.ends_with('.'), "{scope}");
        assert_eq!(registry.known(scope), Ok(()));
        let implied = registry.closure(&[scope.clone()].into_iter().collect());
        assert!(scope.is_privileged() || !implied.iter().any(Scope::is_privileged), "{scope}");
    }
}

#[test]
fn a_higher_tier_implies_the_lower_ones_and_no_more() {
    let registry = Registry::standard();
    let closed = |text| registry.closure(&scopes(text)).to_string();
    assert_eq!(closed("generate:basic"), "generate:basic");
    assert_eq!(
        closed("generate:premium:t1/x"),
        "generate:advanced:t1/x generate:basic:t1/x generate:premium:t1/x generate:standard:t1/x"
    );
    assert_eq!(closed("dataset:write"), "dataset:write");
    assert_eq!(closed("finetune:admin"), "finetune:admin finetune:create finetune:read");
    assert_eq!(closed("inference:read"), "inference:read");
    assert_eq!(closed("made:up"), "made:up");
}

#[test]
fn a_resource_covers_what_lies_beneath_it_by_whole_segments() {
    let registry = Registry::standard();
    let covers = |have, need| registry.covers(&scopes(have), &scope(need));
    assert!(covers("mcp:call/github", "mcp:call/github/create_issue"));
    assert!(covers("mcp:call", "mcp:call/github"));
    assert!(covers("model:admin/acme", "model:delete/acme/llama"));
    assert!(!covers("mcp:call/git", "mcp:call/github"));
    assert!(!covers("mcp:call/github/create_issue", "mcp:call/github"));
    assert!(!covers("mcp:call/github", "mcp:call"));
    assert!(!covers("model:admin/acme", "model:delete"));
    assert!(!covers("mcp:call/github", "mcp:read/github"));
    assert!(!covers("model:admin", "model:made-up"));
    assert!(!covers("", "model:list"));
}

#[test]
fn a_scope_of_one_tenant_is_no_scope_of_another() {
    let registry = Registry::standard();
    let covers = |have, need| registry.covers(&scopes(have), &scope(need));
    assert!(covers("analytics:read:t1", "analytics:read:t1"));
    assert!(!covers("analytics:read:t1", "analytics:read:t2"));
    assert!(!covers("analytics:read", "analytics:read:t1"));
    assert!(!covers("analytics:read:t1", "analytics:read"));
}

#[test]
fn what_is_missing_is_named() {
    let registry = Registry::standard();
    let need = scopes("generate:basic model:upload mcp:call/github/x");
    let missing = registry.missing(&scopes("generate:premium mcp:call/github"), &need);
    assert_eq!(missing.to_string(), "model:upload");
}

#[test]
fn an_unknown_scope_is_met_with_the_nearest_known_one() {
    let registry = Registry::standard();
    let message = |text| registry.known(&scope(text)).unwrap_err().to_string();
    assert!(message("genrate:basic").ends_with("did you mean 'generate:basic'?"));
    assert!(message("generate:premum/x").ends_with("did you mean 'generate:premium'?"));
    assert!(message("models:list").ends_with("did you mean 'model:list'?"));
    assert!(message("read:dataset").ends_with("did you mean 'dataset:read'?"));
    assert!(message("embedding:read").ends_with("known are embedding:create"));
    assert!(message("zzz:yyy").contains("known are agent, analytics, audit"));
}

#[test]
fn an_operator_adds_verbs_within_the_rules() {
    let registry = Registry::standard()
        .with("image", "create", "Make images.", &["generate:standard"])
        .and_then(|r| r.with("image", "delete", "Delete images.", &[]))
        .and_then(|r| r.with("image", "admin", "Do everything with images.", &[]))
        .unwrap();
    let closed = registry.closure(&scopes("image:admin"));
    assert_eq!(
        closed.to_string(),
        "generate:basic generate:standard image:admin image:create image:delete"
    );
    let refused = |family, verb, implies: &[&str]| {
        registry.clone().with(family, verb, "No.", implies).unwrap_err()
    };
    assert!(matches!(refused("image", "create", &[]), ScopeFault::Registered { .. }));
    assert!(matches!(refused("generate", "basic", &[]), ScopeFault::Registered { .. }));
    assert!(matches!(refused("image", "b:t", &[]), ScopeFault::NotAName { .. }));
    assert!(matches!(refused("image", "b/x", &[]), ScopeFault::NotAName { .. }));
    assert!(matches!(refused("image", "*", &[]), ScopeFault::Wildcard { .. }));
    assert!(matches!(refused("Image", "x", &[]), ScopeFault::Character { .. }));
    assert!(matches!(refused("image", "x", &["image:y"]), ScopeFault::UnknownVerb { .. }));
    assert!(matches!(refused("image", "x", &["model:list/y"]), ScopeFault::NotAName { .. }));
    let brings = refused("image", "x", &["image:create", "model:delete"]);
    assert!(matches!(brings, ScopeFault::ImpliesPrivileged { .. }));
}

#[test]
fn a_pattern_is_a_scope_or_ends_in_a_whole_wildcard() {
    for text in ["model:*", "mcp:call/*", "mcp:call/github/*", "mcp:call:t1/github/*", "model:list"]
    {
        assert_eq!(pattern(text).to_string(), text);
    }
    let fault = |text| Pattern::parse(text).expect_err(text);
    for text in ["*", "*:*", "*:read", "*/x", "mod*:list", "**"] {
        assert!(matches!(fault(text), ScopeFault::WildcardFamily { .. }), "{text}");
    }
    for text in ["model:list:*", "model:list:t*", "model:list:*/x", "model:list:*/*"] {
        assert!(matches!(fault(text), ScopeFault::WildcardTenant { .. }), "{text}");
    }
    for text in [
        "model:li*",
        "model:**",
        "model:*/x",
        "model:*/*",
        "model:*:t1",
        "mcp:call/*/x",
        "mcp:call/git*",
        "mcp:call/**",
        "mcp:call/*/*",
        "mcp:call/x*/*",
    ] {
        assert!(matches!(fault(text), ScopeFault::WildcardPlace { .. }), "{text}");
    }
    for text in ["model:delete/*", "model:delete/acme/*", "model:admin:t1/*", "key:export/*"] {
        assert!(matches!(fault(text), ScopeFault::WildcardPrivileged { .. }), "{text}");
    }
    for text in
        ["Model:*", "mcp:call//*", "mcp:call/../*", ":*", "/*", "mcp/*", "model:list:", "é:*"]
    {
        assert!(describable(&fault(text).to_string()), "{text}");
    }
    assert!(Pattern::parse("a:b/1/2/3/4/5/6/7/*").is_ok());
    assert!(matches!(
        fault("a:b/1/2/3/4/5/6/7/8/*"),
        ScopeFault::TooManySegments { segments: 9, .. }
    ));
}

#[test]
fn a_wildcard_grants_no_privileged_verb() {
    let registry = Registry::standard();
    let expand = |text| pattern(text).expand(&registry).to_string();
    assert_eq!(expand("model:*"), "model:deploy model:list");
    assert_eq!(expand("exchange:*"), "");
    assert_eq!(expand("model:delete/acme"), "model:delete/acme");
    assert_eq!(expand("mcp:call/github/*"), "mcp:call/github");
    assert_eq!(expand("model:made-up"), "");
    assert_eq!(expand("made-up:*"), "");
    assert!(pattern("model:*").matches(&scope("model:list/acme")));
    assert!(!pattern("model:*").matches(&scope("model:delete/acme")));
    assert!(!pattern("model:*").matches(&scope("model:list:t1")));
    assert!(!pattern("model:*").matches(&scope("models:list")));
    assert!(pattern("mcp:call/github/*").matches(&scope("mcp:call/github/create_issue")));
    assert!(!pattern("mcp:call/github/*").matches(&scope("mcp:call/github2/x")));
    assert!(!pattern("mcp:call/github/*").matches(&scope("mcp:call")));
}

#[test]
fn a_request_is_narrowed_and_each_loss_is_told() {
    let asked =
        scopes("generate:basic generate:premium mcp:call/github/x mcp:call/jira model:delete zz:y");
    let client =
        ["generate:standard", "mcp:call/github/*", "mcp:call/jira", "model:*"].map(pattern);
    let api = scopes("generate:premium mcp:call/github model:delete");
    let (granted, dropped) = asked.narrow(&client, &api, &Registry::standard());
    assert_eq!(granted.to_string(), "generate:basic mcp:call/github/x");
    let told: Vec<_> =
        dropped.into_iter().map(|Dropped { scope, by }| (scope.to_string(), by)).collect();
    let expected = [
        ("generate:premium", DroppedBy::Client),
        ("mcp:call/jira", DroppedBy::Api),
        ("model:delete", DroppedBy::Client),
        ("zz:y", DroppedBy::Api),
    ];
    assert_eq!(told, expected.map(|(scope, by)| (scope.to_owned(), by)));
}

#[test]
fn who_dropped_a_scope_is_said_in_json() {
    let by = DroppedBy::Policy("after hours".into());
    let lost = Dropped { scope: scope("model:list"), by };
    let json = r#"{"scope":"model:list","by":{"policy":"after hours"}}"#;
    assert_eq!(serde_json::to_string(&lost).unwrap(), json);
    assert_eq!(serde_json::to_string(&DroppedBy::Client).unwrap(), r#""client""#);
    assert_eq!(serde_json::from_str::<Dropped>(json).unwrap(), lost);
}

#[test]
fn letters_that_look_alike_are_refused() {
    for text in [
        "\u{430}nalytics:read",    // Cyrillic a
        "analytics:r\u{435}ad",    // Cyrillic e
        "analytics:read:t\u{661}", // Arabic digit one
        "analytics\u{a789}read",   // modifier letter colon
        "analytics\u{ff1a}read",   // fullwidth colon
        "model:list/\u{3bf}rg",    // Greek o
        "model:list\u{2215}x",     // division slash
        "m\u{43e}del:*",           // in an allow-list
        "model:list\u{200b}",      // zero width space
        "model:li\u{17f}t",        // long s, an 's' in upper case
    ] {
        assert!(Scope::parse(text).is_err() && Pattern::parse(text).is_err(), "{text}");
        assert!(Scopes::parse(text).is_err(), "{text}");
        let told = Scope::parse(text).unwrap_err().to_string();
        assert!(describable(&told), "{told}");
    }
}

#[test]
fn ten_thousand_scopes_are_refused_by_their_length_alone() {
    let list = (0..10_000).map(|n| format!("model:list/m{n}")).collect::<Vec<_>>().join(" ");
    assert_eq!(Scopes::parse(&list), Err(ScopeFault::TooLarge { bytes: list.len() }));
    // Not even looked at: what follows is no scope.
    let junk = "\u{0}".repeat(10_000);
    assert_eq!(Scopes::parse(&junk), Err(ScopeFault::TooLarge { bytes: 10_000 }));
}

#[test]
fn an_allow_list_is_expanded_to_what_is_registered() {
    let registry = Registry::standard();
    let lines = ["model:*", "exchange:*", "dataset:read:t1", "made:*"].map(pattern);
    let expanded = registry.expand(&lines);
    assert_eq!(expanded.to_string(), "dataset:read:t1 model:deploy model:list");
    assert!(!expanded.may_impersonate());
}

#[test]
fn to_impersonate_is_granted_by_name_in_the_own_tenant_alone() {
    let registry = Registry::standard();
    assert!(registry.expand([&pattern("exchange:impersonate")]).may_impersonate());
    for text in ["exchange:impersonate:t2", "exchange:impersonate/x", "model:admin", "agent:run"] {
        assert!(!registry.closure(&scopes(text)).may_impersonate(), "{text}");
    }
}

#[test]
fn a_scope_of_another_tenant_is_found() {
    let own = Tenant::new("t1").unwrap();
    let found = |text, own| scopes(text).foreign(own).map(ToString::to_string);
    assert_eq!(found("a:b a:b:t1", Some(&own)), None);
    assert_eq!(found("a:b a:b:t1 a:b:t2", Some(&own)), Some("a:b:t2".into()));
    assert_eq!(found("a:b:t1", None), Some("a:b:t1".into()));
}
