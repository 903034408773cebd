//! Policies that were written to crash or to stall: refused when loaded, or ended and denied.

use crate::support::{bundle, errors, input, request, with_head};
use portcullis_policy::{Cause, Engine, Point};
use std::time::{Duration, Instant};

/// Refused, with some error that says `what`.
fn refused(rules: &str, what: &str) {
    let errors = errors(rules);
    assert!(errors.iter().any(|it| it.what.contains(what)), "{what}: {errors:?}");
}

/// Lines that only differ by their number.
fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().concat()
}

#[test]
fn what_nests_too_deep_never_reaches_the_parser() {
    let deep = |open: &str, close: &str| {
        format!("allow if {}1{} == 1", open.repeat(50_000), close.repeat(50_000))
    };
    for (open, close) in
        [("(", ")"), ("[", "]"), ("-", ""), ("- ", ""), ("{", "}"), ("a[", "]"), ("not ", "")]
    {
        refused(&deep(open, close), "nests deeper");
    }
    refused(&format!("allow if 1{} == 1", " + 1".repeat(50_000)), "nests deeper");
    refused(&format!("allow if 1{} == 1", "\n + 1".repeat(5_000)), "nests deeper");
    refused(&format!("allow if 1{} == 1", " +\n 1".repeat(5_000)), "nests deeper");
    refused(&format!("allow if input{}", ".a".repeat(50_000)), "nests deeper");
    refused(&format!("allow if input{}", "[0]".repeat(50_000)), "nests deeper");
    refused(&format!("allow if x{}", " | x".repeat(50_000)), "nests deeper");
    refused(&format!("{}\n", "a;".repeat(12)).repeat(10_000), "more than");
}

#[test]
fn a_rule_that_reads_itself_is_refused() {
    refused("decision := {\"allow\": true} if allow\nallow if allow", "reads itself");
    refused("a if b\nb if c\nc if a\ndecision := {\"allow\": true} if a", "reads itself");
    refused("f(x) := f(x + 1)\ndecision := {\"allow\": true} if f(1) == 1", "reads itself");
    refused(
        "decision := {\"allow\": true} if data.portcullis.request[input.resource.api]",
        "not written out",
    );
    refused("decision := {\"allow\": true} if data.portcullis.request", "whole package");
    refused("decision := {\"allow\": true} if count(data) > 0", "whole package");
}

#[test]
fn a_chain_of_rules_is_bounded() {
    let chain: String = many(1500, |n| format!("a{n} if a{}\n", n + 1));
    refused(
        &format!("{chain}a1500 if input.tenant\ndecision := {{\"allow\": true}} if a0"),
        "chain of",
    );
    let many: String = many(2100, |n| format!("a{n} if input.tenant\n"));
    refused(&many, "more than 2000 rules");
}

#[test]
fn calls_that_may_be_long_are_refused() {
    for call in [
        "numbers.range(1, 20000000)",
        "bits.lsh(1, 100000000)",
        "sprintf(\"%1000000000d\", [1])",
        "sprintf(\"%*d\", [1000000000, 1])",
        "sprintf(input.resource.path, [1])",
        "regex.match(\"((a{100}){100}){100}\", input.resource.path)",
        "regex.match(input.resource.path, \"a\")",
        "glob.match(input.resource.path, [], \"a\")",
        "http.send({\"url\": \"http://192.0.2.1\"})",
        "time.now_ns()",
        "net.cidr_expand(\"10.0.0.0/8\")",
        "json.unmarshal(input.resource.path)",
        "walk(input)",
        "print(input)",
        "no_such_thing(1)",
    ] {
        refused(&format!("decision := {{\"allow\": true}} if {call}"), "");
    }
}

#[test]
fn a_text_that_doubles_is_refused() {
    let doubling: String = many(38, |n| format!("x{} := concat(\"\", [x{n}, x{n}])\n", n + 1));
    let end = "decision := {\"allow\": true} if count(x38) > 1";
    refused(&format!("x0 := input.resource.path\n{doubling}{end}"), "too large");
    // The same within one rule, and told backwards.
    let mut lines: Vec<_> =
        (0..40).map(|n| format!("x{} := concat(\"\", [x{n}, x{n}])", n + 1)).collect();
    lines.push("x0 := input.resource.path".to_owned());
    for _ in 0..2 {
        let body = lines.join("\n");
        refused(
            &format!("decision := {{\"allow\": true}} if {{\n{body}\nx40 != \"\"\n}}"),
            "too large",
        );
        lines.reverse();
    }
    // By pairs of pairs, which are compared for ever.
    let pairs: String = many(38, |n| format!("x{} := [x{n}, x{n}]\n", n + 1));
    refused(
        &format!("x0 := input.resource.path\n{pairs}decision := {{\"allow\": true}} if x38 != 1"),
        "too large",
    );
    // By a function that is called on its own answer.
    let calls = format!("{}input.resource.path{}", "f(".repeat(10), ")".repeat(10));
    let body = "f(x) := concat(\"\", [x, x, x, x, x, x, x, x])";
    refused(&format!("{body}\ndecision := {{\"allow\": true}} if {calls} != \"\""), "too large");
    // By numbers that are squared.
    let squares: String = many(38, |n| format!("x{} := x{n} * x{n}\n", n + 1));
    refused(
        &format!("x0 := input.context.time\n{squares}decision := {{\"allow\": true}} if x38 != 1"),
        "too large",
    );
}

