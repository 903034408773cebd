//! The tables of this room.

use portcullis_store::Migration;

/// Of what was issued, and of requests that wait for a person.
pub const MIGRATIONS: &[Migration] = &[ISSUED, AUTHORIZING, UPSTREAM, SIGNED_IN, SEALED, CARRIED];

/// The table of what was issued. Its key is time-ordered, so rows are appended and old ones lie together; the rows lie
/// in the index itself, so that each is written once.
const ISSUED: Migration = Migration {
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
};

/// Requests that wait for a person, and the ways back that people agreed to.
const AUTHORIZING: Migration = Migration {
    room: "issuer",
    number: 2,
    sql: "
        CREATE TABLE interaction (
            id TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            browser BLOB NOT NULL,
            client_id TEXT NOT NULL,
            pushed TEXT,
            request TEXT NOT NULL,
            shown TEXT,
            created BIGINT NOT NULL
        );
        CREATE INDEX interaction_pushed ON interaction (pushed);
        CREATE TABLE consent_place (
            person TEXT NOT NULL,
            client_id TEXT NOT NULL,
            place TEXT NOT NULL,
            given BIGINT NOT NULL,
            PRIMARY KEY (person, client_id, place)
        ) WITHOUT ROWID;
    ",
};

/// Sign-ins that are under way at other providers, and their logout tokens that were seen.
const UPSTREAM: Migration = Migration {
    room: "issuer",
    number: 3,
    sql: "
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
    ",
};

/// Which session was signed in elsewhere for a request that waits.
const SIGNED_IN: Migration = Migration {
    room: "issuer",
    number: 4,
    sql: "ALTER TABLE interaction ADD COLUMN signed_in TEXT;",
};

/// What a page asked is sealed into its own form, and no more noted here.
const SEALED: Migration =
    Migration { room: "issuer", number: 5, sql: "ALTER TABLE interaction DROP COLUMN shown;" };

/// Sign-ins at other providers leave nothing here any more: browsers take along what must come back.
const CARRIED: Migration =
    Migration { room: "issuer", number: 6, sql: "DROP TABLE upstream_flow;" };
