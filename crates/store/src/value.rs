//! What goes into a statement and what comes out of it, in types that every database has.

use crate::StoreFault;
use portcullis_types::Timestamp;
use std::borrow::Cow;

/// A value in a statement or a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// BIGINT: 64 bits with sign.
    Int(i64),
    /// TEXT.
    Text(Cow<'a, str>),
    /// BLOB (BYTEA in PostgreSQL).
    Blob(Cow<'a, [u8]>),
}

/// One row of an answer; columns are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Value<'static>>);

impl Row {
    /// A BIGINT.
    pub fn int(&self, column: usize) -> Result<i64, StoreFault> {
        self.opt_int(column)?.ok_or(wrong(column, "a number"))
    }

    /// A TEXT.
    pub fn text(&self, column: usize) -> Result<&str, StoreFault> {
        self.opt_text(column)?.ok_or(wrong(column, "text"))
    }

    /// A BLOB.
    pub fn blob(&self, column: usize) -> Result<&[u8], StoreFault> {
        self.opt_blob(column)?.ok_or(wrong(column, "bytes"))
    }

    /// A BIGINT that holds a [`Timestamp`] in milliseconds.
    pub fn time(&self, column: usize) -> Result<Timestamp, StoreFault> {
        self.int(column).map(Timestamp::from_millis)
    }

    /// A BIGINT or NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreFault> {
        match self.0.get(column) {
            Some(Value::Int(number)) => Ok(Some(*number)),
            Some(Value::Null) => Ok(None),
            _ => Err(wrong(column, "a number")),
        }
    }

    /// A TEXT or NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreFault> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(wrong(column, "text")),
        }
    }

    /// A BLOB or NULL.
    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, StoreFault> {
        match self.0.get(column) {
            Some(Value::Blob(bytes)) => Ok(Some(bytes)),
            Some(Value::Null) => Ok(None),
            _ => Err(wrong(column, "bytes")),
        }
    }

    /// A [`Timestamp`] in milliseconds, or NULL.
    pub fn opt_time(&self, column: usize) -> Result<Option<Timestamp>, StoreFault> {
        Ok(self.opt_int(column)?.map(Timestamp::from_millis))
    }
}

const fn wrong(index: usize, expected: &'static str) -> StoreFault {
    StoreFault::Column { index, expected }
}

macro_rules! from {
    ($($type:ty => |$name:ident| $value:expr;)*) => {$(
        impl<'a> From<$type> for Value<'a> {
            fn from($name: $type) -> Self {
                $value
            }
        }
    )*};
}

from! {
    i64 => |number| Value::Int(number);
    u32 => |number| Value::Int(i64::from(number));
    i32 => |number| Value::Int(i64::from(number));
    Timestamp => |at| Value::Int(at.millis());
    &'a str => |text| Value::Text(Cow::Borrowed(text));
    &'a String => |text| Value::Text(Cow::Borrowed(text));
    String => |text| Value::Text(Cow::Owned(text));
    Cow<'a, str> => |text| Value::Text(text);
    &'a [u8] => |bytes| Value::Blob(Cow::Borrowed(bytes));
    &'a Vec<u8> => |bytes| Value::Blob(Cow::Borrowed(bytes));
    Vec<u8> => |bytes| Value::Blob(Cow::Owned(bytes));
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Value::Blob(Cow::Borrowed(bytes))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