/// No call is interrupted: what is large is not for a call.
#[test]
fn data_that_one_call_would_take_too_long_for_is_looked_up_in_by_key() {
    let numbers = |count: u32| serde_json::json!((0..count).collect::<Vec<_>>());
    let map: serde_json::Map<_, _> =
        (0..20_000).map(|n| (format!("t{n}"), serde_json::json!({ "tier": "basic" }))).collect();
    let wide = serde_json::json!({ "a": numbers(3_000), "b": numbers(3_000) });
    let data = serde_json::json!({
        "small": numbers(2_000), "big": numbers(100_000), "map": map, "wide": wide,
        "text": "a".repeat(100_000),
    })
    .to_string();
    let with = |rules: &str| {
        let rules = with_head("request", rules);
        bundle(&[("request.rego", &rules), ("data.json", &data)])
    };
    for line in [
        "some i in data.small\n s := sort(data.big)\n s[0] == i",
        "sum(data.big) > 1",
        "b := data.big\n count({x | some x in b}) > 1",
        "data.big == data.small",
        "input.context.time in data.big",
        "every x in data.big { x >= 0 }",
        "[data.big][0] != 1",
        "object.keys(data.map) != {1}",
        "union({data.map, {1}}) != {1}",
        "replace(data.text, \"a\", \"bb\") != \"\"",
        "split(data.text, \"a\") != []",
        "data[\"big\"] != []",
        "some k\n sort(data.wide[k])[0] == 0",
    ] {
        let refused = with(&format!("decision := {{\"allow\": true}} if {{\n {line}\n}}"));
        let refused = refused.map(|_| ()).expect_err(line);
        let said =
            refused.findings.iter().any(|it| it.what.contains("takes too much of data.json"));
        assert!(said, "{line}: {refused}");
    }
    let imported = "import data.big as b\n\ndecision := {\"allow\": true} if sort(b)[0] == 0";
    assert!(
        bundle(&[
            ("request.rego", &format!("package portcullis.request\n\n{imported}\n")),
            ("data.json", &data),
        ])
        .is_err()
    );
    let by_key = "decision := {\"allow\": true} if data.map[input.caller.tenant].tier == \"basic\"";
    assert!(Engine::new(with(by_key).unwrap()).decide(Point::Request, &input("")).allow);
    let small = "decision := {\"allow\": true} if sort(data.small)[0] == input.context.time";
    assert!(Engine::new(with(small).unwrap()).decide(Point::Request, &input("")).allow);
    // Walked through one by one, it is ended as everything is.
    let walked = "decision := {\"allow\": true} if {\n some i\n data.big[i] == input.caller.sub\n}";
    let ruling = Engine::new(with(walked).unwrap()).decide(Point::Request, &input(""));
    assert!(matches!(ruling.cause, Cause::Limit(_)), "{:?}", ruling.cause);
}

#[test]
fn lists_are_not_compared_each_with_each() {
    for call in [
        "strings.any_prefix_match(data.a, data.b)",
        "strings.any_suffix_match([x | some x in data.a], data.b)",
        "object.subset(data.a, data.b)",
        "trim(input.resource.path, input.caller.sub) == \"\"",
    ] {
        refused(&format!("decision := {{\"allow\": true}} if {call}"), "");
    }
    let long = format!("replace(input.resource.path, \"\", \"{}\") == \"\"", "a".repeat(300));
    refused(&format!("decision := {{\"allow\": true}} if {long}"), "the replacement");
    let good = "strings.any_prefix_match(input.resource.path, [\"/r\", \"/s\"])";
    request(&format!("decision := {{\"allow\": true}} if {good}")).unwrap();
}

