//! The shape of an input, as JSON schema for people and as a tree for the checks.

use super::{ClientInput, ExchangeInput, ManageInput, RequestInput, TokenInput};
use crate::Point;
use schemars::schema_for;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The JSON schema (2020-12) of the input of `point`.
pub fn schema(point: Point) -> Json {
    let schema = match point {
        Point::Client => schema_for!(ClientInput<'static>),
        Point::Token => schema_for!(TokenInput<'static>),
        Point::Exchange => schema_for!(ExchangeInput<'static>),
        Point::Request => schema_for!(RequestInput<'static>),
        Point::Manage => schema_for!(ManageInput<'static>),
    };
    schema.to_value()
}

/// What may stand at a place of an input.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Object(BTreeMap<String, Shape>),
    /// An object with keys that nobody knows.
    Map(Box<Shape>),
    List(Box<Shape>),
    /// One of these words.
    Words(Vec<String>),
    Leaf,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Known<'a> {
    Shape(&'a Shape),
    /// `field` is none of `fields`, which are what there is.
    Missing {
        field: String,
        fields: Vec<&'a str>,
    },
}

impl Shape {
    pub(crate) fn of(point: Point) -> Self {
        let schema = schema(point);
        let none = Map::new();
        let words = schema.get("$defs").and_then(Json::as_object).unwrap_or(&none);
        Self::read(&schema, words)
    }

    fn read(schema: &Json, words: &Map<String, Json>) -> Self {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            let target = name.rsplit('/').next().and_then(|name| words.get(name));
            return target.map_or(Self::Leaf, |target| Self::read(target, words));
        }
        // An optional type is `anyOf` it and null; a documented enum is `oneOf` its words.
        for choice in ["anyOf", "oneOf"] {
            let Some(choices) = schema.get(choice).and_then(Json::as_array) else { continue };
            let constants: Vec<_> = choices.iter().flat_map(constants).collect();
            if !constants.is_empty() {
                return Self::Words(constants);
            }
            let real = choices.iter().find(|c| c.get("type").is_none_or(|kind| kind != "null"));
            return real.map_or(Self::Leaf, |real| Self::read(real, words));
        }
        let constants = constants(schema);
        if !constants.is_empty() {
            return Self::Words(constants);
        }
        if let Some(fields) = schema.get("properties").and_then(Json::as_object) {
            let read = |(name, schema): (&String, &Json)| (name.clone(), Self::read(schema, words));
            return Self::Object(fields.iter().map(read).collect());
        }
        if let Some(items) = schema.get("items") {
            return Self::List(Box::new(Self::read(items, words)));
        }
        match schema.get("additionalProperties") {
            Some(values) if values.is_object() => Self::Map(Box::new(Self::read(values, words))),
            _ => Self::Leaf,
        }
    }

    /// Follows `path`, of which `None` is any key or index.
    pub(crate) fn follow<'p>(&self, path: impl Iterator<Item = Option<&'p str>>) -> Known<'_> {
        let mut here = self;
        for step in path {
            here = match (here, step) {
                (Self::Object(fields), Some(field)) => {
                    let Some(shape) = fields.get(field) else {
                        let fields = fields.keys().map(String::as_str).collect();
                        return Known::Missing { field: field.to_owned(), fields };
                    };
                    shape
                }
                (Self::Map(values), _) => values,
                (Self::List(items), None) => items,
                (Self::List(_) | Self::Words(_) | Self::Leaf, Some(field)) => {
                    return Known::Missing { field: field.to_owned(), fields: Vec::new() };
                }
                (Self::Object(_) | Self::Words(_) | Self::Leaf, None) => &Self::Leaf,
            };
        }
        Known::Shape(here)
    }
}

fn constants(schema: &Json) -> Vec<String> {
    let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    listed.chain(schema.get("const")).filter_map(Json::as_str).map(str::to_owned).collect()
}
