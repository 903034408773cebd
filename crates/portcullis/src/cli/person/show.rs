//! People as people and programs read them.

use super::refused;
use crate::{
    cli::{Exit, Format, Outcome, Stop, data, dated, table, talk},
    clock,
};
use anstyle::Style;
use portcullis_directory::{Directory, Person, Session};
use serde_json::Value;
use std::fmt::Write;

const STRONG: Style = Style::new().bold();

fn value(person: &Person) -> Result<Value, Stop> {
    let mut value = serde_json::to_value(person).map_err(Stop::cannot_run)?;
    dated(&mut value, &["created", "updated", "disabled_since"]);
    Ok(value)
}

/// Somebody new.
pub(super) fn added(person: &Person, format: Format) -> Outcome {
    match format {
        Format::Text => data(format_args!("{STRONG}{}{STRONG:#}  {}\n", person.id, person.login)),
        Format::Json => format.print(&value(person)?, String::new),
    }
}

/// The talk has said it; data only for programs.
pub(super) fn changed(person: &Person, format: Format) -> Outcome {
    match format {
        Format::Text => Ok(Exit::Done),
        Format::Json => format.print(&value(person)?, String::new),
    }
}

/// Some people.
pub(super) fn all(people: &[Person], format: Format) -> Outcome {
    let values = people.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    format.print(&values, || {
        if people.is_empty() {
            talk("nobody yet: portcullis person add LOGIN --role ROLE --invite");
            return String::new();
        }
        let rows: Vec<[String; 5]> = people
            .iter()
            .map(|person| {
                [
                    person.login.clone(),
                    state(person),
                    person.roles.join(" "),
                    means(person),
                    person.profile.name.clone().unwrap_or_default(),
                ]
            })
            .collect();
        table(["LOGIN", "STATE", "ROLES", "SIGNS IN BY", "NAME"], &rows)
    })
}

/// One person, with their sessions.
pub(super) async fn one(directory: &Directory, person: &Person, format: Format) -> Outcome {
    let sessions = directory.sessions_of(&person.id, clock::now()).await.map_err(refused)?;
    let mut json = value(person)?;
    let mut list = serde_json::to_value(&sessions).map_err(Stop::cannot_run)?;
    dated(&mut list, &["started", "seen", "at"]);
    if let Some(members) = json.as_object_mut() {
        members.insert("sessions".to_owned(), list);
    }
    format.print(&json, || {
        let mut text = format!("{STRONG}{}{STRONG:#}  {}\n", person.login, person.id);
        let lines = [
            ("name", person.profile.name.clone().unwrap_or_default()),
            ("email", person.profile.email.clone().unwrap_or_default()),
            ("state", state(person)),
            ("roles", person.roles.join(" ")),
            ("groups", person.groups.join(", ")),
            ("tenant", person.tenant.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("directory", person.directory.clone().unwrap_or_default()),
            ("signs in by", means(person)),
            ("joined", person.created.to_string()),
        ];
        for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "{name:<12} {value}");
        }
        if !sessions.is_empty() {
            let _ = write!(text, "\n{}", session_rows(&sessions));
        }
        text
    })
}

/// Sessions as a table.
pub(in crate::cli) fn session_rows(sessions: &[Session]) -> String {
    let rows: Vec<[String; 5]> = sessions
        .iter()
        .map(|session| {
            [
                session.id.to_string(),
                session.device.clone(),
                session.remote.clone().unwrap_or_default(),
                session.authentication.acr.name().to_owned(),
                session.seen.to_string(),
            ]
        })
        .collect();
    table(["SESSION", "DEVICE", "FROM", "ACR", "LAST USED"], &rows)
}

fn state(person: &Person) -> String {
    let by = person.disabled_by;
    let whose = match (by.operator, by.directory) {
        (false, false) => return "enabled".into(),
        (true, false) => "by the operator",
        (false, true) => "by its directory",
        (true, true) => "by the operator and by its directory",
    };
    format!("disabled {whose}")
}

pub(super) fn means(person: &Person) -> String {
    let factors = person.factors;
    let mut means = Vec::new();
    if factors.password {
        means.push("password".to_owned());
    }
    if factors.totp {
        means.push("code".to_owned());
    }
    match factors.passkeys {
        0 => {}
        1 => means.push("passkey".to_owned()),
        count => means.push(format!("{count} passkeys")),
    }
    if factors.linked > 0 {
        means.push("another provider".to_owned());
    }
    if means.is_empty() { "nothing yet".to_owned() } else { means.join(", ") }
}
