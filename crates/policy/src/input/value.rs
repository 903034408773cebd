//! From a Rust type to a Rego value, without JSON text between.
//!
//! Field names are `'static`: each thread keeps one copy of each, so building an input allocates
//! none of them and threads share no count.

use regorus::{Value, value::Object};
use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer,
};
use std::{cell::RefCell, collections::BTreeMap, fmt, sync::Arc};

pub(super) fn of<T: Serialize>(facts: &T) -> Result<Value, Unsayable> {
    facts.serialize(Builder)
}

/// What Rego has no word for.
#[derive(Debug)]
pub(super) struct Unsayable(String);

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsayable {}

impl serde::ser::Error for Unsayable {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self(what.to_string())
    }
}

/// Places for names: many more than there are names, a power of two.
const PLACES: usize = 512;

thread_local! {
    static NAMES: RefCell<Vec<Option<(&'static str, Value)>>> = RefCell::new(vec![None; PLACES]);
}

/// The value of a name, found by its address: the same constant lies at the same place.
pub(super) fn name(text: &'static str) -> Value {
    let place = text.as_ptr().addr().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48 & (PLACES - 1);
    NAMES.with_borrow_mut(|names| match names.get_mut(place) {
        Some(Some((known, value))) if std::ptr::eq(*known, text) => value.clone(),
        Some(entry) => entry.insert((text, Value::from(text))).1.clone(),
        None => Value::from(text),
    })
}

struct Builder;

type Never = Impossible<Value, Unsayable>;

fn unsayable<T>(what: &str) -> Result<T, Unsayable> {
    Err(Unsayable::custom(format_args!("an input has no {what}")))
}

impl Serializer for Builder {
    type Ok = Value;
    type Error = Unsayable;
    type SerializeSeq = List;
    type SerializeMap = Map;
    type SerializeStruct = Fields;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeStructVariant = Never;

    fn serialize_bool(self, v: bool) -> Result<Value, Unsayable> {
        Ok(Value::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Result<Value, Unsayable> {
        Ok(Value::from(i64::from(v)))
    }
    fn serialize_i16(self, v: i16) -> Result<Value, Unsayable> {
        Ok(Value::from(i64::from(v)))
    }
    fn serialize_i32(self, v: i32) -> Result<Value, Unsayable> {
        Ok(Value::from(i64::from(v)))
    }
    fn serialize_i64(self, v: i64) -> Result<Value, Unsayable> {
        Ok(Value::from(v))
    }
    fn serialize_u8(self, v: u8) -> Result<Value, Unsayable> {
        Ok(Value::from(u64::from(v)))
    }
    fn serialize_u16(self, v: u16) -> Result<Value, Unsayable> {
        Ok(Value::from(u64::from(v)))
    }
    fn serialize_u32(self, v: u32) -> Result<Value, Unsayable> {
        Ok(Value::from(u64::from(v)))
    }
    fn serialize_u64(self, v: u64) -> Result<Value, Unsayable> {
        Ok(Value::from(v))
    }
    fn serialize_f32(self, v: f32) -> Result<Value, Unsayable> {
        self.serialize_f64(v.into())
    }
    fn serialize_f64(self, v: f64) -> Result<Value, Unsayable> {
        if v.is_finite() { Ok(Value::from(v)) } else { unsayable("number that is none") }
    }
    fn serialize_char(self, v: char) -> Result<Value, Unsayable> {
        Ok(Value::from(v.to_string()))
    }
    fn serialize_str(self, v: &str) -> Result<Value, Unsayable> {
        Ok(Value::String(v.into()))
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Unsayable> {
        unsayable("bytes")
    }
    fn serialize_none(self) -> Result<Value, Unsayable> {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Unsayable> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, Unsayable> {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Unsayable> {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Unsayable> {
        Ok(name(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Unsayable> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Value, Unsayable> {
        unsayable("variant with a value")
    }
    fn serialize_seq(self, length: Option<usize>) -> Result<List, Unsayable> {
        Ok(List(Vec::with_capacity(length.unwrap_or_default())))
    }
    fn serialize_tuple(self, _: usize) -> Result<Never, Unsayable> {
        unsayable("tuple")
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Never, Unsayable> {
        unsayable("tuple")
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never, Unsayable> {
        unsayable("variant with values")
    }
    fn serialize_map(self, length: Option<usize>) -> Result<Map, Unsayable> {
        Ok(Map { entries: Vec::with_capacity(length.unwrap_or_default()), key: Value::Null })
    }
    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Fields, Unsayable> {
        Ok(Fields { entries: Vec::with_capacity(length) })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never, Unsayable> {
        unsayable("variant with fields")
    }
}

struct List(Vec<Value>);

impl SerializeSeq for List {
    type Ok = Value;
    type Error = Unsayable;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsayable> {
        self.0.push(value.serialize(Builder)?);
        Ok(())
    }
    fn end(self) -> Result<Value, Unsayable> {
        Ok(Value::from(self.0))
    }
}

/// Sorted at once, which is cheaper than one by one.
pub(super) fn object(entries: impl IntoIterator<Item = (Value, Value)>) -> Value {
    Value::Object(Arc::new(Object::from(BTreeMap::from_iter(entries))))
}

struct Map {
    entries: Vec<(Value, Value)>,
    key: Value,
}

impl SerializeMap for Map {
    type Ok = Value;
    type Error = Unsayable;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsayable> {
        self.key = key.serialize(Builder)?;
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsayable> {
        let key = std::mem::replace(&mut self.key, Value::Null);
        self.entries.push((key, value.serialize(Builder)?));
        Ok(())
    }
    fn end(self) -> Result<Value, Unsayable> {
        Ok(object(self.entries))
    }
}

struct Fields {
    entries: Vec<(Value, Value)>,
}

impl SerializeStruct for Fields {
    type Ok = Value;
    type Error = Unsayable;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Unsayable> {
        let value = value.serialize(Builder)?;
        self.entries.push((name(key), value));
        Ok(())
    }
    fn end(self) -> Result<Value, Unsayable> {
        Ok(object(self.entries))
    }
}
