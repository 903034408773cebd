//! Values on their way to PostgreSQL and back.

use crate::{Row, StoreFault, Value};
use bytes::BytesMut;
use postgres::{
    Statement,
    types::{IsNull, ToSql, Type, to_sql_checked},
};
use std::{borrow::Cow, error::Error, fmt};

/// A value for a parameter whose type it fits.
pub(super) struct Param<'v>(&'v Value<'v>);

/// The values for a statement, if they fit it in number and kind.
pub(super) fn params<'v>(
    statement: &Statement,
    values: &'v [Value<'v>],
) -> Result<Vec<Param<'v>>, StoreFault> {
    let types = statement.params();
    if types.len() != values.len() {
        return Err(StoreFault::Parameters { expected: types.len(), found: values.len() });
    }
    for (index, (ty, value)) in types.iter().zip(values).enumerate() {
        if let Some(problem) = misfit(ty, value) {
            return Err(StoreFault::Sql(format!("${} of type {ty}: {problem}", index + 1)));
        }
    }
    Ok(values.iter().map(Param).collect())
}

fn misfit(ty: &Type, value: &Value<'_>) -> Option<&'static str> {
    match value {
        Value::Null => None,
        Value::Int(number) => match *ty {
            Type::INT8 => None,
            Type::INT4 if i32::try_from(*number).is_ok() => None,
            Type::INT2 if i16::try_from(*number).is_ok() => None,
            Type::INT4 | Type::INT2 => Some("the number is too large; CAST($… AS BIGINT)"),
            _ => Some("it takes no number"),
        },
        // PostgreSQL's text ends at a NUL.
        Value::Text(text) if text.contains('\0') => Some("the text contains a NUL character"),
        Value::Text(_) => (!is_text(ty)).then_some("it takes no text"),
        Value::Blob(_) => (*ty != Type::BYTEA).then_some("it takes no bytes"),
    }
}

fn is_text(ty: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN].contains(ty)
}

/// The driver writes parameters to its debug log.
impl fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) => match *ty {
                Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
                _ => number.to_sql(ty, out),
            },
            Value::Text(text) => text.as_ref().to_sql(ty, out),
            Value::Blob(bytes) => bytes.as_ref().to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // `misfit` has looked, and says more.
        true
    }

    to_sql_checked!();
}

/// A row of an answer.
pub(super) fn row(found: &postgres::Row) -> Result<Row, StoreFault> {
    let columns = found.columns().iter().enumerate();
    columns
        .map(|(index, column)| value(found, index, column.type_()))
        .collect::<Result<_, _>>()
        .map(Row)
}

fn value(found: &postgres::Row, index: usize, ty: &Type) -> Result<Value<'static>, StoreFault> {
    let value = match *ty {
        Type::INT8 => found.try_get::<_, Option<i64>>(index).map(|n| n.map(Value::Int)),
        Type::INT4 => found.try_get::<_, Option<i32>>(index).map(|n| n.map(Value::from)),
        Type::INT2 => {
            found.try_get::<_, Option<i16>>(index).map(|n| n.map(|n| Value::Int(n.into())))
        }
        Type::BOOL => {
            found.try_get::<_, Option<bool>>(index).map(|b| b.map(|b| Value::Int(b.into())))
        }
        Type::BYTEA => found
            .try_get::<_, Option<Vec<u8>>>(index)
            .map(|b| b.map(|b| Value::Blob(Cow::Owned(b)))),
        _ if is_text(ty) => {
            found.try_get::<_, Option<String>>(index).map(|t| t.map(|t| Value::Text(Cow::Owned(t))))
        }
        _ => {
            return Err(StoreFault::Sql(format!(
                "column {index} is of type {ty}: CAST it AS BIGINT or TEXT"
            )));
        }
    };
    value
        .map(|value| value.unwrap_or(Value::Null))
        .map_err(|error| StoreFault::Sql(super::fault::text(&error)))
}
