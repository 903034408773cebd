//! `[roles.NAME]`, `[groups]`, `[scim.NAME]`, `[sign_in]` and `[mail]`: what people may have, how they sign in, and how they are
//! written to.

use super::{
    files::Machine,
    findings::Findings,
    read::{Section, Value},
    settings::{Mail, MailTo, People},
    words,
};
use portcullis_directory::{BreachList, PeopleSettings, Role, Roles};
use portcullis_issuer::mail::Smtp;
use portcullis_types::{Pattern, Registry, Ttl};
use std::{collections::BTreeMap, path::Path, sync::Arc};

const MINUTE: Ttl = Ttl::seconds(60);
const YEAR: Ttl = Ttl::seconds(365 * 24 * 3600);

/// All five.
pub(super) fn people(
    root: &mut Section<'_>,
    registry: &Registry,
    machine: &Machine<'_>,
    out: &mut Findings,
) -> People {
    let by_name = roles(root, registry, out);
    let groups = groups(root, &by_name, out);
    let scim = scim(root, &by_name, out);
    let mut settings =
        PeopleSettings { roles: Roles { by_name, groups, scim }, ..PeopleSettings::default() };
    if let Some(mut table) = root.get("sign_in").and_then(|value| value.section(out)) {
        sign_in(&mut table, &mut settings, machine, out);
        table.finish(out);
    }
    let mut mail = Mail::default();
    if let Some(mut table) = root.get("mail").and_then(|value| value.section(out)) {
        mail = read_mail(&mut table, machine, out);
        table.finish(out);
    }
    People { settings, mail }
}

fn roles(
    root: &mut Section<'_>,
    registry: &Registry,
    out: &mut Findings,
) -> BTreeMap<String, Role> {
    let entries = root.get("roles").map(|roles| roles.entries(out)).unwrap_or_default();
    let mut roles = BTreeMap::new();
    for (name, value) in entries {
        if !is_name(name) {
            out.error(&value.place(), format!("'{name}' cannot be the name of a role"))
                .expected("letters, digits, '.', '_' and '-', at most 64");
        }
        let Some(mut table) = value.section(out) else { continue };
        let title = table.get("title").and_then(|title| title.text(out)).unwrap_or(name).to_owned();
        let scopes = table.need("scopes", "[\"model:list\"]", out);
        let scopes: Vec<(Pattern, _)> =
            scopes.map(|scopes| scopes.parse_list(out)).unwrap_or_default();
        for (pattern, place) in &scopes {
            if pattern.expand(registry).is_empty() {
                out.error(place, format!("no scope is meant by '{pattern}'"))
                    .hint("a scope of your own needs a [[scope]]");
            }
        }
        table.finish(out);
        let scopes = scopes.into_iter().map(|(pattern, _)| pattern).collect();
        roles.insert(name.to_owned(), Role { title, scopes });
    }
    roles
}

pub(super) fn is_name(name: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&name.len()) && name.chars().all(safe)
}

fn groups(
    root: &mut Section<'_>,
    roles: &BTreeMap<String, Role>,
    out: &mut Findings,
) -> BTreeMap<String, Vec<String>> {
    let entries = root.get("groups").map(|groups| groups.entries(out)).unwrap_or_default();
    let mut groups = BTreeMap::new();
    for (name, value) in entries {
        let named: Vec<(String, _)> = value.parse_list(out);
        for (role, place) in &named {
            if roles.contains_key(role) {
                continue;
            }
            out.error(place, format!("there is no role '{role}'"));
            let known = roles.keys().map(String::as_str);
            match words::did_you_mean(role, known) {
                Some(hint) => out.hint(hint),
                None => out.hint(format!("add [roles.{role}]")),
            };
        }
        groups.insert(name.to_owned(), named.into_iter().map(|(role, _)| role).collect());
    }
    groups
}

/// What the groups of one company's directory bring, by the directory's name.
fn scim(
    root: &mut Section<'_>,
    roles: &BTreeMap<String, Role>,
    out: &mut Findings,
) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let entries = root.get("scim").map(|scim| scim.entries(out)).unwrap_or_default();
    let mut directories = BTreeMap::new();
    for (name, value) in entries {
        let Some(mut table) = value.section(out) else { continue };
        directories.insert(name.to_owned(), groups(&mut table, roles, out));
        table.finish(out);
    }
    directories
}

