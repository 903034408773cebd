//! How a PostgreSQL database is named, and what is refused before anything is sent.

use portcullis_store::{PostgresSettings, StoreFault};

fn refused(url: &str) -> String {
    match PostgresSettings::parse(url) {
        Err(StoreFault::Settings(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_password_is_shown_by_nothing() {
    let url = "postgres://ada:hush%21@db.example:5433/tokens";
    let settings = PostgresSettings::parse(url).unwrap();
    assert!(settings.has_password());
    let shown = format!("{settings} {settings:?} {:?}", settings.clone().with_password("hush!"));
    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(settings.to_string(), "postgres://ada@db.example:5433/tokens");
    for broken in
        ["postgres://ada:hush@db:x/t", "postgres://ada:hush@db/t?hush=1", "mysql://a:hush@b/c"]
    {
        assert!(!refused(broken).contains("ada") && !refused(broken).contains("hush@"), "{broken}");
    }
}

#[test]
fn beyond_this_machine_there_is_no_way_without_verified_tls() {
    for weak in ["disable", "prefer", "allow"] {
        let reason = refused(&format!("postgres://ada@db.example/tokens?sslmode={weak}"));
        assert!(reason.contains("verify-full"), "{reason}");
        refused(&format!("postgres://ada@127.0.0.1,db.example/tokens?sslmode={weak}"));
        // The name decides nothing where an address is named too.
        refused(&format!("postgres://ada@localhost/tokens?hostaddr=192.0.2.1&sslmode={weak}"));
    }
    for strong in ["require", "verify-ca", "verify-full"] {
        PostgresSettings::parse(&format!("postgres://a@db.example/t?sslmode={strong}")).unwrap();
    }
    for near in ["a@localhost", "a@127.0.0.1", "a@[::1]", "a@%2Frun%2Fpostgresql"] {
        PostgresSettings::parse(&format!("postgres://{near}/t?sslmode=disable")).unwrap();
    }
    refused("postgres://a@localhost/t?sslmode=maybe");
}
