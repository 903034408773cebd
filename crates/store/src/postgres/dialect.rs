//! The one text of the tables, as PostgreSQL wants it.

/// `BLOB` is `BYTEA`; `TEXT` is ordered by its bytes, as in SQLite: neither what `ORDER BY` answers nor what
/// an index holds depends on the locale. `WITHOUT ROWID` is nothing that PostgreSQL has.
pub(super) fn tables(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    let mut rest = sql;
    while !rest.is_empty() {
        let (token, after) = rest.split_at(token(rest));
        match token {
            "BLOB" => out.push_str("BYTEA"),
            "TEXT" => out.push_str("TEXT COLLATE \"C\""),
            "WITHOUT" if after.trim_start().starts_with("ROWID") => {
                rest = after.trim_start().trim_start_matches("ROWID");
                continue;
            }
            _ => out.push_str(token),
        }
        rest = after;
    }
    out
}

/// How long the first token is: a word, something in quotes, a comment, or one character.
fn token(sql: &str) -> usize {
    let quoted =
        |mark: char| sql.get(1..).and_then(|s| s.find(mark)).map_or(sql.len(), |end| end + 2);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match sql.chars().next() {
        Some(mark @ ('\'' | '"')) => quoted(mark),
        Some('-') if sql.starts_with("--") => sql.find('\n').unwrap_or(sql.len()),
        Some(c) if is_word(c) => sql.find(|c| !is_word(c)).unwrap_or(sql.len()),
        Some(c) => c.len_utf8(),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::tables;

    #[test]
    fn types_are_renamed_and_nothing_else() {
        let sql = "CREATE TABLE t (text TEXT, b BLOB, \"BLOB\" TEXTS DEFAULT 'TEXT') -- BLOB\n WITHOUT ROWID;";
        let expected = "CREATE TABLE t (text TEXT COLLATE \"C\", b BYTEA, \"BLOB\" TEXTS DEFAULT 'TEXT') -- BLOB\n ;";
        assert_eq!(tables(sql), expected);
        assert_eq!(tables("'é"), "'é");
    }
}
