//! The tables of this room.

use portcullis_store::Migration;

/// The table of what was issued. Its key is time-ordered, so rows are appended and old ones lie together; the rows lie
/// in the index itself, so that each is written once.
pub const MIGRATIONS: &[Migration] = &[
    Migration { room: "issuer", number: 1, sql: ISSUED },
    Migration { room: "issuer", number: 9, sql: UPSTREAM },
];

const ISSUED: &str = "
        CREATE TABLE issued_token (
            jti TEXT PRIMARY KEY,
            client_id TEXT NOT NULL,
            resource TEXT NOT NULL,
            scope TEXT NOT NULL,
            issued BIGINT NOT NULL,
            expires BIGINT NOT NULL
        ) WITHOUT ROWID;
    ";

/// Sign-ins that are under way at other providers, and their logout tokens that were seen.
const UPSTREAM: &str = "
        CREATE TABLE upstream_flow (
            id TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            browser BLOB NOT NULL,
            provider TEXT NOT NULL,
            nonce TEXT NOT NULL,
            code_verifier TEXT NOT NULL,
            purpose TEXT NOT NULL,
            expires BIGINT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE logout_token_use (
            issuer TEXT NOT NULL,
            jti TEXT NOT NULL,
            expires BIGINT NOT NULL,
            PRIMARY KEY (issuer, jti)
        ) WITHOUT ROWID;
    ";
