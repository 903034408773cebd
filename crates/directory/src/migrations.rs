//! The tables of this room.

use portcullis_store::Migration;

/// The tables of clients, of their secrets and of the assertions they used; of people, their means to sign in,
/// their sessions and consents; of what they granted to apps.
pub const MIGRATIONS: &[Migration] = &[
    Migration { room: "directory", number: 1, sql: CLIENTS },
    Migration { room: "directory", number: 2, sql: REGISTRATION },
    Migration { room: "directory", number: 3, sql: PEOPLE },
    Migration { room: "directory", number: 4, sql: GRANTS },
    Migration { room: "directory", number: 5, sql: NOTICES },
    Migration { room: "directory", number: 6, sql: VOUCHED },
    Migration { room: "directory", number: 7, sql: REVOCATION_LOG },
    Migration { room: "directory", number: 8, sql: TOLD },
    Migration { room: "directory", number: 9, sql: PROVISIONED },
    Migration { room: "directory", number: 10, sql: IN_FLIGHT },
    Migration { room: "directory", number: 11, sql: UNLINKED },
    Migration { room: "directory", number: 12, sql: TENANTS },
    Migration { room: "directory", number: 13, sql: GIVEN },
    Migration { room: "directory", number: 14, sql: API_KEYS },
    Migration { room: "policies", number: 1, sql: POLICIES },
];

const CLIENTS: &str = "
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
    ";

/// What apps register for signing people in; who may register itself, and what it shows to change that.
const REGISTRATION: &str = "
        ALTER TABLE client ADD COLUMN registration TEXT NOT NULL DEFAULT '{}';
        ALTER TABLE client ADD COLUMN expires BIGINT;
        CREATE TABLE client_invitation (
            id TEXT PRIMARY KEY,
            secret_hash BLOB NOT NULL,
            note TEXT NOT NULL,
            created BIGINT NOT NULL,
            expires BIGINT NOT NULL,
            uses_left BIGINT NOT NULL
        );
        CREATE TABLE client_registration (
            client_id TEXT PRIMARY KEY REFERENCES client (id),
            token_hash BLOB NOT NULL,
            previous_hash BLOB,
            created BIGINT NOT NULL
        );
    ";

