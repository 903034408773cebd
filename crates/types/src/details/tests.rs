//! What is read, what is refused with which words, and the laws of the order.

use super::{DetailLimit, DetailList, DetailType, Details, DetailsFault, DetailsProblem};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

const MODEL: &str = r#"[{"type":"ai_model","locations":["https://gw.example/v1"],"actions":["stream","invoke"],"identifier":"gpt-4o-mini","limits":{"max_output_tokens":4096,"tokens_per_day":1000000,"usd_per_day":25},"features":["tools"],"data_classes":["public","internal"]}]"#;
const DATASET: &str = r#"[{"type":"ai_dataset","actions":["read","append"],"identifier":"ds_claims_2026","purposes":["inference","finetune"]}]"#;
const TOOL: &str = r#"[{"type":"mcp_tool","locations":["https://gw.example/mcp/github"],"actions":["call"],"identifier":"create_issue","arguments":{"owner":{"in":["acme"]}}}]"#;

fn details(value: &Value) -> Details {
    Details::of(value).unwrap()
}

fn fault(value: &Value) -> DetailsFault {
    Details::of(value).unwrap_err()
}

#[test]
fn the_three_types_are_read_and_written_in_one_form() {
    for text in [MODEL, DATASET, TOOL] {
        let read = Details::parse(text).unwrap();
        let written = read.to_string();
        assert_eq!(Details::parse(&written).unwrap(), read);
        assert_eq!(serde_json::from_str::<Details>(&written).unwrap(), read);
        let value: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(Details::of(&value).unwrap(), read);
    }
    let model = Details::parse(MODEL).unwrap();
    assert_eq!(
        model.to_string(),
        MODEL
            .replace(r#""stream","invoke""#, r#""invoke","stream""#)
            .replace(r#""public","internal""#, r#""internal","public""#)
    );
    let model = model.iter().next().unwrap();
    assert_eq!((model.kind(), model.identifier()), (DetailType::AiModel, Some("gpt-4o-mini")));
    assert_eq!(model.limit(DetailLimit::UsdPerDay), Some(250_000));
    assert!(model.allows(DetailList::Features, "tools"));
    assert!(!model.allows(DetailList::Features, "logprobs"));
    assert!(model.allows(DetailList::Purposes, "anything"), "what is absent limits nothing");
}

#[test]
fn equal_sets_are_written_alike() {
    let one =
        details(&json!([{"type": "ai_model", "features": ["b", "a", "a"]}, {"type": "mcp_tool"}]));
    let other = details(
        &json!([{"type": "mcp_tool"}, {"features": ["a", "b"], "type": "ai_model"}, {"type": "mcp_tool"}]),
    );
    assert_eq!(one, other);
    assert_eq!(
        one.to_string(),
        r#"[{"type":"ai_model","features":["a","b"]},{"type":"mcp_tool"}]"#
    );
}

#[test]
fn money_is_exact_and_whole_counts_are_whole() {
    for (text, units) in [
        ("25", 250_000),
        ("25.5", 255_000),
        ("0.0001", 1),
        ("0", 0),
        ("999999999.9999", 9_999_999_999_999_u64),
    ] {
        let text = format!(r#"[{{"type":"ai_model","limits":{{"usd_per_day":{text}}}}}]"#);
        let read = Details::parse(&text).unwrap();
        assert_eq!(read.iter().next().unwrap().limit(DetailLimit::UsdPerDay), Some(units));
        assert_eq!(read.to_string(), text);
    }
    for bad in ["-1", "0.00001", "1e300", "1000000000", "\"25\"", "null", "-0.5", "1e-9"] {
        let text = format!(r#"[{{"type":"ai_model","limits":{{"usd_per_day":{bad}}}}}]"#);
        let fault = Details::parse(&text).unwrap_err();
        assert_eq!(fault.place(), "authorization_details[0].limits.usd_per_day", "{bad}");
    }
    assert!(
        Details::of(&json!([{"type": "ai_model", "limits": {"tokens_per_day": 1.5}}])).is_err()
    );
    assert!(Details::of(&json!([{"type": "ai_model", "limits": {"tokens_per_day": -1}}])).is_err());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one line a case")]
fn a_fault_names_object_field_found_and_expected() {
    use DetailsProblem::{BadValue, Malformed, TooLarge, UnknownField, UnknownType};
    let cases = [
        (json!({}), Malformed, "authorization_details", "an object"),
        (json!([1]), Malformed, "authorization_details[0]", "a number"),
        (json!([{}]), UnknownType, "authorization_details[0].type", "none"),
        (json!([{"type": 1}]), UnknownType, "authorization_details[0].type", "a number"),
        (
            json!([{"type": "ai_\u{043c}odel"}]),
            UnknownType,
            "authorization_details[0].type",
            "ai_?odel",
        ),
        (
            json!([{"type": "mcp_tool"}, {"type": "ai_model", "purposes": ["x"]}]),
            UnknownField,
            "authorization_details[1]",
            "purposes",
        ),
        (
            json!([{"type": "ai_model", "privileges": ["x"]}]),
            UnknownField,
            "authorization_details[0]",
            "privileges",
        ),
        (
            json!([{"type": "ai_model", "actions": ["invok"]}]),
            BadValue,
            "authorization_details[0].actions",
            "invok",
        ),
        (
            json!([{"type": "ai_model", "actions": "invoke"}]),
            BadValue,
            "authorization_details[0].actions",
            "a text",
        ),
        (
            json!([{"type": "ai_model", "actions": []}]),
            TooLarge,
            "authorization_details[0].actions",
            "0 values",
        ),
        (
            json!([{"type": "ai_model", "actions": [true]}]),
            BadValue,
            "authorization_details[0].actions",
            "true or false",
        ),
        (
            json!([{"type": "ai_model", "features": ["To\u{043e}ls"]}]),
            BadValue,
            "authorization_details[0].features",
            "To?ls",
        ),
        (
            json!([{"type": "ai_model", "identifier": "gpt-\u{ff14}o"}]),
            BadValue,
            "authorization_details[0].identifier",
            "gpt-?o",
        ),
        (
            json!([{"type": "ai_model", "identifier": "*"}]),
            BadValue,
            "authorization_details[0].identifier",
            "*",
        ),
        (
            json!([{"type": "ai_model", "identifier": "gpt-*"}]),
            BadValue,
            "authorization_details[0].identifier",
            "gpt-*",
        ),
        (
            json!([{"type": "ai_model", "identifier": null}]),
            BadValue,
            "authorization_details[0].identifier",
            "null",
        ),
        (
            json!([{"type": "ai_model", "identifier": "x".repeat(129)}]),
            BadValue,
            "authorization_details[0].identifier",
            "",
        ),
        (
            json!([{"type": "ai_model", "locations": ["/v1"]}]),
            BadValue,
            "authorization_details[0].locations",
            "/v1",
        ),
        (
            json!([{"type": "ai_model", "limits": {}}]),
            BadValue,
            "authorization_details[0].limits",
            "none",
        ),
        (
            json!([{"type": "ai_model", "limits": {"n": 1}}]),
            UnknownField,
            "authorization_details[0].limits",
            "n",
        ),
        (
            json!([{"type": "mcp_tool", "arguments": {}}]),
            BadValue,
            "authorization_details[0].arguments",
            "an object",
        ),
        (
            json!([{"type": "mcp_tool", "arguments": {"a": ["x"]}}]),
            BadValue,
            "authorization_details[0].arguments.a",
            "an array",
        ),
        (
            json!([{"type": "mcp_tool", "arguments": {"a": {"not": ["x"]}}}]),
            BadValue,
            "authorization_details[0].arguments.a",
            "an object",
        ),
        (
            json!([{"type": "mcp_tool", "arguments": {"a": {"in": ["x"], "or": 1}}}]),
            BadValue,
            "authorization_details[0].arguments.a",
            "an object",
        ),
        (
            json!([{"type": "mcp_tool", "arguments": {"a": {"in": [1.5]}}}]),
            BadValue,
            "authorization_details[0].arguments.a.in",
            "a number",
        ),
        (
            json!([{"type": "mcp_tool", "arguments": {"a": {"in": [null]}}}]),
            BadValue,
            "authorization_details[0].arguments.a.in",
            "null",
        ),
    ];
    for (value, problem, place, found) in cases {
        let fault = fault(&value);
        assert_eq!((fault.problem, fault.place().as_str()), (problem, place), "{value}");
        assert!(fault.found.starts_with(found), "{value}: {fault}");
        assert!(!fault.expected.is_empty(), "{value}");
    }
}

#[test]
fn more_than_a_token_holds_is_refused_before_it_is_looked_at() {
    let many = |count| {
        Value::Array(
            (0..count)
                .map(|n| json!({"type": "ai_model", "identifier": format!("m{n}")}))
                .collect(),
        )
    };
    assert_eq!(details(&many(16)).len(), 16);
    assert_eq!(fault(&many(17)).problem, DetailsProblem::TooLarge);
    let long = format!("[{}{{\"type\":\"ai_model\"}}]", " ".repeat(4096));
    assert_eq!(Details::parse(&long).unwrap_err().problem, DetailsProblem::TooLarge);
    let wide: Vec<_> = (0..16).map(|n| json!({"type": "ai_model", "features": (0..32).map(|m| format!("f{n}-{m}-xxxxxxxx")).collect::<Vec<_>>()})).collect();
    assert_eq!(fault(&wide.into()).problem, DetailsProblem::TooLarge);
    let list: Vec<_> = (0..33).map(|n| format!("f{n}")).collect();
    assert_eq!(
        fault(&json!([{"type": "ai_model", "features": list}])).problem,
        DetailsProblem::TooLarge
    );
}

#[test]
fn what_can_be_read_in_two_ways_is_not_read() {
    for bad in [
        r#"[{"type":"ai_model","identifier":"a","identifier":"b"}]"#,
        r#"[{"type":"ai_model","type":"mcp_tool"}]"#,
        r#"[{"type":"mcp_tool","arguments":{"a":{"in":["x"]},"\u0061":{"in":["y"]}}}]"#,
        r#"[{"type":"ai_model"}] []"#,
        r#"[{"type":"ai_model"},]"#,
        &format!("[{}", r#"{"type":"mcp_tool","arguments":{"a":{"in":[[["#),
        &"[".repeat(4000),
        "",
        "null",
    ] {
        assert_eq!(
            Details::parse(bad).unwrap_err().problem,
            DetailsProblem::Malformed,
            "{bad:.60}"
        );
    }
}

#[test]
fn dropping_a_limit_is_widening() {
    let ceiling = Details::parse(MODEL).unwrap();
    let wide = |change: fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(MODEL).unwrap();
        change(&mut value[0]);
        let wanted = Details::of(&value).unwrap();
        assert!(!wanted.is_within(&ceiling), "{wanted}");
        let fault = Details::narrowed(&wanted, &ceiling).unwrap_err();
        assert_eq!(fault.problem, DetailsProblem::Wider);
        fault
    };
    let without = |field: &'static str| {
        let mut value: Value = serde_json::from_str(MODEL).unwrap();
        value[0].as_object_mut().unwrap().remove(field);
        let wanted = Details::of(&value).unwrap();
        assert!(!wanted.is_within(&ceiling), "{wanted}");
        Details::narrowed(&wanted, &ceiling).unwrap_err()
    };
    for field in ["locations", "actions", "identifier", "limits", "features", "data_classes"] {
        assert!(without(field).field.unwrap().starts_with(field));
    }
    let fault = wide(|o| o["limits"]["usd_per_day"] = json!(25.5));
    assert_eq!(
        fault.to_string(),
        "ai_model gpt-4o-mini.limits.usd_per_day: 25.5; expected: at most 25"
    );
    let fault = wide(|o| o["features"] = json!(["tools", "logprobs"]));
    assert_eq!((fault.found.as_str(), fault.expected.as_str()), ("logprobs", "among tools"));
    let fault = wide(|o| o["identifier"] = json!("gpt-4o"));
    assert_eq!((fault.found.as_str(), fault.expected.as_str()), ("gpt-4o", "gpt-4o-mini"));
    wide(|o| {
        o["limits"].as_object_mut().unwrap().remove("tokens_per_day");
    });
    let tool = Details::parse(TOOL).unwrap();
    for arguments in [json!({"owner": {"in": ["acme", "evil"]}}), json!({"repo": {"in": ["x"]}})] {
        let mut value: Value = serde_json::from_str(TOOL).unwrap();
        value[0]["arguments"] = arguments;
        assert!(!Details::of(&value).unwrap().is_within(&tool), "{value}");
    }
    // Attack: no objects at all, where the parent is limited by some.
    assert!(!Details::default().is_within(&ceiling));
    assert!(!tool.is_within(&ceiling), "the models would be unlimited");
    assert!(ceiling.is_within(&Details::default()));
}

#[test]
fn who_asks_for_nothing_gets_the_ceiling_and_who_asks_for_less_gets_that() {
    let ceiling = Details::parse(MODEL).unwrap();
    assert_eq!(Details::narrowed(&Details::default(), &ceiling), Ok(ceiling.clone()));
    let tool = Details::parse(TOOL).unwrap();
    let both = Details::narrowed(&tool, &ceiling).unwrap();
    assert!(both.is_within(&ceiling) && both.is_within(&tool) && both.len() == 2);
    let mut value: Value = serde_json::from_str(MODEL).unwrap();
    value[0]["limits"]["max_output_tokens"] = json!(10);
    value[0]["actions"] = json!(["invoke"]);
    let less = details(&value);
    assert_eq!(Details::narrowed(&less, &ceiling), Ok(less.clone()));
}

#[test]
fn two_sides_with_nothing_in_common_leave_nothing_rather_than_everything() {
    let model = |name: &str| details(&json!([{"type": "ai_model", "identifier": name}]));
    let fault = model("a").meet(&model("b")).unwrap_err();
    assert_eq!((fault.problem, fault.object.as_str()), (DetailsProblem::Excluded, "ai_model"));
    let list = |features: Value| details(&json!([{"type": "ai_model", "features": features}]));
    assert!(list(json!(["a"])).meet(&list(json!(["b"]))).is_err());
    assert_eq!(list(json!(["a", "b"])).meet(&list(json!(["b", "c"]))), Ok(list(json!(["b"]))));
    assert_eq!(model("a").meet(&Details::default()), Ok(model("a")));
}

fn any_details() -> impl Strategy<Value = Details> {
    let names = |all: &'static [&'static str]| {
        prop::option::of(prop::sample::subsequence(all, 1..=all.len()))
    };
    let amount = || prop::option::of(select(vec![0_u64, 1, 5, 100]));
    let model = (
        prop::option::of(select(vec!["a", "b"])),
        names(&["invoke", "stream"]),
        names(&["tools", "logprobs", "vision"]),
        amount(),
        amount(),
    )
        .prop_map(|(identifier, actions, features, tokens, usd)| {
            let mut object = json!({"type": "ai_model"});
            let mut set = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    object[name] = value;
                }
            };
            set("identifier", identifier.map(Into::into));
            set("actions", actions.map(Into::into));
            set("features", features.map(Into::into));
            let limits: serde_json::Map<_, _> = [("tokens_per_day", tokens), ("usd_per_day", usd)]
                .into_iter()
                .filter_map(|(name, amount)| Some((name.to_owned(), amount?.into())))
                .collect();
            set("limits", (!limits.is_empty()).then_some(Value::Object(limits)));
            object
        });
    let tool = (prop::option::of(select(vec!["t", "u"])), names(&["x", "y", "z"])).prop_map(
        |(identifier, values)| {
            let mut object = json!({"type": "mcp_tool"});
            if let Some(identifier) = identifier {
                object["identifier"] = identifier.into();
            }
            if let Some(values) = values {
                object["arguments"] = json!({"owner": {"in": values}});
            }
            object
        },
    );
    vec(prop_oneof![2 => model, 1 => tool], 0..4).prop_map(|all| details(&Value::Array(all)))
}

proptest! {
    #[test]
    fn details_read_back_as_they_print(set in any_details()) {
        prop_assert_eq!(Details::parse(&set.to_string()).unwrap(), set);
    }

    #[test]
    fn the_order_is_one(a in any_details(), b in any_details(), c in any_details()) {
        prop_assert!(a.is_within(&a) && a.is_within(&Details::default()));
        if a.is_within(&b) && b.is_within(&c) {
            prop_assert!(a.is_within(&c));
        }
    }

    #[test]
    fn the_meet_is_the_most_that_both_allow(a in any_details(), b in any_details(), c in any_details()) {
        if let Ok(both) = a.meet(&b) {
            prop_assert!(both.is_within(&a) && both.is_within(&b));
            prop_assert_eq!(c.is_within(&both), c.is_within(&a) && c.is_within(&b));
        } else {
            prop_assert!(!(c.is_within(&a) && c.is_within(&b)));
        }
    }

    #[test]
    fn what_is_granted_lies_within_the_request_and_the_ceiling(asked in any_details(), ceiling in any_details()) {
        match Details::narrowed(&asked, &ceiling) {
            Ok(granted) => prop_assert!(granted.is_within(&ceiling) && granted.is_within(&asked)),
            Err(fault) => {
                prop_assert_eq!(fault.problem, DetailsProblem::Wider);
                prop_assert!(!asked.is_within(&ceiling));
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in r#"[\[\]{}:,"a-z0-9 \\.é]{0,120}"#) {
        let _ = Details::parse(&text);
    }
}
