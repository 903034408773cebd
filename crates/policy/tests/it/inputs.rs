//! Inputs, from types and from JSON.

use crate::support::input;
use portcullis_policy::{Context, Input, Point, RequestInput, Weekday, schema};

#[test]
fn an_input_from_its_type_is_the_one_from_json() {
    let input = input(
        r#""tenant": {"id": "t123", "tier": "team", "state": "active", "limits": {"tokens_per_day": 18446744073709551615}}"#,
    );
    let facts: RequestInput<'static> = serde_json::from_str(&input.to_json()).unwrap();
    assert_eq!(Input::new(&facts).to_json(), input.to_json());
    let json: serde_json::Value = serde_json::from_str(&input.to_json()).unwrap();
    assert_eq!(json, serde_json::to_value(&facts).unwrap());
}

#[test]
fn a_field_too_many_or_too_few_is_refused() {
    for json in ["{}", "[]", "1", r#"{"caller": 1}"#, "{"] {
        for point in Point::ALL {
            assert!(Input::from_json(point, json).is_err(), "{point}: {json}");
        }
    }
    let more = input("").to_json().replacen("\"caller\":{", "\"caller\":{\"admin\":true,", 1);
    let fault = Input::from_json(Point::Request, &more).unwrap_err().to_string();
    assert!(fault.contains("admin"), "{fault}");
}

#[test]
fn an_absent_field_is_absent() {
    assert!(!input("").to_json().contains("acr"));
    assert!(!input("").to_json().contains("null"));
}

#[test]
fn every_point_has_a_schema_that_knows_its_fields() {
    for (point, field) in [
        (Point::Client, "client"),
        (Point::Token, "caller"),
        (Point::Exchange, "subject"),
        (Point::Request, "resource"),
        (Point::Manage, "action"),
    ] {
        let schema = schema(point);
        assert!(schema.pointer(&format!("/properties/{field}")).is_some(), "{point}: {schema}");
        assert_eq!(schema.get("additionalProperties"), Some(&false.into()), "{point}");
    }
}

#[test]
fn the_clock_is_read_right() {
    let at = Context::at(0, 0);
    assert_eq!((at.weekday, at.hour, at.minute), (Weekday::Thursday, 0, 0));
    let at = Context::at(0, -60);
    assert_eq!((at.weekday, at.hour, at.minute), (Weekday::Wednesday, 23, 0));
    // 2026-11-24, a Tuesday, 15:30 UTC
    let at = Context::at(1_795_534_200, 330);
    assert_eq!((at.weekday, at.hour, at.minute), (Weekday::Tuesday, 21, 0));
    let at = Context::at(i64::MIN, i16::MIN);
    assert!(at.hour < 24 && at.minute < 60);
}
