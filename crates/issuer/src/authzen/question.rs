//! The information model (§5), read from JSON: what is required is there and of its type, what is not known is left
//! alone.

use serde_json::{Map, Value};

/// Bytes of an identifier, at most.
const LONGEST: usize = 1024;
/// Properties of one entity, at most.
const MOST: usize = 64;

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Malformed(pub(super) String);

/// A subject or a resource.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    pub(super) kind: String,
    /// Empty in the entity that is searched for.
    pub(super) id: String,
    pub(super) properties: Map<String, Value>,
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub(super) name: String,
    pub(super) properties: Map<String, Value>,
}

/// §6.1: one question.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) subject: Entity,
    pub(super) action: Action,
    pub(super) resource: Entity,
    pub(super) context: Map<String, Value>,
}

/// Whether an entity has to be named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// It is one.
    Needed,
    /// §8.4: it is searched for; a name is ignored.
    Ignored,
}

impl Question {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Malformed> {
        Ok(Self {
            subject: Entity::read(body, "subject", Named::Needed)?,
            action: Action::read(body)?,
            resource: Entity::read(body, "resource", Named::Needed)?,
            context: context(body)?,
        })
    }
}

impl Entity {
    pub(super) fn read(
        body: &Map<String, Value>,
        name: &str,
        named: Named,
    ) -> Result<Self, Malformed> {
        let entity = object(body, name)?.ok_or_else(|| missing(name))?;
        let id = match named {
            Named::Needed => text(entity, name, "id")?,
            Named::Ignored => String::new(),
        };
        let properties = properties(entity, name)?;
        Ok(Self { kind: text(entity, name, "type")?, id, properties })
    }

    /// A property that is text, if it is there.
    pub(super) fn said<'a>(&'a self, name: &str, of: &str) -> Result<Option<&'a str>, Malformed> {
        match self.properties.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&format!("{of}.properties.{name}"), "a string", other)),
        }
    }

    /// The words of a property: a list of text, or one text with spaces between. Others are none.
    pub(super) fn words(&self, name: &str) -> Option<Vec<&str>> {
        match self.properties.get(name)? {
            Value::String(text) => Some(text.split_ascii_whitespace().collect()),
            Value::Array(list) => Some(list.iter().filter_map(Value::as_str).collect()),
            _ => None,
        }
    }
}

impl Action {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Malformed> {
        let action = object(body, "action")?.ok_or_else(|| missing("action"))?;
        let properties = properties(action, "action")?;
        Ok(Self { name: text(action, "action", "name")?, properties })
    }
}

pub(super) fn context(body: &Map<String, Value>) -> Result<Map<String, Value>, Malformed> {
    let context = object(body, "context")?.cloned().unwrap_or_default();
    bounded(&context, "context")?;
    Ok(context)
}

/// An object, if it is there.
pub(super) fn object<'b>(
    body: &'b Map<String, Value>,
    name: &str,
) -> Result<Option<&'b Map<String, Value>>, Malformed> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(wrong(name, "an object", other)),
    }
}

fn properties(entity: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, Malformed> {
    let properties = object(entity, "properties")
        .map_err(|Malformed(what)| Malformed(format!("{name}: {what}")))?;
    let properties = properties.cloned().unwrap_or_default();
    bounded(&properties, name)?;
    Ok(properties)
}

fn bounded(properties: &Map<String, Value>, name: &str) -> Result<(), Malformed> {
    if properties.len() > MOST {
        return Err(Malformed(format!("'{name}' has more than {MOST} properties")));
    }
    Ok(())
}

fn text(entity: &Map<String, Value>, of: &str, name: &str) -> Result<String, Malformed> {
    let place = format!("{of}.{name}");
    match entity.get(name) {
        None | Some(Value::Null) => Err(missing(&place)),
        Some(Value::String(text)) if text.is_empty() => {
            Err(Malformed(format!("'{place}' is empty")))
        }
        Some(Value::String(text)) if text.len() > LONGEST => {
            Err(Malformed(format!("'{place}' is longer than {LONGEST} bytes")))
        }
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(wrong(&place, "a string", other)),
    }
}

fn missing(place: &str) -> Malformed {
    Malformed(format!("'{place}' is missing"))
}

pub(super) fn wrong(place: &str, wanted: &str, seen: &Value) -> Malformed {
    let seen = match seen {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Malformed(format!("'{place}' is {seen}; it must be {wanted}"))
}
