//! Statements on a SQLite connection.

use crate::{Row, StoreFault, Value};
use rusqlite::{
    CachedStatement, Connection,
    types::{ToSql, ToSqlOutput, ValueRef},
};
use std::borrow::Cow;

/// Runs a statement that answers no rows.
pub(crate) fn execute(
    connection: &Connection,
    sql: &'static str,
    params: &[Value<'_>],
) -> Result<u64, StoreFault> {
    let changed = bound(connection, sql, params)?.raw_execute()?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

/// The first `keep` rows. A statement that changes something runs to its end.
pub(crate) fn rows(
    connection: &Connection,
    sql: &'static str,
    params: &[Value<'_>],
    keep: usize,
) -> Result<Vec<Row>, StoreFault> {
    let mut statement = bound(connection, sql, params)?;
    let columns = statement.column_count();
    let reading = statement.readonly();
    let mut cursor = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = cursor.next()? {
        if rows.len() < keep {
            let values = (0..columns).map(|column| row.get_ref(column).map(Value::read));
            rows.push(Row(values.collect::<Result<_, _>>()?));
        } else if reading {
            break;
        }
    }
    Ok(rows)
}

/// SQLite numbers `$2`, `$1` in order of appearance; they are bound by name here, so that the
/// text means the same as in PostgreSQL.
fn bound<'c>(
    connection: &'c Connection,
    sql: &'static str,
    params: &[Value<'_>],
) -> Result<CachedStatement<'c>, StoreFault> {
    let mut statement = connection.prepare_cached(sql)?;
    let expected = statement.parameter_count();
    let mismatch = || StoreFault::Parameters { expected, found: params.len() };
    if expected != params.len() {
        return Err(mismatch());
    }
    for index in 1..=expected {
        let number = statement.parameter_name(index).and_then(|name| name.get(1..)?.parse().ok());
        let value = number.and_then(|n: usize| params.get(n.checked_sub(1)?));
        statement.raw_bind_parameter(index, value.ok_or_else(mismatch)?)?;
    }
    Ok(statement)
}

impl Value<'static> {
    fn read(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Int(number),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Self::Text(Cow::Owned(text.to_owned())),
                // Never written by us. As bytes it is not the text that the caller asks for, and says
                // so, but does not keep the caller from the row's other columns.
                Err(_) => Self::Blob(Cow::Owned(text.to_vec())),
            },
            ValueRef::Blob(bytes) => Self::Blob(Cow::Owned(bytes.to_vec())),
            ValueRef::Real(number) => Self::Text(Cow::Owned(number.to_string())),
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
