//! The database that the configuration names: a file of ours, or a server's.

use super::{Stop, house};
use crate::config::{Config, DatabaseServer, SecretSource};
use portcullis_audit as audit;
use portcullis_store::{Migration, PostgresSettings, Store, StoreFault};
use secrecy::ExposeSecret;
use std::os::unix::fs::DirBuilderExt;

/// Opens it. The file is made if it is not there, and so are the tables.
pub(super) fn open(config: &Config) -> Result<Store, Stop> {
    match &config.store {
        Some(server) => on_server(server),
        None => in_file(config),
    }
}

/// Whether `[store]` can be used, as far as that shows without changing anything there; if not, what is
/// wrong and what to do. Says nothing where the password is not at hand: that is a finding already.
pub(super) fn probe(server: &DatabaseServer) -> Result<(), Stop> {
    if let Some(SecretSource::Env(name)) = &server.password
        && std::env::var_os(name).is_none()
    {
        return Ok(());
    }
    Store::probe_postgres(&settings(server)?, &migrations()).map_err(|fault| stop(&fault))
}

fn in_file(config: &Config) -> Result<Store, Stop> {
    let fault = |fault: &dyn std::fmt::Display| {
        Stop::cannot_run(format!(
            "cannot open the database in {}: {fault}",
            config.data_dir.display()
        ))
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .map_err(|found| fault(&found))?;
    Store::open(&config.database_file(), &migrations()).map_err(|found| fault(&found))
}

fn on_server(server: &DatabaseServer) -> Result<Store, Stop> {
    Store::open_postgres(&settings(server)?, &migrations()).map_err(|fault| stop(&fault))
}

fn settings(server: &DatabaseServer) -> Result<PostgresSettings, Stop> {
    let settings = server.settings.clone();
    match &server.password {
        Some(source) => Ok(settings.with_password(house::secret(source)?.expose_secret())),
        None => Ok(settings),
    }
}

/// What is wrong with a database that does not open, and what to do about it.
fn stop(fault: &StoreFault) -> Stop {
    const REMEDIES: [(&str, &str); 5] = [
        (
            "permission denied",
            "let the role make tables: GRANT USAGE, CREATE ON SCHEMA public TO …",
        ),
        ("password", "say where the role's password is: password = { file = \"…\" } in [store]"),
        (
            "does not exist",
            "CREATE ROLE portcullis LOGIN; CREATE DATABASE portcullis OWNER portcullis",
        ),
        ("TLS", "name the authority that signed the server's certificate: ca = \"…\" in [store]"),
        ("no encryption", "add sslmode=verify-full to the URL"),
    ];
    const AWAY: &str = "look whether the server runs, and whether it can be reached from here";
    let stop = Stop::cannot_run(fault);
    match fault {
        StoreFault::Open { reason, .. } => {
            let known = REMEDIES.iter().find(|(word, _)| reason.contains(word));
            stop.hint(known.map_or(AWAY, |(_, remedy)| remedy))
        }
        _ => stop,
    }
}

/// Every table there is, room by room.
fn migrations() -> Vec<Migration> {
    [
        audit::MIGRATIONS,
        portcullis_directory::MIGRATIONS,
        portcullis_keyring::MIGRATIONS,
        portcullis_issuer::MIGRATIONS,
    ]
    .concat()
}
