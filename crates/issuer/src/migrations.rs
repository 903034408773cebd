//! The tables of this room.

use portcullis_store::Migration;

/// The table of what was issued. Its key is time-ordered, so rows are appended and old ones lie together; the rows lie
/// in the index itself, so that each is written once.
pub const MIGRATIONS: &[Migration] = &[Migration {
    room: "issuer",
    number: 1,
    sql: "
        CREATE TABLE issued_token (
            jti TEXT PRIMARY KEY,
            client_id TEXT NOT NULL,
            resource TEXT NOT NULL,
            scope TEXT NOT NULL,
            issued BIGINT NOT NULL,
            expires BIGINT NOT NULL
        ) WITHOUT ROWID;
    ",
}];
