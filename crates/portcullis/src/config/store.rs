//! `[store]`: a PostgreSQL server in place of the file in `data_dir`.

use super::{
    files::Machine,
    findings::Findings,
    read::{Section, Value},
    settings::DatabaseServer,
};
use portcullis_store::{PostgresSettings, StoreFault};
use portcullis_types::Ttl;

const EXAMPLE: &str = "postgres://portcullis@db.example.com/portcullis";

/// `[store]`, if it is there.
pub(super) fn store(
    root: &mut Section<'_>,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> Option<DatabaseServer> {
    let unused = root.get("data_dir");
    let mut table = root.get("store")?.section(out)?;
    if let Some(data_dir) = unused {
        out.warning(&data_dir.place(), "nothing is kept here: the database is that of [store]")
            .hint("delete data_dir, or delete [store]");
    }
    let url = table.need("url", &format!("\"{EXAMPLE}\""), out);
    let settings = url.as_ref().and_then(|url| settings(url, out));
    let password = table.get("password").map(|value| machine.secret(&value, out));
    let ca = table.get("ca").map(|ca| machine.file(&ca, out));
    let range = Ttl::from_millis(100)..=Ttl::seconds(60);
    let timeout = table.get("connect_timeout").map(|value| value.ttl(range, out));
    table.finish(out);
    let mut settings = settings?;
    if let Some(ca) = ca {
        settings = settings.with_ca_file(&ca?);
    }
    if let Some(timeout) = timeout {
        settings = settings.with_connect_timeout(timeout?.duration());
    }
    let password = match password {
        Some(source) => Some(source?),
        None => None,
    };
    Some(DatabaseServer { settings, password, place: url?.place() })
}

fn settings(url: &Value<'_>, out: &mut Findings) -> Option<PostgresSettings> {
    let text = url.text(out)?;
    let outcome = PostgresSettings::parse(text);
    // What is no URL may hold a password all the same.
    let user = text.split('@').next().unwrap_or_default();
    if user.matches(':').count() > 1 || text.contains("password") {
        out.mask(url.place().span);
    }
    match outcome {
        Ok(settings) if settings.has_password() => {
            out.mask(url.place().span);
            out.error(&url.place(), "a password is written in this file")
                .expected(format!("\"{settings}\""))
                .hint("name where it is: password = { file = \"db.password\" } or { env = \"DB_PASSWORD\" }");
            None
        }
        Ok(settings) => Some(settings),
        Err(fault) => {
            let reason = match fault {
                StoreFault::Settings(reason) => reason,
                other => other.to_string(),
            };
            out.error(&url.place(), reason).hint(format!("such as \"{EXAMPLE}\""));
            None
        }
    }
}
