//! What a policy is told: one type per point, sharing the parts that several need.
//!
//! An absent field is undefined in Rego, so a rule that reads it does not hold; a list is always
//! there, if only empty. The JSON schemas of these types are what a bundle is checked against.

mod behaviour;
mod caller;
mod client;
mod context;
mod exchange;
mod manage;
mod quota;
mod request;
mod resource;
mod schema;
mod tenant;
mod token;
mod value;

pub use behaviour::Behaviour;
pub use caller::{Actor, Caller};
pub use client::{Client, ClientInput};
pub use context::{Context, Weekday};
pub use exchange::{ExchangeInput, Trust};
pub use manage::{ManageInput, Target};
pub use quota::Quota;
pub use request::RequestInput;
pub use resource::{Dataset, Model, Resource, Tool};
pub use schema::schema;
pub use tenant::{Limits, State, TenantFacts};
pub use token::TokenInput;

pub(crate) use schema::{Known, Shape};

use crate::Point;
use regorus::Value;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, sync::Arc};

/// Text that is borrowed from what was verified, or owned.
pub type Text<'a> = Cow<'a, str>;

/// A type that one point's policy is told.
pub trait Facts: Serialize + JsonSchema {
    /// The point that it belongs to.
    const POINT: Point;
}

/// The input of one decision, as policies see it.
#[derive(Clone, Debug)]
pub struct Input {
    pub(crate) point: Point,
    pub(crate) value: Value,
    /// The JSON text, where the parts that it is made of had theirs.
    told: Option<Box<str>>,
}

impl Input {
    /// Builds the input from its type, without JSON text between.
    ///
    /// A value that Rego has no word for (a number that is none) makes the whole input undefined,
    /// and the decision denies.
    pub fn new<F: Facts>(facts: &F) -> Self {
        let value = value::of(facts).unwrap_or(Value::Undefined);
        Self { point: F::POINT, value, told: None }
    }

    /// The input of the point `request` out of its parts. What is left out is undefined: rules that
    /// read it do not hold.
    pub fn request(parts: &[&Part]) -> Self {
        let entries = parts.iter().map(|part| (value::name(part.field), part.value.clone()));
        Self { point: Point::Request, value: value::object(entries), told: Some(joined(parts)) }
    }

    /// Reads the input of `point` from JSON, as it was recorded or as a person wrote it.
    /// Refuses fields that the type does not have, wrong types, and missing fields.
    pub fn from_json(point: Point, json: &str) -> Result<Self, InputFault> {
        match point {
            Point::Client => read::<ClientInput<'static>>(json),
            Point::Token => read::<TokenInput<'static>>(json),
            Point::Exchange => read::<ExchangeInput<'static>>(json),
            Point::Request => read::<RequestInput<'static>>(json),
            Point::Manage => read::<ManageInput<'static>>(json),
        }
        .map_err(|fault| InputFault { point, fault })
    }

    /// The point that it is for.
    pub fn point(&self) -> Point {
        self.point
    }

    /// As JSON, to be recorded.
    pub fn to_json(&self) -> String {
        match &self.told {
            Some(told) => told.to_string(),
            None => serde_json::to_string(&self.value).unwrap_or_default(),
        }
    }
}

/// A part of an input, built once and used again: the caller's as long as the token is remembered,
/// the tenant's as long as it does not change. Keep it on the thread that uses it.
#[derive(Clone, Debug)]
pub struct Part {
    field: &'static str,
    value: Value,
    /// The same as JSON text, for records.
    told: Arc<str>,
}

impl Part {
    /// `caller`.
    pub fn caller(caller: &Caller<'_>) -> Self {
        Self::of("caller", caller)
    }
    /// `tenant`.
    pub fn tenant(tenant: &TenantFacts<'_>) -> Self {
        Self::of("tenant", tenant)
    }
    /// `resource`.
    pub fn resource(resource: &Resource<'_>) -> Self {
        Self::of("resource", resource)
    }
    /// `quota`.
    pub fn quota(quota: &Quota) -> Self {
        Self::of("quota", quota)
    }
    /// `context`.
    pub fn context(context: &Context<'_>) -> Self {
        Self::of("context", context)
    }
    /// `behaviour`.
    pub fn behaviour(behaviour: &Behaviour<'_>) -> Self {
        Self::of("behaviour", behaviour)
    }

    fn of<T: Serialize>(field: &'static str, part: &T) -> Self {
        // What Rego has no word for, JSON has none for either.
        let told = serde_json::to_string(part).unwrap_or_else(|_| "null".to_owned()).into();
        Self { field, value: value::of(part).unwrap_or(Value::Undefined), told }
    }
}

/// One object of the parts' texts: nothing is written twice. Field names are plain words.
fn joined(parts: &[&Part]) -> Box<str> {
    let length: usize = parts.iter().map(|part| part.field.len() + part.told.len() + 4).sum();
    let mut text = String::with_capacity(length + 2);
    for part in parts {
        text.push(if text.is_empty() { '{' } else { ',' });
        for piece in ["\"", part.field, "\":", &*part.told] {
            text.push_str(piece);
        }
    }
    text.push_str(if text.is_empty() { "{}" } else { "}" });
    text.into()
}

fn read<F: Facts + DeserializeOwned>(json: &str) -> Result<Input, serde_json::Error> {
    serde_json::from_str::<F>(json).map(|facts| Input::new(&facts))
}

/// JSON that is no input of the point.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is no input of the point '{point}': {fault}; 'portcullis policy schema {point}' shows what is"
)]
pub struct InputFault {
    point: Point,
    #[source]
    fault: serde_json::Error,
}