/// Logins, addresses for mail and the ids of other directories are looked up, so they have indexes although
/// they come in no order.
const PEOPLE: &str = "
        CREATE TABLE person (
            id TEXT PRIMARY KEY,
            login TEXT NOT NULL UNIQUE,
            profile TEXT NOT NULL,
            roles TEXT NOT NULL,
            email TEXT,
            tenant TEXT,
            external_id TEXT,
            version BIGINT NOT NULL,
            created BIGINT NOT NULL,
            updated BIGINT NOT NULL,
            disabled_since BIGINT
        );
        CREATE INDEX person_email ON person (email);
        CREATE INDEX person_external_id ON person (external_id);
        CREATE TABLE person_password (
            person TEXT PRIMARY KEY,
            hash TEXT NOT NULL,
            changed BIGINT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE person_totp (
            person TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            last_step BIGINT NOT NULL,
            created BIGINT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE recovery_code (
            person TEXT NOT NULL,
            number BIGINT NOT NULL,
            hash BLOB NOT NULL,
            PRIMARY KEY (person, number)
        ) WITHOUT ROWID;
        CREATE TABLE passkey (
            id TEXT PRIMARY KEY,
            person TEXT NOT NULL,
            name TEXT NOT NULL,
            credential TEXT NOT NULL,
            created BIGINT NOT NULL,
            last_used BIGINT
        );
        CREATE INDEX passkey_person ON passkey (person);
        CREATE TABLE linked_account (
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            provider TEXT NOT NULL,
            person TEXT NOT NULL,
            roles TEXT NOT NULL,
            groups TEXT NOT NULL,
            created BIGINT NOT NULL,
            PRIMARY KEY (issuer, subject)
        );
        CREATE INDEX linked_account_person ON linked_account (person);
        CREATE TABLE people_group (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            external_id TEXT,
            version BIGINT NOT NULL,
            created BIGINT NOT NULL,
            updated BIGINT NOT NULL
        );
        CREATE TABLE group_member (
            group_id TEXT NOT NULL,
            person TEXT NOT NULL,
            PRIMARY KEY (group_id, person)
        ) WITHOUT ROWID;
        CREATE INDEX group_member_person ON group_member (person);
        CREATE TABLE session (
            id TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            person TEXT NOT NULL,
            authentication TEXT NOT NULL,
            device TEXT NOT NULL,
            remote TEXT,
            upstream TEXT,
            upstream_subject TEXT,
            upstream_sid TEXT,
            started BIGINT NOT NULL,
            seen BIGINT NOT NULL,
            expires BIGINT NOT NULL
        );
        CREATE INDEX session_person ON session (person);
        CREATE INDEX session_upstream ON session (upstream_subject);
        CREATE INDEX session_upstream_sid ON session (upstream_sid);
        CREATE TABLE consent (
            person TEXT NOT NULL,
            client_id TEXT NOT NULL,
            resource TEXT NOT NULL,
            identity TEXT NOT NULL,
            scope TEXT NOT NULL,
            given BIGINT NOT NULL,
            PRIMARY KEY (person, client_id, resource)
        ) WITHOUT ROWID;
        CREATE TABLE ticket_use (
            id TEXT PRIMARY KEY,
            times BIGINT NOT NULL,
            expires BIGINT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE one_time_link (
            id TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            kind TEXT NOT NULL,
            person TEXT NOT NULL,
            created BIGINT NOT NULL,
            expires BIGINT NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX one_time_link_person ON one_time_link (person);
        CREATE TABLE scim_token (
            id TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            name TEXT NOT NULL,
            created BIGINT NOT NULL,
            expires BIGINT NOT NULL,
            last_used BIGINT
        ) WITHOUT ROWID;
    ";

/// Keys are time-ordered, so rows are appended and old ones lie together. What people end is looked up by person;
/// nothing else needs an index. Rows with JSON are too long to lie in an index themselves.
const GRANTS: &str = "
        CREATE TABLE authorization_code (
            id TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            content TEXT NOT NULL,
            expires BIGINT NOT NULL,
            used BIGINT
        );
        CREATE TABLE app_grant (
            id TEXT PRIMARY KEY,
            client_id TEXT NOT NULL,
            person TEXT NOT NULL,
            session TEXT,
            content TEXT NOT NULL,
            bound TEXT,
            created BIGINT NOT NULL,
            last_used BIGINT NOT NULL,
            expires BIGINT NOT NULL,
            ended BIGINT,
            family BLOB,
            number BIGINT NOT NULL,
            secret BLOB,
            previous BLOB,
            rotated BIGINT,
            jti TEXT
        );
        CREATE INDEX app_grant_person ON app_grant (person, id);
        CREATE TABLE device_code (
            id TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            user_code TEXT NOT NULL UNIQUE,
            request TEXT NOT NULL,
            dpop_jkt TEXT,
            state BIGINT NOT NULL,
            content TEXT,
            pause BIGINT NOT NULL,
            polled BIGINT,
            expires BIGINT NOT NULL
        );
        CREATE TABLE pushed_request (
            id TEXT PRIMARY KEY,
            secret BLOB NOT NULL,
            client_id TEXT NOT NULL,
            request TEXT NOT NULL,
            expires BIGINT NOT NULL
        );
        CREATE TABLE proof_use (
            iat BIGINT NOT NULL,
            mark BLOB NOT NULL,
            PRIMARY KEY (iat, mark)
        ) WITHOUT ROWID;
        CREATE TABLE revocation (
            since BIGINT NOT NULL,
            kind TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (since, kind, value)
        ) WITHOUT ROWID;
    ";

/// Apps that are to hear of the end of a session.
const NOTICES: &str = "
        CREATE TABLE logout_notice (
            session TEXT NOT NULL,
            client_id TEXT NOT NULL,
            person TEXT NOT NULL,
            tries BIGINT NOT NULL,
            due BIGINT NOT NULL,
            PRIMARY KEY (session, client_id)
        ) WITHOUT ROWID;
        CREATE INDEX logout_notice_due ON logout_notice (due);
    ";

/// Sessions elsewhere, all that vouched for one here. Of those from before, the issuer is not known by itself: any
/// may end them.
const VOUCHED: &str = "
        CREATE TABLE upstream_session (
            session TEXT NOT NULL,
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            sid TEXT NOT NULL,
            PRIMARY KEY (session, issuer, subject, sid)
        ) WITHOUT ROWID;
        INSERT INTO upstream_session (session, issuer, subject, sid)
            SELECT id, '', upstream_subject, COALESCE(upstream_sid, '') FROM session
            WHERE upstream_subject IS NOT NULL;
        DROP INDEX session_upstream;
        DROP INDEX session_upstream_sid;
        ALTER TABLE session DROP COLUMN upstream_subject;
        ALTER TABLE session DROP COLUMN upstream_sid;
        CREATE INDEX upstream_session_subject ON upstream_session (subject);
        CREATE INDEX upstream_session_sid ON upstream_session (sid);
    ";

/// What was ended, in the order of the commits; and how long access tokens live that may be alive. What the older
/// table and the clients say is taken over.
const REVOCATION_LOG: &str = "
        CREATE TABLE revocation_log (
            number BIGINT PRIMARY KEY,
            kind TEXT NOT NULL,
            value TEXT NOT NULL,
            since BIGINT NOT NULL,
            until BIGINT NOT NULL
        );
        CREATE INDEX revocation_log_until ON revocation_log (until);
        INSERT INTO revocation_log (number, kind, value, since, until)
            SELECT ROW_NUMBER() OVER (ORDER BY since, kind, value), kind, value, since, since + 87000000
            FROM (
                SELECT kind, value, since FROM revocation
                UNION ALL
                SELECT 'client', id, disabled_since FROM client WHERE disabled_since IS NOT NULL
                UNION ALL
                SELECT 'client_not_before', id, not_before FROM client WHERE not_before IS NOT NULL
            ) AS ended;
        DROP TABLE revocation;
        CREATE TABLE token_life (
            life BIGINT PRIMARY KEY,
            used BIGINT NOT NULL
        );
    ";

/// What a provider said of somebody, and when, instead of what it meant then. 0: that counts no more.
const TOLD: &str = "
        ALTER TABLE linked_account DROP COLUMN roles;
        ALTER TABLE linked_account ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
        UPDATE linked_account SET told = created;
    ";

/// Who provisioned whom, and who disabled whom. A token that was there is its directory's by name. A directory
/// that was alone has made everybody who has an external id, and the groups that nobody else is in; among several
/// nobody can tell, and the operator says it. Who is disabled is so by the operator: no directory lifts that.
const PROVISIONED: &str = "
        CREATE TABLE scim_directory (
            name TEXT PRIMARY KEY,
            tenant TEXT,
            created BIGINT NOT NULL
        ) WITHOUT ROWID;
        INSERT INTO scim_directory (name, created)
            SELECT name, MIN(created) FROM scim_token GROUP BY name;
        ALTER TABLE person ADD COLUMN directory TEXT;
        ALTER TABLE person ADD COLUMN disabled_by TEXT;
        UPDATE person SET disabled_by = 'operator' WHERE disabled_since IS NOT NULL;
        UPDATE person SET directory = (SELECT MIN(name) FROM scim_directory)
            WHERE external_id IS NOT NULL AND (SELECT COUNT(*) FROM scim_directory) = 1;
        CREATE INDEX person_directory ON person (directory, id);
        CREATE TABLE owned_group (
            id TEXT PRIMARY KEY,
            directory TEXT NOT NULL,
            name TEXT NOT NULL,
            external_id TEXT,
            version BIGINT NOT NULL,
            created BIGINT NOT NULL,
            updated BIGINT NOT NULL,
            UNIQUE (directory, name)
        );
        INSERT INTO owned_group (id, directory, name, external_id, version, created, updated)
            SELECT g.id,
                CASE WHEN (SELECT COUNT(*) FROM scim_directory) = 1 AND NOT EXISTS (
                    SELECT 1 FROM group_member m JOIN person p ON p.id = m.person
                    WHERE m.group_id = g.id AND p.directory IS NULL
                ) THEN (SELECT MIN(name) FROM scim_directory) ELSE '' END,
                g.name, g.external_id, g.version, g.created, g.updated
            FROM people_group g;
        DROP TABLE people_group;
        ALTER TABLE owned_group RENAME TO people_group;
    ";

/// Whose code it is, so that it ends with everything else of theirs. No index: codes live for minutes, and keys are
/// time-ordered.
const IN_FLIGHT: &str = "
        ALTER TABLE authorization_code ADD COLUMN person TEXT;
        ALTER TABLE device_code ADD COLUMN person TEXT;
    ";

/// Accounts that were taken back: no directory's word brings them here again, only their person's own.
const UNLINKED: &str = "
        CREATE TABLE unlinked_account (
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            PRIMARY KEY (issuer, subject)
        ) WITHOUT ROWID;
    ";

/// What operators say of tenants, and whether their time goes on; tokens that were exchanged and may be once.
const TENANTS: &str = "
        CREATE TABLE tenant (
            id TEXT PRIMARY KEY,
            record TEXT NOT NULL,
            halt TEXT,
            halted BIGINT,
            version BIGINT NOT NULL,
            created BIGINT NOT NULL,
            updated BIGINT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE token_use (
            expires BIGINT NOT NULL,
            mark BLOB NOT NULL,
            PRIMARY KEY (expires, mark)
        ) WITHOUT ROWID;
    ";

/// Bundles of policies; who put which into force or into shadow, and when; whether sources can be used.
const POLICIES: &str = "
        CREATE TABLE policy_bundle (
            revision TEXT PRIMARY KEY,
            packed BLOB NOT NULL,
            kept BIGINT NOT NULL
        );
        CREATE TABLE policy_application (
            seq BIGINT PRIMARY KEY,
            place TEXT NOT NULL,
            act TEXT NOT NULL,
            revision TEXT,
            falls_back_to BIGINT,
            at BIGINT NOT NULL,
            actor TEXT NOT NULL,
            origin TEXT NOT NULL,
            label TEXT
        );
        CREATE TABLE policy_source (
            origin TEXT PRIMARY KEY,
            since BIGINT NOT NULL,
            fault TEXT
        ) WITHOUT ROWID;
    ";

/// What the operator said of a tenant, where the tenant has changed its own part since.
const GIVEN: &str = "ALTER TABLE tenant ADD COLUMN given TEXT;";

/// API keys that are exchanged, found by their mark: they are made by people, so that index grows slowly. And how
/// often a token was used that may be so often.
const API_KEYS: &str = "
        CREATE TABLE api_key (
            id TEXT PRIMARY KEY,
            tenant TEXT,
            name TEXT NOT NULL,
            sub TEXT NOT NULL,
            scopes TEXT NOT NULL,
            imported BIGINT NOT NULL,
            created BIGINT NOT NULL,
            expires BIGINT,
            disabled BIGINT,
            last_used BIGINT,
            mark BLOB NOT NULL UNIQUE
        ) WITHOUT ROWID;
        ALTER TABLE token_use ADD COLUMN uses BIGINT NOT NULL DEFAULT 1;
    ";