/// Taken, since it may be short; what it runs into ends it.
#[test]
fn what_goes_round_for_ever_is_ended_and_denies() {
    let rules = "
decision := {\"allow\": true} if {
    some a in input.caller.groups
    some b in input.caller.groups
    some c in input.caller.groups
    some d in input.caller.groups
    some e in input.caller.groups
    count({a, b, c, d, e}) == 6
}";
    let engine = Engine::new(request(rules).unwrap());
    let groups: Vec<_> = (0..200).map(|n| format!("\"g{n}\"")).collect();
    let caller = format!(
        "{{\"sub\": \"usr_a\", \"client_id\": \"cli_a\", \"groups\": [{}]}}",
        groups.join(",")
    );
    let json = input("").to_json();
    let mut facts: serde_json::Value = serde_json::from_str(&json).unwrap();
    facts.as_object_mut().unwrap().insert("caller".into(), serde_json::from_str(&caller).unwrap());
    let input = portcullis_policy::Input::from_json(Point::Request, &facts.to_string()).unwrap();
    let start = Instant::now();
    let ruling = engine.decide(Point::Request, &input);
    assert!(!ruling.allow);
    assert!(matches!(ruling.cause, Cause::Limit(_)), "{:?}", ruling.cause);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    // The thread that met it goes on to serve.
    assert!(matches!(engine.decide(Point::Request, &input).cause, Cause::Limit(_)));
}

#[test]
fn functions_that_call_each_other_twice_are_ended() {
    let calls: String =
        many(35, |n| format!("f{}(x) := y if {{ f{n}(x) == 1; y := f{n}(x + 0) }}\n", n + 1));
    let rules = format!(
        "f0(x) := 1 if x == input.context.time\n{calls}decision := {{\"allow\": true}} if f35(0) == 1"
    );
    match request(&rules) {
        // Refused is as good as ended.
        Err(_) => {}
        Ok(bundle) => {
            let start = Instant::now();
            let ruling = Engine::new(bundle).decide(Point::Request, &input(""));
            assert!(!ruling.allow, "{ruling:?}");
            assert!(start.elapsed() < Duration::from_secs(2));
        }
    }
}

#[test]
fn a_lattice_of_rules_loads_and_decides_at_once() {
    let layers: String =
        many(30, |n| format!("a{n} if {{ a{0}; b{0} }}\nb{n} if {{ b{0}; a{0} }}\n", n + 1));
    let rules = format!(
        "{layers}a30 if input.caller.sub\nb30 if input.caller.sub\ndecision := {{\"allow\": true}} if a0"
    );
    let start = Instant::now();
    let engine = Engine::new(request(&rules).unwrap());
    assert!(engine.decide(Point::Request, &input("")).allow);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn numbers_of_a_thousand_million_digits_take_no_time() {
    let start = Instant::now();
    for number in ["1e999999999", "1e-999999999", "1e400", "0.1e999999999"] {
        for rules in [
            format!("decision := {{\"allow\": true}} if input.context.time == {number}"),
            format!(
                "decision := {{\"allow\": true}} if to_number(\"{number}\") < input.context.time"
            ),
            format!(
                "decision := {{\"allow\": true}} if substring(input.caller.sub, 0, {number}) == \"\""
            ),
            format!(
                "decision := {{\"allow\": true}} if format_int({number}, 2) == input.caller.sub"
            ),
            format!("decision := {{\"allow\": true}} if round({number}) == input.context.time"),
        ] {
            if let Ok(bundle) = request(&rules) {
                let ruling = Engine::new(bundle).decide(Point::Request, &input(""));
                assert!(!ruling.allow || start.elapsed() < Duration::from_secs(1), "{rules}");
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{rules}");
        }
    }
}

#[test]
fn tests_are_bounded_as_well() {
    let rules = with_head("request", "decision := {\"allow\": true} if input.caller.sub");
    for test in [
        "test_a if count(numbers.range(1, 100000000)) > 0",
        "test_a if test_b\ntest_b if test_a",
        "test_a if http.send({})",
    ] {
        let tests = format!("package portcullis.request_test\n\n{test}\n");
        let files = [("request.rego", rules.as_str()), ("request_test.rego", tests.as_str())];
        assert!(bundle(&files).is_err(), "{test}");
    }
}

#[test]
fn files_are_bounded_in_number_and_size() {
    let long = with_head("request", &"# a\n".repeat(100_000));
    assert!(bundle(&[("request.rego", &long)]).is_err());
    let names: Vec<_> = (0..300).map(|n| format!("f{n}.rego")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "package a\n")).collect();
    assert!(bundle(&files).is_err());
    assert!(bundle(&[("notes.txt", "a")]).is_err());
}

#[test]
fn texts_that_are_no_rego_are_refused_with_a_place() {
    for text in [
        "",
        "package",
        "\u{0}",
        "package a\nx := \"",
        "package a\nx := `",
        "\u{feff}package a",
        "package a\nallow if {",
        "package a\n}",
    ] {
        let refused = bundle(&[("request.rego", text)]).unwrap_err();
        assert!(
            refused
                .findings
                .iter()
                .all(|finding| !finding.what.is_empty() && !finding.remedy.is_empty()),
            "{text:?}"
        );
    }
}
