//! Whether a request stays within [`Details`]: what a resource server has to see to (RFC 9396 §7).

use super::{ArgumentValue, Detail, DetailLimit, DetailList, DetailType, Details};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a request does, and with which thing.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// What kind of thing.
    pub kind: DetailType,
    /// Which one; `None`: none in particular, as when all are listed.
    pub identifier: Option<&'a str>,
    /// What is done with it: one of the actions of its kind.
    pub action: &'a str,
    /// Where: the audience of the API.
    pub location: &'a str,
    /// With which arguments, of a tool.
    pub arguments: Option<&'a Map<String, Value>>,
}

impl Use<'_> {
    /// As a record says it: `invoke text-large`.
    fn told(&self) -> String {
        match self.identifier {
            Some(identifier) => format!("{} {identifier}", self.action),
            None => self.action.to_owned(),
        }
    }
}

/// The request goes beyond what the details name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// What it was after: `invoke text-large`.
    pub wanted: String,
    /// What is named of that kind.
    pub named: Vec<String>,
}

impl Details {
    /// That one object at least allows this, and how many tokens an answer may then have at most: as many as
    /// the widest of those objects says. Details without an object of the kind limit nothing. Daily limits,
    /// features and classes of data are not looked at.
    pub fn reach(&self, wanted: &Use<'_>) -> Result<Option<u64>, Outside> {
        let mut named = self.of_kind(wanted.kind).peekable();
        if named.peek().is_none() {
            return Ok(None);
        }
        let limits = self.of_kind(wanted.kind).filter(|detail| detail.permits(wanted));
        let widest = limits
            .map(|detail| detail.limit(DetailLimit::MaxOutputTokens).unwrap_or(u64::MAX))
            .max()
            .ok_or_else(|| Outside {
                wanted: wanted.told(),
                named: named.map(Detail::label).collect(),
            })?;
        Ok((widest != u64::MAX).then_some(widest))
    }
}

impl Detail {
    fn permits(&self, wanted: &Use<'_>) -> bool {
        let identified = match (self.identifier(), wanted.identifier) {
            (Some(own), Some(wanted)) => own == wanted,
            (None, _) | (_, None) => true,
        };
        identified
            && self.allows(DetailList::Actions, wanted.action)
            && self.allows(DetailList::Locations, wanted.location)
            && self.arguments().all(|(name, values)| {
                // What is left out has a value all the same, and only the tool knows which.
                wanted.identifier.is_none()
                    || wanted
                        .arguments
                        .and_then(|arguments| arguments.get(name))
                        .is_some_and(|value| is_one_of(value, values))
            })
    }
}

fn is_one_of(value: &Value, values: &BTreeSet<ArgumentValue>) -> bool {
    values.iter().any(|allowed| match (allowed, value) {
        (ArgumentValue::Flag(allowed), Value::Bool(value)) => allowed == value,
        (ArgumentValue::Number(allowed), Value::Number(value)) => value.as_i64() == Some(*allowed),
        (ArgumentValue::Text(allowed), Value::String(value)) => **allowed == **value,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn details(value: &Value) -> Details {
        Details::of(value).unwrap()
    }

    fn model<'a>(identifier: &'a str, action: &'a str) -> Use<'a> {
        let (kind, location) = (DetailType::AiModel, "https://gw.example/v1");
        Use { kind, identifier: Some(identifier), action, location, arguments: None }
    }

    #[test]
    fn details_of_other_kinds_limit_nothing() {
        let datasets = details(&json!([{"type": "ai_dataset", "identifier": "ds"}]));
        assert_eq!(datasets.reach(&model("large", "invoke")), Ok(None));
        assert_eq!(Details::default().reach(&model("large", "invoke")), Ok(None));
    }

    #[test]
    fn what_no_object_names_is_out_of_reach() {
        let one = details(&json!([
            {"type": "ai_model", "identifier": "small", "actions": ["invoke"],
             "locations": ["https://gw.example/v1"]},
        ]));
        assert!(one.reach(&model("small", "invoke")).is_ok());
        for (identifier, action) in [("large", "invoke"), ("Small", "invoke"), ("small", "stream")]
        {
            let outside = one.reach(&model(identifier, action)).unwrap_err();
            assert_eq!(outside.wanted, format!("{action} {identifier}"));
            assert_eq!(outside.named, ["ai_model small"]);
        }
        let elsewhere = Use { location: "https://gw.example/v1/", ..model("small", "invoke") };
        assert!(one.reach(&elsewhere).is_err(), "byte by byte");
    }

    #[test]
    fn the_widest_object_that_allows_it_says_how_much() {
        let some = details(&json!([
            {"type": "ai_model", "identifier": "small", "limits": {"max_output_tokens": 100}},
            {"type": "ai_model", "identifier": "large", "limits": {"max_output_tokens": 10}},
            {"type": "ai_model", "actions": ["stream"], "limits": {"max_output_tokens": 200}},
        ]));
        assert_eq!(some.reach(&model("small", "invoke")), Ok(Some(100)));
        assert_eq!(some.reach(&model("small", "stream")), Ok(Some(200)));
        assert_eq!(some.reach(&model("large", "invoke")), Ok(Some(10)));
        assert!(some.reach(&model("other", "invoke")).is_err());
        let open = details(&json!([{"type": "ai_model", "identifier": "small"}]));
        assert_eq!(open.reach(&model("small", "invoke")), Ok(None));
    }

    #[test]
    fn an_argument_has_one_of_the_values_or_the_tool_is_not_called() {
        let tool = details(&json!([
            {"type": "mcp_tool", "identifier": "create_issue",
             "arguments": {"owner": {"in": ["acme", 7, true]}}},
        ]));
        let call = |arguments: Value| {
            let Value::Object(arguments) = arguments else { panic!() };
            let wanted = Use {
                kind: DetailType::McpTool,
                identifier: Some("create_issue"),
                action: "call",
                location: "https://gw.example/mcp",
                arguments: Some(&arguments),
            };
            tool.reach(&wanted).is_ok()
        };
        assert!(call(json!({"owner": "acme", "title": "x"})));
        assert!(call(json!({"owner": 7})) && call(json!({"owner": true})));
        for other in [
            json!({}),
            json!({"owner": "Acme"}),
            json!({"owner": ["acme"]}),
            json!({"owner": null}),
            json!({"owner": 7.0}),
            json!({"Owner": "acme"}),
        ] {
            assert!(!call(other.clone()), "{other}");
        }
    }
}