fn sign_in(
    table: &mut Section<'_>,
    settings: &mut PeopleSettings,
    machine: &Machine<'_>,
    out: &mut Findings,
) {
    let idle = table.get("session_idle");
    if let Some(ttl) = idle.as_ref().and_then(|value| value.ttl(MINUTE..=YEAR, out)) {
        settings.session_idle = ttl;
    }
    let max = table.get("session_max");
    if let Some(ttl) = max.as_ref().and_then(|value| value.ttl(MINUTE..=YEAR, out)) {
        settings.session_max = ttl;
    }
    if settings.session_idle > settings.session_max
        && let Some(place) = idle.or(max).map(|value| value.place())
    {
        let (idle, most) = (settings.session_idle, settings.session_max);
        out.error(
            &place,
            format!("a session would end after {most}, used or not: {idle} never comes"),
        )
        .expected(format!("session_idle of at most {most}"));
    }
    if let Some(value) = table.get("breached_passwords")
        && let Some(path) = machine.file(&value, out)
    {
        settings.breached = breached(&path, &value, out);
    }
}

fn breached(path: &Path, value: &Value<'_>, out: &mut Findings) -> Option<Arc<BreachList>> {
    match BreachList::open(path) {
        Ok(list) => Some(Arc::new(list)),
        Err(fault) => {
            out.error(&value.place(), format!("this is no list of passwords: {fault}"))
                .expected("SHA-1 hashes in hex, one a line, sorted");
            None
        }
    }
}

fn read_mail(table: &mut Section<'_>, machine: &Machine<'_>, out: &mut Findings) -> Mail {
    let from = table.get("from");
    let text = from.as_ref().and_then(|from| from.text(out)).map(str::to_owned);
    if let (Some(from), Some(text)) = (&from, &text) {
        let sink = portcullis_issuer::mail::Sink::Console;
        let settings = portcullis_issuer::mail::MailSettings { from: text.clone(), sink };
        if settings.problem().is_some() {
            out.error(&from.place(), format!("'{text}' is no address for mail"))
                .expected("such as \"Portcullis <no-reply@example.com>\"");
        }
    }
    let smtp = table.get("smtp");
    let password = table.get("password").map(|value| (machine.secret(&value, out), value.place()));
    let folder = table.get("folder");
    let console = table.get("console").and_then(|value| Some((value.flag(out)?, value.place())));
    let ways = [
        smtp.as_ref().map(Value::place),
        folder.as_ref().map(Value::place),
        console.as_ref().filter(|(on, _)| *on).map(|(_, place)| place.clone()),
    ];
    let mut ways = ways.into_iter().flatten();
    if let (Some(_), Some(second)) = (ways.next(), ways.next()) {
        out.error(&second, "mail cannot go two ways").expected("one of smtp, folder and console");
    }
    if let (None, Some((_, place))) = (&smtp, &password) {
        out.error(place, "there is a password and no server")
            .hint("add smtp = \"smtps://user@host\"");
    }
    let to = match (smtp, folder, console) {
        (Some(smtp), ..) => {
            server(&smtp, out).map(|url| MailTo::Smtp(url, password.and_then(|(source, _)| source)))
        }
        (None, Some(folder), _) => machine.path(&folder, out).map(MailTo::Folder),
        (None, None, Some((true, _))) => Some(MailTo::Console),
        (None, None, _) => None,
    };
    Mail { from: text, to }
}

fn server(value: &Value<'_>, out: &mut Findings) -> Option<String> {
    let text = value.text(out)?;
    // Nobody's password is shown again.
    if text.split('@').next().is_some_and(|user| user.matches(':').count() > 1) {
        out.mask(value.place().span);
        out.error(&value.place(), "a password is written in this file")
            .expected("\"smtps://user@host\"")
            .hint("name where it is: password = { file = \"mail.password\" } or { env = \"MAIL_PASSWORD\" }");
        return None;
    }
    match Smtp::new(text, None) {
        Ok(_) => Some(text.to_owned()),
        Err(fault) => {
            out.error(&value.place(), fault.to_string());
            None
        }
    }
}
