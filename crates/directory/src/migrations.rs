//! The tables of this room.

use portcullis_store::Migration;

/// The tables of clients, of their secrets and of the assertions they used.
pub const MIGRATIONS: &[Migration] = &[Migration {
    room: "directory",
    number: 1,
    sql: "
        CREATE TABLE client (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            auth TEXT NOT NULL,
            rights TEXT NOT NULL,
            created BIGINT NOT NULL,
            disabled_since BIGINT,
            not_before BIGINT
        );
        CREATE TABLE client_secret (
            client_id TEXT NOT NULL REFERENCES client (id),
            number BIGINT NOT NULL,
            kind TEXT NOT NULL,
            hash TEXT NOT NULL,
            created BIGINT NOT NULL,
            expires BIGINT,
            last_used BIGINT,
            PRIMARY KEY (client_id, number)
        );
        CREATE TABLE assertion_use (
            client_id TEXT NOT NULL,
            jti TEXT NOT NULL,
            expires BIGINT NOT NULL,
            PRIMARY KEY (client_id, jti)
        );
        CREATE INDEX assertion_use_expires ON assertion_use (expires);
    ",
}];
